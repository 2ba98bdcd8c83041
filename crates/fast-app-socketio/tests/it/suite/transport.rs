//! What both suites ask of sessions and their transports.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Frame, RawSocket, http};

use super::Echo;

/// The body of an open packet, but for its sid.
#[track_caller]
fn assert_open(packet: &str, upgrades: &[&str]) {
    let mut open: Value = serde_json::from_str(packet.strip_prefix('0').unwrap()).unwrap();
    let sid = open.as_object_mut().unwrap().remove("sid").unwrap();
    assert!(!sid.as_str().unwrap().is_empty());
    let rest = json!({
        "upgrades": upgrades, "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000
    });
    assert_eq!(open, rest);
}

pub(super) async fn polling_opens(echo: Echo) {
    let response = echo.get(&echo.url("EIO=4&transport=polling")).await;
    assert_eq!(response.status, 200);
    assert_open(&response.text(), &["websocket"]);
}

pub(super) async fn websocket_opens(echo: Echo) {
    let path = echo.url("EIO=4&transport=websocket");
    let mut socket = echo.connect(&path).await.unwrap();
    assert_open(&socket.recv_text().await, &[]);
}

pub(super) async fn polling_is_refused(echo: Echo, queries: [&str; 2]) {
    for query in queries {
        assert_eq!(echo.get(&echo.url(query)).await.status, 400, "{query}");
    }
}

pub(super) async fn websocket_is_refused(echo: Echo, queries: [&str; 2]) {
    for query in queries {
        let refused = echo.connect(&echo.url(query)).await.unwrap_err();
        assert_eq!(refused.status, 400, "{query}");
    }
}

pub(super) async fn only_get_opens(echo: Echo) {
    let path = echo.url("EIO=4&transport=polling");
    for method in ["POST", "PUT"] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        let response = http::request(echo.server.addr(), request).await;
        assert_eq!(response.status, 400, "{method}");
    }
}

pub(super) async fn polling_heartbeat(echo: Echo) {
    let start = Instant::now();
    let mut polling = echo.polling().await;
    for _ in 0..3 {
        assert_eq!(polling.poll().await, ["2"]);
        polling.post(&["3"]).await;
    }
    assert_three_intervals(start);
}

pub(super) async fn websocket_heartbeat(echo: Echo) {
    let start = Instant::now();
    let mut socket = echo.websocket().await;
    for _ in 0..3 {
        socket.expect_text("2").await;
        socket.send_text("3").await;
    }
    assert_three_intervals(start);
}

/// Pings come no faster than they should; how late they may be is the machine's business.
#[track_caller]
fn assert_three_intervals(start: Instant) {
    let took = start.elapsed();
    assert!(took > Duration::from_millis(800), "{took:?}");
}

/// The end of a younger session on a WebSocket says that the time of the older one is over too.
pub(super) async fn polling_times_out(echo: Echo) {
    let polling = echo.polling().await;
    let mut younger = echo.websocket().await;
    younger.expect_close().await;
    assert_eq!(echo.get(&polling.path("polling")).await.status, 400);
}

pub(super) async fn websocket_times_out(echo: Echo) {
    let start = Instant::now();
    let mut socket = echo.websocket().await;
    assert_eq!(socket.expect_close().await, Some(1000));
    let took = start.elapsed();
    assert!(took > Duration::from_millis(400), "{took:?}");
}

pub(super) async fn polling_closes(echo: Echo) {
    let polling = echo.polling().await;
    let mut held = echo.hold(&polling).await;
    polling.post(&["1"]).await;
    let response = held.response().await.unwrap();
    assert_eq!((response.status, &response.text()[..]), (200, "6"));
    assert_eq!(echo.get(&polling.path("polling")).await.status, 400);
}

pub(super) async fn websocket_closes(echo: Echo) {
    let mut socket = echo.websocket().await;
    socket.send_text("1").await;
    assert_eq!(socket.expect_close().await, Some(1000));
}

/// A session that went over to a WebSocket, and the query with which it did.
///
/// The first ping is the proof that it has: pings go where the session is.
pub(super) async fn upgraded(echo: &Echo) -> (RawSocket, [String; 2]) {
    let polling = echo.polling().await;
    let paths = ["polling", "websocket"].map(|transport| polling.path(transport));
    let mut socket = echo.connect(&paths[1]).await.unwrap();
    for packet in ["2probe", "5"] {
        socket.send_text(packet).await;
    }
    socket.expect_text("3probe").await;
    socket.expect_text("2").await;
    socket.send_text("3").await;
    (socket, paths)
}

/// A WebSocket that the session has no place for is accepted and closed: the clients of the suites take a refused
/// handshake for a failure of the test.
pub(super) async fn assert_accepted_and_closed(echo: &Echo, path: &str) {
    let mut second = echo.connect(path).await.unwrap();
    let frame = second.recv().await;
    assert_eq!(frame.opcode, Frame::CLOSE, "{frame:?}");
}
