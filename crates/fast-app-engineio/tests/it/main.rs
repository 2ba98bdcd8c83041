//! Engine.IO on the wire, against an echo server in the test's own process.

#![allow(
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod echo;
mod ending;
mod handshake;
mod heartbeat;
mod malformed;
mod outbound;
mod panics;
mod polling;
mod security;
mod serve;
mod upgrade;
mod websocket;

use std::{future::Future, pin::pin, time::Duration};

use fast_app_engineio::{CloseReason, Config};
use serde_json::json;
use testkit::http::{self, Response};
use tokio::time::timeout;

/// How long anything may take that is to happen at once, in moments of 10 ms. The aim is 100 ms; a busy machine gets five
/// times that.
const MOMENTS: u32 = 50;
const MOMENT: Duration = Duration::from_millis(10);

/// A GET without an `sid` on this path is a polling handshake.
const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// The heartbeat of the public conformance suite.
fn fast_heartbeat() -> Config {
    Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        ..Config::default()
    }
}

/// Waits no longer than [`MOMENTS`], which are counted: one in which the machine stands still for seconds is one.
#[track_caller]
fn promptly<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let mut future = pin!(future);
        for _ in 0..MOMENTS {
            if let Ok(done) = timeout(MOMENT, &mut future).await {
                return done;
            }
        }
        let limit = MOMENT * MOMENTS;
        panic!("nothing happened within {limit:?} at {caller}")
    }
}

#[track_caller]
fn assert_ok(response: &Response, body: &str) {
    assert_eq!((response.status, response.text().as_str()), (200, body));
}

/// An error as Engine.IO's own server words it.
#[track_caller]
fn assert_refused(response: &Response, status: u16, code: u8, message: &str) {
    let want = json!({"code": code, "message": message});
    assert_eq!((response.status, response.json()), (status, want));
    assert_eq!(response.header("content-type"), Some("application/json"));
}

/// The answer to a request that does not fit.
#[track_caller]
fn assert_bad_request(response: &Response) {
    assert_refused(response, 400, 3, "Bad request");
}

/// The answer when the session is over.
#[track_caller]
fn assert_unknown(response: &Response) {
    assert_refused(response, 400, 1, "Session ID unknown");
}

/// A connection that the server knows already.
///
/// A test and its server share one thread, which serves what comes first first: what is sent on this connection is
/// served before a request on one that is yet to be opened.
async fn connection(server: &echo::Server) -> http::Connection {
    let mut connection = http::Connection::open(server.addr()).await;
    connection
        .send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert_ok(&connection.response().await.unwrap(), "another route");
    connection
}

/// Sends a GET for packets that are yet to come, and comes back when the server holds it.
async fn hold(server: &echo::Server, polling: &testkit::Polling) -> http::Connection {
    let mut held = connection(server).await;
    held.send(poll_request(polling)).await;
    connection(server).await;
    held
}

fn poll_request(polling: &testkit::Polling) -> String {
    format!(
        "GET {} HTTP/1.1\r\nHost: x\r\n\r\n",
        polling.path("polling")
    )
}

/// The request for a new session on a WebSocket.
fn websocket_head() -> String {
    format!(
        "GET {WEBSOCKET} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// That the server still serves: a new client on each transport gets its echo.
async fn assert_next_client_served(server: &echo::Server) {
    let mut socket = testkit::RawSocket::engineio(server.addr()).await;
    socket.send_text("4still here").await;
    promptly(socket.expect_text("4still here")).await;
    let mut polling = testkit::Polling::handshake(server.addr()).await;
    promptly(polling.post(&["4still here"])).await;
    promptly(polling.expect_text("4still here")).await;
    promptly(polling.post(&["1"])).await;
    socket.send_text("1").await;
    promptly(socket.expect_close()).await;
    assert_eq!(server.closed().await, CloseReason::Client);
    assert_eq!(server.closed().await, CloseReason::Client);
}
