//! What the server keeps of clients that do not finish, or send more than is handled. Where memory is measured the server is
//! `examples/echo.rs`, a process of its own.

use std::time::Duration;

use fast_app_socketio::{Args, Binary, Data, Namespace, Socket, SocketIo};
use testkit::{Frame, Polling, RawSocket, Server, TIMEOUT, http};
use tokio::time::timeout;

use crate::{Gate, diary, expect_silence, pass, start, suite::echo_example, write};

const MIB: u64 = 1 << 20;

/// The largest payload of the example, in bytes.
const MAX_PAYLOAD: usize = 1_000_000;

/// Sends a packet but for its last attachment, and goes when all of it was read.
async fn leave_most_of_a_packet(server: &Server, attachment: usize) {
    let mut client = RawSocket::socketio(server.addr(), "").await;
    client.send_text(r#"4510-["message"]"#).await;
    for _ in 0..9 {
        client.send_binary(vec![7; attachment]).await;
    }
    client.send_frame(Frame::new(Frame::PING, [])).await;
    while client.recv().await.opcode != Frame::PONG {}
    client.reset();
}

/// What has come of a packet goes with its connection: the next client's lies in the same place.
#[tokio::test]
async fn security_1_1574_what_has_come_of_a_packet_goes_with_its_connection() {
    const CLIENTS: usize = 10;
    let server = echo_example().await;
    let round = async || {
        let clients = (0..CLIENTS).map(|_| leave_most_of_a_packet(&server, MAX_PAYLOAD / 9 - 10));
        for client in clients {
            client.await;
        }
    };
    round().await;
    let before = server.resident();
    for _ in 0..3 {
        round().await;
    }
    let grown = server.resident().saturating_sub(before);
    // Each round leaves 10 MB; one client's is there at the end.
    assert!(grown <= 4 * MIB, "{grown} bytes");
}

/// A body that has come but for its end, on a connection of its own; returns when the server has read it.
async fn most_of_a_body(server: &Server, declared: bool) -> (http::Connection, Polling) {
    let addr = server.addr();
    let polling = Polling::handshake_at(addr, "/engine.io/").await;
    let mut post = http::Connection::open(addr).await;
    let path = polling.path("polling");
    let length = match declared {
        true => format!("Content-Length: {MAX_PAYLOAD}\r\n\r\n"),
        false => format!("Transfer-Encoding: chunked\r\n\r\n{MAX_PAYLOAD:x}\r\n"),
    };
    post.send(format!("POST {path} HTTP/1.1\r\nHost: x\r\n{length}4"))
        .await;
    post.send("x".repeat(MAX_PAYLOAD - 1_000)).await;
    (post, polling)
}

/// A body takes what has come of it and little more, whatever length it declares.
#[tokio::test]
async fn security_1_cve_2020_36048_a_body_takes_at_most_two_mib() {
    const BODIES: u64 = 20;
    for declared in [true, false] {
        // A new one each time: an allocator gives back little, so that the second would grow less.
        let server = echo_example().await;
        drop(most_of_a_body(&server, declared).await);
        let before = server.resident();
        let mut bodies = Vec::new();
        for _ in 0..BODIES {
            bodies.push(most_of_a_body(&server, declared).await);
        }
        let grown = || server.resident().saturating_sub(before);
        let read = async {
            while grown() < BODIES * MAX_PAYLOAD as u64 / 2 {
                tokio::task::yield_now().await;
            }
        };
        timeout(TIMEOUT, read).await.expect("bodies are read");
        assert!(grown() <= 2 * BODIES * MIB, "{} bytes", grown());
    }
}

/// A body that declares too much is refused from its header, one in chunks as soon as it is too much.
#[tokio::test]
async fn security_1_cve_2020_36048_a_body_that_is_too_large_is_refused_before_it_has_come() {
    let server = echo_example().await;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    for (headers, part) in [
        (
            format!("Content-Length: {}", MAX_PAYLOAD + 1),
            String::new(),
        ),
        ("Transfer-Encoding: chunked".to_owned(), chunk.repeat(16)),
    ] {
        let polling = Polling::handshake_at(server.addr(), "/engine.io/").await;
        let path = polling.path("polling");
        let mut post = http::Connection::open(server.addr()).await;
        let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{part}");
        post.send(request).await;
        let refused = post.response().await.unwrap();
        assert_eq!(refused.status, 413, "{headers}");
    }
}

/// A few large events for a handler that takes its time are as much as many small ones: no more is read until one is
/// handled, and nothing is lost. Bytes count wherever they are: in JSON, and in attachments.
#[tokio::test]
async fn security_1_cve_2026_34824_large_events_that_wait_stop_reading() {
    for in_attachments in [false, true] {
        let (pen, mut diary) = diary();
        let gate = Gate::closed();
        let namespace = Namespace::new("/")
            .on("text", async |socket: Socket, args: Args| {
                pass(&socket).await;
                write(
                    &socket,
                    args.iter().map(|arg| arg.get().len()).sum::<usize>(),
                );
            })
            .on("bytes", async |socket: Socket, bytes: Data<Binary>| {
                pass(&socket).await;
                write(&socket, bytes.0.0.len() + 2);
            });
        let other =
            Namespace::new("/other").on_connect(async |socket: Socket| write(&socket, "read"));
        let builder = SocketIo::builder().state(pen).state(gate.clone());
        let (_server, addr) = start(builder.namespace(namespace).namespace(other)).await;
        let mut bystander = RawSocket::socketio(addr, "").await;
        let mut client = RawSocket::socketio(addr, "").await;
        let large = async |client: &mut RawSocket, size: usize| match in_attachments {
            false => {
                let text = "x".repeat(size);
                client.send_text(format!(r#"42["text","{text}"]"#)).await;
            }
            true => {
                let hole = r#"{"_placeholder":true,"num":0}"#;
                client.send_text(format!(r#"451-["bytes",{hole}]"#)).await;
                client.send_binary(vec![7; size]).await;
            }
        };
        large(&mut client, 600_000).await;
        large(&mut client, 600_001).await;
        client.send_text("40/other,").await;
        let more = timeout(Duration::from_millis(300), diary.next()).await;
        assert!(more.is_err(), "read although 1.2 MB wait: {more:?}");
        expect_silence(&mut bystander).await;
        gate.open(1);
        let mut lines = vec![diary.next().await, diary.next().await];
        lines.sort();
        assert_eq!(
            lines,
            ["600002", "read"],
            "one was handled, so more was read"
        );
        large(&mut client, 3).await;
        gate.open(2);
        diary.expect("600003").await;
        diary.expect("5").await;
    }
}
