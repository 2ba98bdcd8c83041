//! Frames that no client may send, on a session and in place of a probe.

use fast_app_engineio::{CloseReason, Config};
use testkit::{Frame, Polling, RawSocket, Stopwatch};

use super::{NO_UTF8, TEXTS, Trial, answer, fragment};
use crate::{echo::Server, promptly};

/// A masked frame's header that declares a length, and no payload.
fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first, 0xff];
    bytes.extend(length.to_be_bytes());
    bytes.extend([1, 2, 3, 4]);
    bytes
}

/// What a WebSocket may not carry, with the code that it is closed with.
pub(super) fn frames() -> Vec<(String, Vec<u8>, u16)> {
    let mut table: Vec<(String, Vec<u8>, u16)> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>, code| table.push((name.to_owned(), bytes, code));
    for (name, text) in TEXTS {
        add(name, Frame::text(text).encode(), 1002);
        let cut = [
            fragment(Frame::TEXT, ""),
            fragment(Frame::CONTINUATION, text),
            Frame::new(Frame::CONTINUATION, "").encode(),
        ];
        add(&format!("{name} in fragments"), cut.concat(), 1002);
    }
    for (name, bytes) in NO_UTF8 {
        add(name, Frame::new(Frame::TEXT, bytes).encode(), 1007);
        let cut = [
            fragment(Frame::TEXT, &bytes[..1]),
            Frame::new(Frame::CONTINUATION, &bytes[1..]).encode(),
        ];
        add(&format!("{name} in fragments"), cut.concat(), 1007);
        let reason = [&1000u16.to_be_bytes()[..], &bytes[1..]].concat();
        add(
            &format!("{name} in a close reason"),
            Frame::new(Frame::CLOSE, reason).encode(),
            1007,
        );
    }
    for opcode in [
        Frame::TEXT,
        Frame::BINARY,
        Frame::PING,
        Frame::PONG,
        Frame::CLOSE,
    ] {
        let frame = Frame::new(opcode, []);
        let unmasked = Frame {
            masked: false,
            ..frame.clone()
        };
        add(
            &format!("opcode {opcode} unmasked"),
            unmasked.encode(),
            1002,
        );
        for rsv in [1, 2, 4, 7] {
            let reserved = Frame {
                rsv,
                ..frame.clone()
            };
            add(
                &format!("opcode {opcode} with reserved bits {rsv}"),
                reserved.encode(),
                1002,
            );
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        add(
            &format!("opcode {opcode}"),
            Frame::new(opcode, "4x").encode(),
            1002,
        );
        add(
            &format!("opcode {opcode} in fragments"),
            fragment(opcode, "4x"),
            1002,
        );
    }
    for opcode in [Frame::PING, Frame::PONG, Frame::CLOSE] {
        add(
            &format!("opcode {opcode} in fragments"),
            fragment(opcode, [3, 232]),
            1002,
        );
        let long = Frame::new(opcode, [b'x'; 126]).encode();
        add(&format!("opcode {opcode} of 126 bytes"), long, 1002);
    }
    let begun = fragment(Frame::TEXT, "4x");
    for (name, next) in [
        ("text", Frame::text("4y")),
        ("binary", Frame::binary("y")),
        ("text of protocol 3", Frame::text("")),
    ] {
        let both = [begun.clone(), next.encode()].concat();
        add(&format!("{name} between fragments"), both, 1002);
    }
    for opcode in [3, 7, 11, 15] {
        let both = [begun.clone(), Frame::new(opcode, "x").encode()].concat();
        add(&format!("opcode {opcode} between fragments"), both, 1002);
    }
    for rsv in 1..=7 {
        let frame = Frame {
            rsv,
            ..Frame::new(Frame::CONTINUATION, "y")
        };
        let both = [begun.clone(), frame.encode()].concat();
        add(
            &format!("last fragment with reserved bits {rsv}"),
            both,
            1002,
        );
    }
    for (name, frame) in [
        ("ping", Frame::new(Frame::PING, "x")),
        ("pong", Frame::new(Frame::PONG, "x")),
        ("close", Frame::close(1000)),
        ("last fragment", Frame::new(Frame::CONTINUATION, "x")),
    ] {
        let unmasked = Frame {
            masked: false,
            ..frame
        };
        let both = [begun.clone(), unmasked.encode()].concat();
        add(&format!("unmasked {name} between fragments"), both, 1002);
    }
    for opcode in [Frame::PING, Frame::PONG, Frame::CLOSE] {
        for (name, length) in [("64 KiB", 65_536), ("2^63 bytes", 1 << 63)] {
            add(
                &format!("opcode {opcode} of {name}"),
                header(0x80 | opcode, length),
                1002,
            );
        }
    }
    add(
        "two packets of polling",
        Frame::text("3\u{1e}4x").encode(),
        1002,
    );
    add(
        "continuation of nothing",
        Frame::new(Frame::CONTINUATION, "x").encode(),
        1002,
    );
    add(
        "fragment of nothing",
        fragment(Frame::CONTINUATION, "x"),
        1002,
    );
    let ended = [
        Frame::text("4x").encode(),
        Frame::new(Frame::CONTINUATION, "y").encode(),
    ];
    add("continuation of a whole message", ended.concat(), 1002);
    add(
        "close of one byte",
        Frame::new(Frame::CLOSE, [3]).encode(),
        1002,
    );
    for code in [
        0, 1, 125, 255, 256, 500, 998, 999, 1004, 1005, 1006, 1015, 1016, 1099, 1100, 1999, 2000,
        2001, 2999, 5000, 5001, 32_768, 65_534, 65_535,
    ] {
        add(
            &format!("close with code {code}"),
            Frame::close(code).encode(),
            1002,
        );
    }
    for (name, length) in [
        ("one byte too many", 1_000_001),
        ("16 MiB", 16 << 20),
        ("4 GiB", 1 << 32),
        ("2^63 - 1 bytes", (1 << 63) - 1),
        ("2^63 bytes", 1 << 63),
        ("2^64 - 1 bytes", u64::MAX),
    ] {
        add(&format!("text of {name}"), header(0x81, length), 1009);
        add(&format!("binary of {name}"), header(0x82, length), 1009);
        let later = [begun.clone(), header(0x80, length)].concat();
        add(&format!("fragment of {name}"), later, 1009);
    }
    let sum = [
        fragment(Frame::BINARY, vec![0; 600_000]),
        header(0x80, 400_001),
    ];
    add("fragments of one byte too many in sum", sum.concat(), 1009);
    let empty = fragment(Frame::CONTINUATION, "");
    add(
        "5,000 empty fragments",
        [begun.clone(), empty.repeat(5_000)].concat(),
        1008,
    );
    add(
        "one fragment too many",
        [
            begun.clone(),
            fragment(Frame::CONTINUATION, "y").repeat(4_096),
        ]
        .concat(),
        1008,
    );
    add(
        "tls",
        vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03],
        1002,
    );
    add(
        "http for a frame",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        1002,
    );
    add("nothing but zeros", vec![0; 16], 1002);
    add("nothing but ones", vec![0xff; 16], 1002);
    table
}

#[tokio::test]
async fn wrong_frames_close_the_websocket_with_their_code() {
    for server in [
        Server::start(Config::default()).await,
        Server::start_wrapped(Config::default()).await,
    ] {
        let mut trial = Trial::on(server).await;
        for (name, bytes, code) in frames() {
            let mut socket = RawSocket::engineio(trial.server.addr()).await;
            let start = Stopwatch::start();
            socket.send_bytes(bytes).await;
            let got = answer(&name, async {
                (socket.expect_close().await, trial.server.closed().await)
            });
            let got = got.await;
            let want = (Some(code), CloseReason::ProtocolError);
            trial.check(&name, start, got, want).await;
        }
        assert_eq!(trial.finish().await.engine().sessions(), 0);
    }
}

#[tokio::test]
async fn wrong_frames_in_place_of_a_probe_leave_the_session_polling() {
    let mut trial = Trial::start().await;
    let addr = trial.server.addr();
    let mut polling = Polling::handshake(addr).await;
    let path = polling.path("websocket");
    for (name, bytes, code) in frames() {
        if name.starts_with("probe outside of an upgrade") {
            continue;
        }
        let socket = answer(&name, RawSocket::connect(addr, &path, &[])).await;
        let mut socket = socket.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        let start = Stopwatch::start();
        socket.send_bytes(bytes).await;
        let got = answer(&name, socket.expect_close()).await;
        trial.check(&name, start, got, Some(code)).await;
        answer(&name, socket.expect_close()).await;
    }
    promptly(polling.post(&["4still polling"])).await;
    promptly(polling.expect_text("4still polling")).await;
    assert!(trial.server.none_closed().await);
    trial.finish().await;
}
