//! What a request makes the server take at most, and what it takes for a word alone. The server is `examples/echo.rs`, a
//! process of its own and a new one for each measurement: an allocator gives back little.

use testkit::{Frame, Polling, RawSocket, Server, http};

use crate::suite::echo_example;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The largest payload of the example, in bytes.
const MAX_PAYLOAD: usize = 1_000_000;

/// A server that has served a client of each kind.
async fn server() -> Server {
    let server = echo_example().await;
    drop(RawSocket::socketio(server.addr(), "").await);
    let polling = Polling::handshake(server.addr()).await;
    let refused = http::post(server.addr(), &polling.path("polling"), "x").await;
    assert_eq!(refused.status, 400);
    server
}

/// By how much the server's memory grows at most.
async fn growth(server: &Server, attack: impl Future<Output = ()>) -> u64 {
    let before = server.forget_peak();
    attack.await;
    server.peak().saturating_sub(before)
}

#[tokio::test]
async fn security_1_cve_2026_48779_empty_fragments_take_less_than_a_mib() {
    let server = server().await;
    let mut client = RawSocket::socketio(server.addr(), "").await;
    let empty = Frame {
        fin: false,
        ..Frame::new(Frame::CONTINUATION, [])
    };
    let begun = Frame {
        opcode: Frame::TEXT,
        ..empty.clone()
    };
    let frames = [begun.encode(), empty.encode().repeat(5_000)].concat();
    let attack = async {
        client.send_bytes(frames).await;
        assert_eq!(client.expect_close().await, Some(1008));
    };
    let grown = growth(&server, attack).await;
    assert!(grown <= MIB, "{grown} bytes");
}

/// No more than any other body, and less than a MiB for what is in it.
#[tokio::test]
async fn security_1_cve_2026_32689_a_million_separators_take_no_more_than_their_body() {
    for separator in [0x1e, b'\n'] {
        let server = server().await;
        let polling = Polling::handshake(server.addr()).await;
        let path = polling.path("polling");
        let grown = growth(&server, async {
            let body = vec![separator; MAX_PAYLOAD];
            let refused = http::post(server.addr(), &path, body).await;
            assert_eq!(refused.status, 400);
        });
        let grown = grown.await;
        assert!(grown <= 3 * MIB, "{grown} bytes");
    }
}

/// What is declared is not allocated, although it is allowed.
#[tokio::test]
async fn security_1_cve_2020_36048_a_declared_length_takes_nothing() {
    const EACH: usize = 20;
    let server = server().await;
    let addr = server.addr();
    let post = async || {
        let polling = Polling::handshake_at(addr, "/engine.io/").await;
        let mut post = http::Connection::open(addr).await;
        post.send(format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {MAX_PAYLOAD}\r\n\r\n",
            polling.path("polling")
        ))
        .await;
        // It reads the body now.
        assert_eq!(post.response().await.unwrap().status, 100);
        post.send("4x").await;
        post
    };
    let message = async || {
        let mut socket = RawSocket::connect(addr, "/echo", &[]).await.unwrap();
        let mut bytes = Frame::new(Frame::PING, []).encode();
        // 16 MiB, as much as is allowed, and a mask.
        bytes.extend([0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3]);
        socket.send_bytes(bytes).await;
        assert_eq!(socket.recv().await.opcode, Frame::PONG);
        socket
    };
    let (mut posts, mut messages) = (vec![post().await], vec![message().await]);
    let before = server.allocated();
    for _ in 0..EACH {
        posts.push(post().await);
        messages.push(message().await);
        let grown = server.allocated().saturating_sub(before);
        assert!(grown <= 4 * MIB, "{grown} bytes after {}", posts.len());
    }
}

#[tokio::test]
async fn security_3e_names_of_namespaces_that_do_not_exist_are_not_kept() {
    const NAMES: usize = 10_000;
    let server = server().await;
    let mut client = RawSocket::socketio(server.addr(), "").await;
    let mut ask = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            // 250 bytes of the 255 that are allowed.
            client.send_text(format!("40/{number:0249},")).await;
            loop {
                let packet = client.recv_text().await;
                if packet.starts_with("44/") {
                    break;
                }
                assert!(packet.starts_with("42"), "{packet}");
            }
        }
    };
    ask(0..NAMES / 10).await;
    let before = server.resident();
    ask(NAMES..2 * NAMES).await;
    let grown = server.resident().saturating_sub(before);
    // All names together are 2.5 MB.
    assert!(grown <= 512 * KIB, "{grown} bytes");
}
