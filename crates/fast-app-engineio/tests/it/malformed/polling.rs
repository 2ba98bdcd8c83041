//! Bodies that no client may post.

use fast_app_engineio::{CloseReason, Config};
use testkit::{Polling, http};
use tokio::time::Instant;

use super::{Findings, NO_UTF8, TEXTS};
use crate::{assert_next_client_served, assert_unknown, echo::Server, promptly};

/// Bodies that no POST may have.
fn bodies() -> Vec<(String, Vec<u8>)> {
    let mut table: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, text) in TEXTS {
        // Binary messages are Base64 over polling.
        if name != "base64" {
            table.push((name.to_owned(), text.as_bytes().to_vec()));
            table.push((
                format!("{name} behind a message"),
                format!("4x\u{1e}{text}").into_bytes(),
            ));
            table.push((
                format!("{name} before a message"),
                format!("{text}\u{1e}4x").into_bytes(),
            ));
        }
    }
    for (name, bytes) in NO_UTF8 {
        table.push((name.to_owned(), bytes.to_vec()));
        table.push((
            format!("{name} behind a message"),
            [b"4x\x1e", bytes].concat(),
        ));
    }
    for (name, body) in [
        ("no base64", "b###"),
        ("base64 without padding", "bAQ"),
        ("base64 of the other alphabet", "b-_-_"),
        ("base64 with a space", "bAQ ID"),
        ("base64 with a line feed", "bAQID\n"),
        ("base64 behind its end", "bAQ==AQID"),
        ("base64 with bits left over", "bAR=="),
        ("base64 of one character", "bA"),
        ("padding alone", "b===="),
        ("base64 that is not ascii", "bé"),
        ("separator at the end", "4x\u{1e}"),
        ("two separators", "4x\u{1e}\u{1e}4y"),
        ("form of jsonp", "d=4x"),
        ("form", "a=b&c=d"),
    ] {
        table.push((name.to_owned(), body.as_bytes().to_vec()));
    }
    table.push(("a million separators".to_owned(), vec![0x1e; 1_000_000]));
    table.push(("a million line feeds".to_owned(), vec![b'\n'; 1_000_000]));
    table.push(("a million letters".to_owned(), vec![b'x'; 1_000_000]));
    table.push((
        "too many packets".to_owned(),
        ["6"; 1_001].join("\u{1e}").into_bytes(),
    ));
    table
}

#[tokio::test]
async fn wrong_bodies_end_the_session() {
    let server = Server::start(Config::default()).await;
    let mut findings = Findings::default();
    for (name, body) in bodies() {
        let polling = Polling::handshake(server.addr()).await;
        let mut held = crate::hold(&server, &polling).await;
        let start = Instant::now();
        let answer = promptly(http::post(server.addr(), &polling.path("polling"), body)).await;
        findings.check(&name, start, (answer.status, answer.text()), bad_request());
        let reason = promptly(server.closed()).await;
        findings.check(&name, start, reason, CloseReason::ProtocolError);
        // Messages before the wrong packet were heard and answered.
        let last = promptly(held.response()).await.unwrap();
        let ended = last.text().ends_with('1') || last.text() == "4x";
        findings.check(&name, start, (last.status, ended), (200, true));
        assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
    }
    assert_eq!(server.engine().sessions(), 0);
    assert_next_client_served(&server).await;
    findings.assert_none(3 * 140);
}

fn bad_request() -> (u16, String) {
    (400, r#"{"code":3,"message":"Bad request"}"#.to_owned())
}
