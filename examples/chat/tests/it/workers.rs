//! Several workers on one Redis.

use std::time::Instant;

use serde_json::{Value, json};
use testkit::{ConnectOptions, PythonManager, RedisServer, Server, StockClient, TIMEOUT, To};

use super::{say, text_of, worker};

async fn two_workers() -> (RedisServer, [Server; 2]) {
    let redis = RedisServer::spawn().await;
    let workers = [worker(&redis.url()).await, worker(&redis.url()).await];
    listeners(&redis, 2).await;
    (redis, workers)
}

/// Waits until so many workers listen.
async fn listeners(redis: &RedisServer, count: usize) {
    let start = Instant::now();
    loop {
        let answer = redis.cli(&["PUBSUB", "NUMSUB", "socketio"]).await;
        if answer.split_whitespace().last() == Some(count.to_string().as_str()) {
            return;
        }
        assert!(
            start.elapsed() < TIMEOUT,
            "{count} workers do not listen: {answer}"
        );
    }
}

/// Waits until something is so.
async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < TIMEOUT, "waited in vain until {what}");
    }
}

async fn readiness(server: &Server) -> (u16, String) {
    let ready = testkit::http::get(server.addr(), "/ready").await;
    (ready.status, ready.text())
}

async fn member(server: &Server, client: StockClient, token: &str) -> StockClient {
    let options = ConnectOptions {
        auth: json!({ "token": token }),
        ..ConnectOptions::default()
    };
    client.connect(server.url(), options).await.unwrap();
    client
        .call("join_chat", vec![json!({ "chat_id": "1" })])
        .await;
    client.expect("joined").await;
    client
}

#[tokio::test]
async fn a_post_to_one_worker_reaches_clients_of_both_once_and_in_order() {
    let (redis, workers) = two_workers().await;
    let clients = [
        member(&workers[0], StockClient::node(), "alice").await,
        member(&workers[1], StockClient::python(), "bob").await,
    ];
    let texts: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for text in &texts {
        say(&workers[0], "1", text).await;
    }
    // Through Redis, and last: whatever was to come has come before it.
    PythonManager::start(&redis.url())
        .emit("end", json!(null), To::room("chat|1"))
        .await;
    for client in clients {
        assert!(client.expect("end").await.is_empty());
        for text in &texts {
            assert_eq!(text_of(&client.expect("update_chat").await[0]), *text);
        }
        assert_eq!(client.log(), []);
    }
}

#[tokio::test]
async fn a_python_process_reaches_clients_of_both_workers() {
    let (redis, workers) = two_workers().await;
    let clients = [
        member(&workers[0], StockClient::node(), "alice").await,
        member(&workers[1], StockClient::python(), "bob").await,
    ];
    let python = PythonManager::start(&redis.url());
    let data = json!({ "big": 9_007_199_254_740_991_i64, "text": "ž😀", "list": [1, null, true] });
    python
        .emit("update_chat", data.clone(), To::room("chat|1"))
        .await;
    python
        .emit("update_chat", json!("not for them"), To::room("chat|2"))
        .await;
    python.emit("end", json!(null), To::default()).await;
    for client in clients {
        assert!(client.expect("end").await.is_empty());
        assert_eq!(
            client.expect("update_chat").await,
            std::slice::from_ref(&data)
        );
        assert_eq!(client.log(), []);
    }
}

#[tokio::test]
async fn without_redis_local_clients_are_served_and_the_error_is_said() {
    let mut redis = RedisServer::spawn().await;
    redis.stop().await;
    let server = worker(&redis.url()).await;
    let client = member(&server, StockClient::node(), "alice").await;
    let response =
        testkit::http::post(server.addr(), "/chats/1/messages", r#"{"text":"local"}"#).await;
    assert_eq!(response.status, 503);
    assert_eq!(text_of(&client.expect("update_chat").await[0]), "local");
    let deaf = r#"{"status":"unready","bus":"deaf","draining":false}"#;
    assert_eq!(readiness(&server).await, (503, deaf.to_owned()));
    let health = testkit::http::get(server.addr(), "/health").await;
    assert_eq!(health.status, 200);
    assert!(
        server.stderr().contains("redis cannot be heard"),
        "{}",
        server.stderr()
    );

    redis.start().await;
    until("it listens", async || readiness(&server).await.0 == 200).await;
    PythonManager::start(&redis.url())
        .emit("back", json!(1), To::room("chat|1"))
        .await;
    assert_eq!(client.expect("back").await, [json!(1)]);
    say(&server, "1", "again").await;
    assert_eq!(text_of(&client.expect("update_chat").await[0]), "again");
}

#[tokio::test]
async fn the_log_says_what_is_heard_and_what_is_not_and_no_password() {
    let mut redis = RedisServer::spawn_with_password("secret").await;
    let server = Server::spawn(
        env!("CARGO_BIN_EXE_chat"),
        &[
            ("BIND", "127.0.0.1:0"),
            ("REDIS_SOCKETIO_URL", &redis.url()),
            ("REDIS_SOCKETIO_CHANNEL", "shop"),
            ("RUST_LOG", "trace"),
        ],
    )
    .await;
    let says = async |text: &str| {
        let start = Instant::now();
        while !server.stderr().contains(text) {
            assert!(
                start.elapsed() < TIMEOUT,
                "no {text} in {}",
                server.stderr()
            );
            tokio::task::yield_now().await;
        }
    };
    let started = format!(
        r#"listening to redis address="127.0.0.1:{}" channel="shop""#,
        redis.port()
    );
    says(&started).await;

    // As python-socketio before 5.14 writes it.
    let pickle = r#"return redis.call("PUBLISH", "shop", "\128\4\149\24}.")"#;
    for _ in 0..3 {
        assert_eq!(redis.cli(&["EVAL", pickle, "0"]).await, "1");
    }
    let nan = r#"{"method": "emit", "event": "e", "data": [NaN], "namespace": "/", "room": null}"#;
    redis.cli(&["PUBLISH", "shop", nan]).await;
    says("there is NaN or Infinity in it").await;
    says("dropped=4").await;
    let log = server.stderr();
    let pickles = log.lines().filter(|line| line.contains("pickle"));
    let pickles: Vec<&str> = pickles.collect();
    assert!(
        pickles.len() == 1 && pickles[0].contains("upgrade the python-socketio that sends it"),
        "{pickles:?}"
    );

    redis.set_password("other secret").await;
    for connections in ["pubsub", "normal"] {
        redis.cli(&["CLIENT", "KILL", "TYPE", connections]).await;
    }
    says("redis cannot be heard").await;
    let message = r#"{"text":"x"}"#;
    testkit::http::post(server.addr(), "/chats/1/messages", message).await;
    redis.set_password("secret").await;
    says("what was published meanwhile is lost").await;
    let log = server.stderr();
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn redis_is_reached_with_tls() {
    let redis = RedisServer::spawn_with_tls().await;
    let authority = redis.ca_certificate();
    for scheme in ["rediss", "valkeys"] {
        let url = redis.tls_url().replace("rediss", scheme);
        let server = Server::spawn(
            env!("CARGO_BIN_EXE_chat"),
            &[
                ("BIND", "127.0.0.1:0"),
                ("REDIS_SOCKETIO_URL", &url),
                ("SSL_CERT_FILE", authority.to_str().unwrap()),
            ],
        )
        .await;
        until(&url, async || readiness(&server).await.0 == 200).await;
        let client = member(&server, StockClient::node(), "alice").await;
        PythonManager::start(&redis.url())
            .emit("safe", json!(1), To::room("chat|1"))
            .await;
        assert_eq!(client.expect("safe").await, [json!(1)]);
        say(&server, "1", "back").await;
        assert!(server.terminate().await.success());
    }
}

#[tokio::test]
async fn a_worker_speaks_as_its_fleet_is_said_to() {
    let redis = RedisServer::spawn().await;
    for (profile, heard) in [("5.15", json!([1, 2])), ("5.14", json!([[1, 2]]))] {
        let server = Server::spawn(
            env!("CARGO_BIN_EXE_chat"),
            &[
                ("BIND", "127.0.0.1:0"),
                ("REDIS_SOCKETIO_URL", &redis.url()),
                ("REDIS_SOCKETIO_PROFILE", profile),
            ],
        )
        .await;
        until(profile, async || readiness(&server).await.0 == 200).await;
        let client = member(&server, StockClient::node(), "alice").await;
        let emit =
            r#"{"method": "emit", "event": "e", "data": [1, 2], "namespace": "/", "room": null}"#;
        redis.cli(&["PUBLISH", "socketio", emit]).await;
        assert_eq!(Value::Array(client.expect("e").await), heard, "{profile}");
    }
}
