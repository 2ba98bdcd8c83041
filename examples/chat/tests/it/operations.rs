//! What whoever operates the chat sees: the text for Prometheus, and a log without secrets.

use std::time::Instant;

use serde_json::json;
use testkit::{ConnectOptions, Polling, RawSocket, Server, StockClient, TIMEOUT, http};

use super::{chat, say};

/// The value behind this name and labels in what Prometheus is told.
async fn metric(server: &Server, name: &str) -> Option<f64> {
    let text = http::get(server.addr(), "/metrics").await.text();
    let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    let (_, value) = lines.find(|(key, _)| *key == name)?;
    Some(value.parse().unwrap())
}

/// Waits until it is so much.
async fn until(server: &Server, name: &str, want: f64) {
    let start = Instant::now();
    while metric(server, name).await != Some(want) {
        let text = http::get(server.addr(), "/metrics").await.text();
        assert!(start.elapsed() < TIMEOUT, "{name} is not {want}:\n{text}");
    }
}

#[tokio::test]
async fn prometheus_sees_clients_come_and_go() {
    let server = chat().await;
    let options = || ConnectOptions {
        auth: json!({ "token": "alice" }),
        ..ConnectOptions::default()
    };
    let clients = [StockClient::node(), StockClient::python()];
    for client in &clients {
        client.connect(server.url(), options()).await.unwrap();
        client
            .call("join_chat", vec![json!({ "chat_id": "1" })])
            .await;
    }
    for (name, count) in [
        ("fast_app_sessions", 2.0),
        ("fast_app_sockets{namespace=\"/\"}", 2.0),
        ("fast_app_rooms{namespace=\"/\"}", 1.0),
        ("fast_app_memberships{namespace=\"/\"}", 2.0),
        ("fast_app_bus_listening", 1.0),
        ("fast_app_deliveries_total", 0.0),
    ] {
        assert_eq!(metric(&server, name).await, Some(count), "{name}");
    }
    say(&server, "1", "hi").await;
    until(&server, "fast_app_deliveries_total", 2.0).await;
    drop(clients);
    for name in [
        "fast_app_sessions",
        "fast_app_sockets{namespace=\"/\"}",
        "fast_app_rooms{namespace=\"/\"}",
        "fast_app_memberships{namespace=\"/\"}",
        "fast_app_queued_bytes",
    ] {
        until(&server, name, 0.0).await;
    }
    assert_eq!(
        metric(&server, "fast_app_sessions_opened_total").await,
        Some(2.0)
    );
}

/// At the level trace of everything, other crates included.
#[tokio::test]
async fn the_log_of_a_program_that_logs_everything_has_no_token_and_no_sid() {
    let server = Server::spawn(
        env!("CARGO_BIN_EXE_chat"),
        &[
            ("BIND", "127.0.0.1:0"),
            ("REDIS_SOCKETIO_URL", "memory://"),
            ("RUST_LOG", "trace"),
        ],
    )
    .await;
    let auth = r#"{"token":"alice"}"#;
    let mut websocket = RawSocket::socketio(server.addr(), auth).await;
    let polling = Polling::socketio(server.addr(), auth).await;
    let sids = [
        websocket.sid().to_owned(),
        websocket.open_packet()["sid"].as_str().unwrap().to_owned(),
        polling.sid().to_owned(),
        polling.open_packet()["sid"].as_str().unwrap().to_owned(),
    ];
    let mut upgraded = polling.upgrade().await;
    for client in [&mut websocket, &mut upgraded] {
        client.send_text(r#"42["join_chat",{"chat_id":"1"}]"#).await;
        client.expect_text(r#"42["joined"]"#).await;
    }
    say(&server, "1", "not for the log").await;
    for client in [&mut websocket, &mut upgraded] {
        assert!(client.recv_text().await.contains("not for the log"));
        client.send_text("1").await;
        client.expect_close().await;
    }
    let start = Instant::now();
    while server.stderr().matches("session closed").count() < 2 {
        assert!(start.elapsed() < TIMEOUT, "{}", server.stderr());
        tokio::task::yield_now().await;
    }
    let log = server.stderr();
    for secret in ["alice", "not for the log"]
        .into_iter()
        .chain(sids.iter().map(String::as_str))
    {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    for span in [&sids[1], &sids[3]].map(|sid| format!("session{{sid={}…}}", &sid[..6])) {
        assert!(log.contains(&span), "no {span} in {log}");
    }
    assert!(
        log.contains(r#"broadcast{event="update_chat" namespace="/"}"#),
        "{log}"
    );
}
