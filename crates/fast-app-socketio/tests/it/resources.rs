//! Memory and descriptors: what clients can make a server use, and what is left when they go.
//!
//! The server is `examples/echo.rs`, a process of its own: nothing else is in its memory.

use std::process::Command;

use testkit::{Frame, Polling, RawSocket, Server, http};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    task::JoinSet,
    time::{Duration, timeout},
};

use crate::suite::{echo_example, example};

const MIB: u64 = 1 << 20;

/// The largest payload of the example, in bytes.
const MAX_PAYLOAD: usize = 1_000_000;

/// A client in `/`.
async fn client(server: &Server) -> RawSocket {
    let mut client = RawSocket::socketio(server.addr(), "").await;
    client.expect_text(r#"42["auth",{}]"#).await;
    client
}

/// Sends a packet but for its last attachment, and comes back when all of it was read.
async fn send_most_of_a_packet(mut client: RawSocket) -> RawSocket {
    client.send_text(r#"4510-["message"]"#).await;
    for _ in 0..9 {
        client.send_binary(vec![7; MAX_PAYLOAD / 9 - 10]).await;
    }
    assert_answers(&mut client).await;
    client
}

async fn assert_answers(client: &mut RawSocket) {
    client.send_frame(Frame::new(Frame::PING, [])).await;
    assert_eq!(client.recv().await.opcode, Frame::PONG);
}

#[tokio::test]
async fn packets_that_wait_for_attachments_take_what_has_come() {
    const CLIENTS: usize = 40;
    let server = echo_example().await;
    drop(client(&server).await);
    let before = server.resident();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(send_most_of_a_packet(client(&server).await));
    }
    let clients = clients.join_all().await;
    let grown = server.resident().saturating_sub(before);
    for mut client in clients {
        assert_answers(&mut client).await;
    }
    let sent = (CLIENTS * MAX_PAYLOAD) as u64;
    assert!(
        (sent..=sent * 12 / 10).contains(&grown),
        "{grown} bytes for {sent}"
    );
}

/// Sends each of these once.
async fn send_what_is_refused(server: &Server) {
    let addr = server.addr();
    let mut fragments = client(server).await;
    let empty = Frame {
        fin: false,
        ..Frame::new(Frame::CONTINUATION, [])
    };
    let begun = Frame {
        opcode: Frame::TEXT,
        ..empty.clone()
    };
    let frames = [begun.encode(), empty.encode().repeat(5_000)];
    fragments.send_bytes(frames.concat()).await;
    assert_eq!(fragments.expect_close().await, Some(1008));

    let mut declared = client(server).await;
    let mut header = vec![0x82, 0xff];
    header.extend((1_u64 << 62).to_be_bytes());
    header.extend([0; 4]);
    declared.send_bytes(header).await;
    assert_eq!(declared.expect_close().await, Some(1009));

    for body in [vec![0x1e; MAX_PAYLOAD], vec![b'\n'; MAX_PAYLOAD]] {
        let polling = Polling::handshake(addr).await;
        let refused = http::post(addr, &polling.path("polling"), body).await;
        assert_eq!(refused.status, 400);
    }
    let polling = Polling::handshake(addr).await;
    let chunks = format!("10000\r\n{}\r\n", "x".repeat(65_536)).repeat(160);
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}",
        polling.path("polling")
    );
    // Ten times too much: the answer may be lost with the connection that is reset.
    if let Ok(refused) = http::try_request(addr, request).await {
        assert_eq!(refused.status, 413);
    }
    for number in 0..200 {
        let mut stranger = RawSocket::engineio(addr).await;
        stranger.send_text(format!("40/{number}")).await;
        let refused = stranger.recv_text().await;
        assert!(refused.starts_with("44/"), "{refused}");
    }
}

#[tokio::test]
async fn what_is_refused_is_not_kept() {
    let server = echo_example().await;
    // The allocator takes what it needs for such requests.
    for _ in 0..3 {
        send_what_is_refused(&server).await;
    }
    let before = server.resident();
    for _ in 0..10 {
        send_what_is_refused(&server).await;
    }
    let grown = server.resident().saturating_sub(before);
    // Each round sends more than 12 MiB; what is in use at the moment differs by 3 MiB.
    assert!(grown <= 8 * MIB, "{grown} bytes");
}

/// A connection whose request is answered waits for the next without buffers for it.
#[tokio::test]
async fn a_connection_between_two_requests_takes_little() {
    const CONNECTIONS: usize = 1_000;
    const EACH: u64 = 4_096;
    let server = echo_example().await;
    let shake_hands = async || {
        let mut connection = http::Connection::open(server.addr()).await;
        let request = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";
        connection.send(request).await;
        assert_eq!(connection.response().await.unwrap().status, 200);
        connection
    };
    for _ in 0..100 {
        shake_hands().await;
    }
    let before = server.resident();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(shake_hands().await);
    }
    let grown = server.resident().saturating_sub(before);
    assert!(grown <= CONNECTIONS as u64 * EACH, "{grown} bytes");
}

/// Whether the server keeps the connection, for which it has a place or not.
async fn is_kept(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    timeout(Duration::from_millis(200), stream.read(&mut byte))
        .await
        .is_err()
}

#[tokio::test]
async fn clients_without_a_place_disturb_no_others_and_there_is_one_again() {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"ulimit -n 128 && exec "$0" 0"#])
        .arg(example());
    let server = Server::run(command).await;
    // Without a heartbeat: it has nothing to do but stay.
    let first = RawSocket::connect(server.addr(), "/echo", &[]).await;
    let mut first = first.unwrap();
    let mut streams = Vec::new();
    while streams.len() < 80 {
        streams.push(TcpStream::connect(server.addr()).await.unwrap());
    }
    let [.., last] = &mut streams[..] else {
        unreachable!()
    };
    let mut rest = Vec::new();
    // Closed at once, whether the end or the reset is seen first; behind others that are, 20 in a second.
    _ = timeout(testkit::TIMEOUT, last.read_to_end(&mut rest))
        .await
        .unwrap();
    assert!(rest.is_empty() && is_kept(&mut streams[0]).await);
    first.send_text("still there").await;
    first.expect_text("still there").await;
    drop(streams);
    let next = async {
        loop {
            let mut stream = TcpStream::connect(server.addr()).await.unwrap();
            if is_kept(&mut stream).await {
                return;
            }
        }
    };
    timeout(testkit::TIMEOUT, next).await.unwrap();
    client(&server).await;
}
