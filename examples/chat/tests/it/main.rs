//! The chat from outside: the binary as it is started, real clients, a real Redis, a real browser.
//!
//! A test of the contract, frame by frame, belongs to `contract`; of stock clients to `clients`; of several workers to
//! `workers`; of how the program starts and ends to `process`; what a person sees to `page`; what whoever operates it
//! sees to `operations`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;
mod contract;
mod operations;
mod page;
mod process;
mod workers;

use serde_json::{Value, json};
use testkit::{Server, http};

/// One worker without Redis.
async fn chat() -> Server {
    worker("memory://").await
}

/// A worker on this bus.
async fn worker(bus: &str) -> Server {
    Server::spawn(
        env!("CARGO_BIN_EXE_chat"),
        &[("BIND", "127.0.0.1:0"), ("REDIS_SOCKETIO_URL", bus)],
    )
    .await
}

/// Posts a message, which must be accepted.
async fn say(server: &Server, chat: &str, text: &str) {
    let body = json!({ "text": text }).to_string();
    let response = http::post(server.addr(), &format!("/chats/{chat}/messages"), body).await;
    assert_eq!(
        (response.status, response.json()),
        (200, json!({ "broadcast": true })),
        "{}",
        server.stderr()
    );
}

/// What a message in an `update_chat` said.
fn text_of(update: &Value) -> &str {
    update["last_message"]["text"]
        .as_str()
        .expect("an update has a message")
}
