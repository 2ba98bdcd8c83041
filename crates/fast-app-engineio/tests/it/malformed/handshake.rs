//! Handshakes that make no WebSocket.

use testkit::{Stopwatch, http};

use super::{Trial, answer};
use crate::WEBSOCKET;

const VERSION: &str = "Sec-WebSocket-Version: 13";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/// A name, what the whole handshake says, and what this one says instead.
pub(super) fn handshakes() -> Vec<(&'static str, &'static str, String)> {
    let twice = |header: &str| format!("{header}\r\n{header}");
    let key = |key: &str| format!("Sec-WebSocket-Key: {key}");
    let version = |version: &str| format!("Sec-WebSocket-Version: {version}");
    vec![
        ("http 1.0", "HTTP/1.1", "HTTP/1.0".into()),
        ("post", "GET", "POST".into()),
        ("put", "GET", "PUT".into()),
        ("connect", "GET", "CONNECT".into()),
        (
            "no connection header",
            "Connection: Upgrade\r\n",
            String::new(),
        ),
        (
            "kept connection",
            "Connection: Upgrade",
            "Connection: keep-alive".into(),
        ),
        (
            "closed connection",
            "Connection: Upgrade",
            "Connection: close".into(),
        ),
        (
            "connection without its dash",
            "Connection: Upgrade",
            "Connection: Up grade".into(),
        ),
        (
            "connection in quotes",
            "Connection: Upgrade",
            "Connection: \"Upgrade\"".into(),
        ),
        ("no upgrade header", "\r\nUpgrade: websocket", String::new()),
        ("empty upgrade", "Upgrade: websocket", "Upgrade: ".into()),
        (
            "upgrade to http 2",
            "Upgrade: websocket",
            "Upgrade: h2c".into(),
        ),
        (
            "upgrade to websockets",
            "Upgrade: websocket",
            "Upgrade: websockets".into(),
        ),
        (
            "upgrade to a part of websocket",
            "Upgrade: websocket",
            "Upgrade: web".into(),
        ),
        (
            "upgrade to a version",
            "Upgrade: websocket",
            "Upgrade: websocket/13".into(),
        ),
        ("no version", VERSION, "A: b".into()),
        ("version twice", VERSION, twice(VERSION)),
        (
            "version 13 and 8",
            VERSION,
            format!("{VERSION}\r\n{}", version("8")),
        ),
        ("version 0", VERSION, version("0")),
        ("version 8", VERSION, version("8")),
        ("version 14", VERSION, version("14")),
        ("version 013", VERSION, version("013")),
        ("version 13.0", VERSION, version("13.0")),
        ("version +13", VERSION, version("+13")),
        ("version -13", VERSION, version("-13")),
        ("version in a list", VERSION, version("13, 8")),
        ("version in words", VERSION, version("thirteen")),
        ("empty version", VERSION, version("")),
        ("no key", KEY, "A: b".into()),
        ("key twice", KEY, twice(KEY)),
        (
            "two keys",
            KEY,
            format!("{KEY}\r\n{}", key("AAAAAAAAAAAAAAAAAAAAAA==")),
        ),
        ("empty key", KEY, key("")),
        ("key without padding", KEY, key("dGhlIHNhbXBsZSBub25jZQ")),
        ("key of 15 bytes", KEY, key("dGhlIHNhbXBsZSBub25j")),
        ("key of 17 bytes", KEY, key("dGhlIHNhbXBsZSBub25jZWU=")),
        ("key of one byte", KEY, key("AA==")),
        ("key of 1,000 bytes", KEY, key(&"AAAA".repeat(334))),
        (
            "key of the other alphabet",
            KEY,
            key("__--__--__--__--__--_A=="),
        ),
        (
            "key that is no base64",
            KEY,
            key("not base64 at all!!!!!=="),
        ),
        (
            "key with bits left over",
            KEY,
            key("dGhlIHNhbXBsZSBub25jZR=="),
        ),
        ("key beyond ascii", KEY, key("dGhlIHNhbXBsZSBub25jé==")),
        (
            "key of the protocol of 2010",
            KEY,
            "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5".into(),
        ),
    ]
}

#[tokio::test]
async fn a_wrong_handshake_makes_no_websocket() {
    let mut trial = Trial::start().await;
    let whole = crate::websocket_head();
    assert!(whole.contains(WEBSOCKET) && whole.contains(VERSION) && whole.contains(KEY));
    for (name, good, bad) in handshakes() {
        let request = whole.replacen(good, &bad, 1);
        assert_ne!(request, whole, "{name}");
        let start = Stopwatch::start();
        let got = answer(name, http::request(trial.server.addr(), request)).await;
        trial.check(name, start, got.status, 400).await;
        assert_eq!(trial.server.engine().sessions(), 1, "{name}");
    }
    trial.finish().await;
}
