//! Sessions over WebSocket: messages, frames as RFC 6455 has them, and how wrong ones end.

use fast_app_engineio::{CloseReason, Config};
use testkit::{Frame, RawSocket, http};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    assert_next_client_served, assert_unknown,
    echo::{Server, text},
    promptly, websocket_head,
};

#[tokio::test]
async fn text_and_binary_come_back() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut socket = RawSocket::engineio(server.addr()).await;
        for message in ["4hello", "4", "4€ 😀"] {
            socket.send_text(message).await;
            promptly(socket.expect_text(message)).await;
        }
        for message in [&[][..], &[1, 2, 3, 4], &[0xff; 200]] {
            socket.send_binary(message).await;
            assert_eq!(promptly(socket.recv_binary()).await, message, "{name}");
        }
    }
}

#[tokio::test]
async fn messages_of_every_length_of_header_come_back() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut socket = RawSocket::engineio(server.addr()).await;
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000] {
            let message = vec![b'x'; length];
            socket.send_binary(message.clone()).await;
            assert!(socket.recv_binary().await == message, "{name} {length}");
        }
    }
}

#[tokio::test]
async fn the_server_masks_nothing_and_does_not_fragment() {
    let server = Server::start(Config::default()).await;
    let mut socket = RawSocket::engineio(server.addr()).await;
    socket.send_text(format!("4{}", "x".repeat(70_000))).await;
    let frame = promptly(socket.recv()).await;
    assert!(frame.fin && !frame.masked && frame.rsv == 0);
}

#[tokio::test]
async fn control_frames_between_fragments_are_answered_in_between() {
    for (_, server) in Server::start_each(Config::default()).await {
        let mut socket = RawSocket::engineio(server.addr()).await;
        let fragment = |opcode, payload: &str| Frame {
            fin: false,
            ..Frame::new(opcode, payload)
        };
        socket.send_frame(fragment(Frame::TEXT, "4fr")).await;
        socket
            .send_frame(Frame::new(Frame::PING, "still there?"))
            .await;
        let pong = promptly(socket.recv()).await;
        assert_eq!(
            (pong.opcode, &pong.payload[..]),
            (Frame::PONG, &b"still there?"[..])
        );
        socket.send_frame(fragment(Frame::CONTINUATION, "")).await;
        socket.send_frame(Frame::new(Frame::PONG, "unasked")).await;
        // The two bytes of the é come in two frames.
        let last = Frame::new(Frame::CONTINUATION, &b"\xa9"[..]);
        let middle = Frame {
            fin: false,
            ..Frame::new(Frame::CONTINUATION, &b"agm\xc3"[..])
        };
        socket.send_frame(middle).await;
        socket.send_frame(last).await;
        promptly(socket.expect_text("4fragmé")).await;
    }
}

#[tokio::test]
async fn pings_are_answered_with_their_payload() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut socket = RawSocket::engineio(server.addr()).await;
        for payload in [&b""[..], b"hello", &[0xff; 125]] {
            socket.send_frame(Frame::new(Frame::PING, payload)).await;
            let want = Frame {
                masked: false,
                ..Frame::new(Frame::PONG, payload)
            };
            assert_eq!(promptly(socket.recv()).await, want, "{name}");
        }
    }
}

#[tokio::test]
async fn bytes_that_come_one_by_one_make_the_same_messages() {
    let server = Server::start(Config::default()).await;
    let mut socket = RawSocket::engineio(server.addr()).await;
    let bytes = [
        Frame::text("4one").encode(),
        Frame::binary([7; 130]).encode(),
    ]
    .concat();
    for byte in bytes {
        socket.send_bytes([byte]).await;
        tokio::task::yield_now().await;
    }
    promptly(socket.expect_text("4one")).await;
    assert_eq!(promptly(socket.recv_binary()).await, [7; 130]);
}

#[tokio::test]
async fn many_messages_in_one_segment_come_back_in_order() {
    let server = Server::start(Config::default()).await;
    let mut socket = RawSocket::engineio(server.addr()).await;
    let bytes: Vec<u8> = (0..1_000)
        .flat_map(|number| Frame::text(format!("4{number}")).encode())
        .collect();
    socket.send_bytes(bytes).await;
    for number in 0..1_000 {
        socket.expect_text(&format!("4{number}")).await;
    }
}

#[tokio::test]
async fn a_message_in_the_segment_of_the_handshake_is_heard() {
    for (name, server) in Server::start_each(Config::default()).await {
        let early = [Frame::text("4early").encode(), Frame::text("1").encode()].concat();
        let answer = promptly(handshake_and(&server, &early)).await;
        assert!(
            answer.ends_with(b"\x81\x064early\x88\x02\x03\xe8"),
            "{}",
            answer.escape_ascii()
        );
        assert_eq!(server.closed().await, CloseReason::Client, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_frame_in_the_segment_of_the_handshake_is_answered_by_close() {
    for (name, server) in Server::start_each(Config::default()).await {
        let wrong = Frame {
            rsv: 4,
            ..Frame::text("4x")
        };
        let answer = promptly(handshake_and(&server, &wrong.encode())).await;
        assert!(
            answer.ends_with(b"\x88\x02\x03\xea"),
            "{}",
            answer.escape_ascii()
        );
        assert_eq!(server.closed().await, CloseReason::ProtocolError, "{name}");
        assert_next_client_served(&server).await;
    }
}

/// Sends a handshake with these bytes behind it, and reads to the end.
async fn handshake_and(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream
        .write_all(&[websocket_head().as_bytes(), bytes].concat())
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_close_packet_and_a_close_frame_end_the_session() {
    for (name, server) in Server::start_each(Config::default()).await {
        for (frame, reason) in [
            (Frame::text("1"), CloseReason::Client),
            (Frame::close(1000), CloseReason::TransportClose),
            (Frame::close(3000), CloseReason::TransportClose),
            (Frame::new(Frame::CLOSE, []), CloseReason::TransportClose),
        ] {
            let mut socket = RawSocket::engineio(server.addr()).await;
            let sid = server.opened().await.sid();
            socket.send_frame(frame).await;
            assert_eq!(promptly(socket.expect_close()).await, Some(1000), "{name}");
            // The server has sent its last, and ends the connection.
            assert_eq!(promptly(socket.expect_close()).await, None, "{name}");
            assert_eq!(server.closed().await, reason, "{name}");
            let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
            assert_unknown(&promptly(http::get(server.addr(), &path)).await);
        }
        assert_next_client_served(&server).await;
    }
}

#[tokio::test]
async fn a_connection_that_just_ends_ends_the_session() {
    for (name, server) in Server::start_each(Config::default()).await {
        drop(RawSocket::engineio(server.addr()).await);
        let reason = promptly(server.closed()).await;
        assert_eq!(reason, CloseReason::TransportClose, "{name}");
        RawSocket::engineio(server.addr()).await.reset();
        let reason = promptly(server.closed()).await;
        assert_eq!(reason, CloseReason::TransportClose, "{name}");
        promptly(server.engine().ended()).await;
    }
}

#[tokio::test]
async fn the_application_ends_a_session_after_what_it_has_sent() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut socket = RawSocket::engineio(server.addr()).await;
        let session = server.opened().await;
        session.send(&[text("last words")]);
        session.close(CloseReason::Server);
        assert!(!session.send(&[text("too late")]));
        promptly(socket.expect_text("4last words")).await;
        assert_eq!(promptly(socket.expect_close()).await, Some(1000), "{name}");
        assert_eq!(promptly(socket.expect_close()).await, None, "{name}");
        assert_eq!(server.closed().await, CloseReason::Server);
        drop(socket);
        promptly(server.engine().ended()).await;
    }
}

#[tokio::test]
async fn a_closed_session_that_the_application_keeps_holds_no_connection() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut socket = RawSocket::engineio(server.addr()).await;
        let session = server.opened().await;
        socket.send_text("1").await;
        assert_eq!(promptly(socket.expect_close()).await, Some(1000), "{name}");
        assert_eq!(promptly(socket.expect_close()).await, None, "{name}");
        assert!(session.is_closed());
    }
}
