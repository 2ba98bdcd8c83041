//! Bodies that no client may post.

use fast_app_engineio::CloseReason;
use testkit::{Polling, Stopwatch, http};

use super::{NO_UTF8, TEXTS, Trial, answer};
use crate::assert_unknown;

/// Bodies that no POST may have.
pub(super) fn bodies() -> Vec<(String, Vec<u8>)> {
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
        ("base64 with padding in the middle", "bAQ==ID=="),
        ("base64 with too much padding", "bAQID="),
        ("base64 with one padding for two", "bAQ="),
        ("base64 in percent", "bAQI%44"),
        ("base64 with a nul", "bAQID\0"),
        ("base64 that is cut by a letter", "bAQIDB"),
        ("base64 of a data url", "bdata:;base64,AQID"),
        ("base64 behind a message type", "4x\u{1e}bb4"),
        ("attachment of protocol 3", "b4AQID"),
        ("length-prefixed attachment of protocol 3", "10:b4AQIDBAUG"),
        ("record separator spelt out", "4x\\x1e4y\u{1e}"),
        ("unit separator before the type", "\u{1f}4x"),
        ("line feeds between packets", "4x\u{1e}\n4y"),
        ("chunk of http", "2\r\n4x\r\n0\r\n\r\n"),
        ("xml", "<?xml version=\"1.0\"?>"),
        ("separator at the end", "4x\u{1e}"),
        ("two separators", "4x\u{1e}\u{1e}4y"),
        ("form of jsonp", "d=4x"),
        ("form", "a=b&c=d"),
    ] {
        table.push((name.to_owned(), body.as_bytes().to_vec()));
    }
    for (name, body) in [
        ("utf-16", b"4\0x\0\xff\xfe".as_slice()),
        ("utf-16 with a byte order mark", b"\xff\xfe4\0x\0"),
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x33\xa9\0\0"),
        ("binary packet of protocol 3", b"\0\x02\xff4x"),
        ("msgpack", b"\x82\xa4type\x02\xa4data\xc0"),
        ("pickle", b"\x80\x04\x95\x05\0\0\0"),
        ("websocket frame", b"\x81\x82\x01\x02\x03\x044x"),
    ] {
        table.push((name.to_owned(), body.to_vec()));
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
    let mut trial = Trial::start().await;
    let addr = trial.server.addr();
    for (name, body) in bodies() {
        let polling = Polling::handshake(addr).await;
        let path = polling.path("polling");
        let mut held = crate::hold(&trial.server, &polling).await;
        let start = Stopwatch::start();
        let got = answer(&name, async {
            let posted = http::post(addr, &path, body).await;
            let reason = trial.server.closed().await;
            let last = held.response().await.unwrap();
            // Messages before the wrong packet were heard and answered.
            let ended = last.text().ends_with('1') || last.text() == "4x";
            (posted.status, posted.text(), reason, last.status, ended)
        });
        let got = got.await;
        let (status, text) = bad_request();
        let want = (status, text, CloseReason::ProtocolError, 200, true);
        trial.check(&name, start, got, want).await;
        assert_unknown(&answer(&name, http::get(addr, &path)).await);
    }
    assert_eq!(trial.finish().await.engine().sessions(), 0);
}

fn bad_request() -> (u16, String) {
    (400, r#"{"code":3,"message":"Bad request"}"#.to_owned())
}
