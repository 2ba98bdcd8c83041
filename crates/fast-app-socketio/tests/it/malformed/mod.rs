//! What no client may send: the connection is closed, and nobody else notices.

mod cases;

use std::{fmt::Debug, net::SocketAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fast_app_socketio::{EventName, Namespace, Socket, SocketIo};
use testkit::{Findings, Polling, RawSocket, Stopwatch, TIMEOUT, http};
use tokio::time::timeout;

use self::cases::cases;
use crate::{Diary, diary, expect_silence, start, write};

/// A server that writes down every event it handles.
async fn server() -> (SocketIo, SocketAddr, Diary) {
    let (pen, diary) = diary();
    let namespace = |path| {
        Namespace::new(path)
            .on("x", async |socket: Socket| write(&socket, "x"))
            .on("nobody handles this", async |_: Socket| ())
            .on_any(async |socket: Socket, name: EventName| write(&socket, name.0))
    };
    let builder = SocketIo::builder()
        .state(pen)
        .namespace(namespace("/"))
        .namespace(namespace("/custom"));
    let (server, addr) = start(builder).await;
    (server, addr, diary)
}

/// A table that loses its inputs proves nothing. With those of `fast-app-engineio` there are more than 500; each counts
/// for both transports.
#[test]
fn there_are_many_inputs() {
    assert!(2 * cases().count() >= 600, "{}", 2 * cases().count());
}

/// A server that cases are tried on, and a client of it that must notice none of them.
struct Trial {
    _server: SocketIo,
    addr: SocketAddr,
    diary: Diary,
    witness: RawSocket,
    findings: Findings,
}

impl Trial {
    async fn start() -> Self {
        let (server, addr, diary) = server().await;
        Self {
            _server: server,
            addr,
            diary,
            witness: RawSocket::socketio(addr, "").await,
            findings: Findings::default(),
        }
    }

    /// Notes the answer to a case that was sent at `start`. No handler ran, the witness gets an answer, and after every
    /// 50 cases a new client, too.
    async fn check<T: PartialEq + Debug>(&mut self, name: &str, start: Stopwatch, got: T, want: T) {
        self.findings.check(name, start, got, want);
        expect_silence(&mut self.witness).await;
        self.diary.expect_end();
        if self.findings.inputs().is_multiple_of(50) {
            expect_silence(&mut RawSocket::socketio(self.addr, "").await).await;
        }
    }
}

#[tokio::test]
async fn every_malformed_packet_closes_its_websocket_and_no_other() {
    let mut trial = Trial::start().await;
    for (is_connected, (name, packets)) in cases() {
        let mut client = match is_connected {
            true => RawSocket::socketio(trial.addr, "").await,
            false => RawSocket::engineio(trial.addr).await,
        };
        let start = Stopwatch::start();
        for packet in packets {
            match packet.strip_prefix('b') {
                Some(base64) => client.send_binary(STANDARD.decode(base64).unwrap()).await,
                None => client.send_text(packet).await,
            }
        }
        let code = timeout(TIMEOUT, client.expect_close()).await;
        trial.check(&name, start, code, Ok(Some(1002))).await;
    }
    trial.findings.assert_none();
}

#[tokio::test]
async fn every_malformed_packet_closes_its_polling_session() {
    let mut trial = Trial::start().await;
    for (is_connected, (name, packets)) in cases() {
        let client = match is_connected {
            true => Polling::socketio(trial.addr, "").await,
            false => Polling::handshake(trial.addr).await,
        };
        let path = client.path("polling");
        let body = packets.join("\x1e");
        let start = Stopwatch::start();
        let got = timeout(TIMEOUT, async {
            let posted = http::post(trial.addr, &path, body).await;
            let next = http::get(trial.addr, &path).await;
            (posted.status, next.status, next.json()["code"].as_u64())
        });
        let got = got.await;
        // Engine.IO took the body and said so; it is Socket.IO that ends the session, before anything is sent to it.
        let want = Ok((200, 400, Some(1)));
        trial.check(&name, start, got, want).await;
    }
    trial.findings.assert_none();
}

#[tokio::test]
async fn what_is_only_unusual_is_allowed() {
    let (_server, addr, mut diary) = server().await;
    let mut client = RawSocket::socketio(addr, "").await;
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let pairs: Vec<_> = (0..100_000).map(|_| r#""k":1"#).collect();
    for packet in [
        r#"42["x"]"#,
        r#"42 ["x"]"#,
        "42\t[\r\n\"x\" ] ",
        r#"42/,["x"]"#,
        r#"42/?query,["x"]"#,
        r#"420["x"]"#,
        r#"42007["x"]"#,
        r#"4218446744073709551615["x"]"#,
        r#"42["\u0078"]"#,
        r#"42["x","\ud800"]"#,
        r#"42["x",1e400,1180591620717411303424]"#,
        r#"42["x",{"_placeholder":true,"num":7}]"#,
        &format!(r#"42["x",{deep}]"#),
        &format!(r#"42["x",{{{}}}]"#, pairs.join(",")),
        &format!(r#"42["x","{}"]"#, r"\\".repeat(400_000)),
        &format!(r#"42["x","{}"]"#, "[".repeat(900_000)),
    ] {
        client.send_text(packet).await;
        diary.expect("x").await;
    }
    for name in ["", "é", &"y".repeat(128)] {
        client.send_text(format!(r#"42["{name}"]"#)).await;
        diary.expect(name).await;
    }
}

#[tokio::test]
async fn limits_of_packets_are_settings() {
    let builder = SocketIo::builder()
        .namespace(crate::echo("/"))
        .max_attachments(1)
        .max_event_name(20)
        .max_namespace_name(5)
        .max_depth(4);
    let (_server, addr) = crate::start(builder).await;
    let hole = r#"{"_placeholder":true,"num":0}"#;
    for (allowed, packet) in [
        (true, format!(r#"42["{}"]"#, "x".repeat(20))),
        (false, format!(r#"42["{}"]"#, "x".repeat(21))),
        (true, format!(r#"451-["abc",{hole}]"#)),
        (false, format!(r#"452-["abc",{hole}]"#)),
        (true, "40/abcd".to_owned()),
        (false, "40/abcde".to_owned()),
        (true, r#"42["abc",[[[]]]]"#.to_owned()),
        (false, r#"42["abc",[[[[]]]]]"#.to_owned()),
    ] {
        let mut client = crate::echo_client(addr).await;
        client.send_text(packet.as_str()).await;
        if !allowed {
            client.expect_close().await;
            continue;
        }
        if packet.starts_with("45") {
            client.send_binary([1]).await;
        }
        if packet.starts_with("40") {
            client
                .expect_text(r#"44/abcd,{"message":"Invalid namespace"}"#)
                .await;
        }
        crate::expect_silence(&mut client).await;
    }
}
