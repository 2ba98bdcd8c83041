//! The server around it: its limits, and its end.

use std::time::Duration;

use fast_app_engineio::{CloseReason, Config};
use testkit::{Polling, RawSocket, http};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::{
    POLLING, WEBSOCKET, assert_ok, assert_refused,
    echo::{Server, text},
    hold, promptly,
};

#[tokio::test]
async fn a_shutdown_reaches_every_client_after_what_was_sent() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut socket = RawSocket::engineio(server.addr()).await;
        let polling = Polling::handshake(server.addr()).await;
        let mut held = hold(&server, &polling).await;
        let mut between_polls = Polling::handshake(server.addr()).await;

        let sessions = [
            server.opened().await,
            server.opened().await,
            server.opened().await,
        ];
        for session in sessions {
            session.send(&[text("last words")]);
        }
        server.engine().shutdown();

        promptly(socket.expect_text("4last words")).await;
        assert_eq!(promptly(socket.expect_close()).await, Some(1001), "{name}");
        assert_eq!(promptly(socket.expect_close()).await, None, "{name}");
        let answer = promptly(held.response()).await.unwrap();
        assert_ok(&answer, "4last words\u{1e}1");
        let packets = promptly(between_polls.poll()).await;
        assert_eq!(packets, ["4last words", "1"], "{name}");
        for _ in 0..3 {
            assert_eq!(server.closed().await, CloseReason::Shutdown, "{name}");
        }
        drop(socket);
        promptly(server.engine().ended()).await;
        let refused = promptly(http::get(server.addr(), POLLING)).await;
        assert_refused(&refused, 503, 4, "Server is shutting down");
        let refused = promptly(RawSocket::connect(server.addr(), WEBSOCKET, &[])).await;
        assert_refused(&refused.unwrap_err(), 503, 4, "Server is shutting down");
    }
}

#[tokio::test]
async fn serve_ends_with_its_shutdown() {
    let server = Server::start(Config::default()).await;
    let mut socket = RawSocket::engineio(server.addr()).await;
    let polling = Polling::handshake(server.addr()).await;
    let mut held = hold(&server, &polling).await;
    let addr = server.addr();
    let stopped = tokio::spawn(server.stop());
    assert_eq!(promptly(socket.expect_close()).await, Some(1001));
    assert_ok(&promptly(held.response()).await.unwrap(), "1");
    // The client may still be sending: a close that is written is not taken back by leaving that unread.
    assert!(!stopped.is_finished());
    drop(socket);
    promptly(stopped).await.unwrap();
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn serve_that_is_dropped_ends_http_and_leaves_sessions() {
    let server = Server::start(Config::default()).await;
    let mut socket = RawSocket::engineio(server.addr()).await;
    let polling = Polling::handshake(server.addr()).await;
    let (_, session) = (server.opened().await, server.opened().await);
    let mut kept = http::Connection::open(server.addr()).await;
    kept.send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(promptly(kept.response()).await.unwrap().status, 200);
    let mut held = hold(&server, &polling).await;
    server.abandon();
    assert!(promptly(kept.response()).await.is_err());
    assert!(TcpStream::connect(server.addr()).await.is_err());
    session.send(&[text("last words")]);
    assert_ok(&promptly(held.response()).await.unwrap(), "4last words");
    assert!(promptly(held.response()).await.is_err());
    socket.send_text("4still open").await;
    promptly(socket.expect_text("4still open")).await;
    assert_eq!(server.engine().sessions(), 2);
    assert!(server.none_closed().await);
}

#[tokio::test]
async fn serve_ends_only_when_what_was_sent_is_on_its_way() {
    const SIZE: usize = 20_000_000;
    let config = Config {
        max_outbox: 2 * SIZE,
        ..Config::default()
    };
    let server = Server::start(config).await;
    let mut socket = RawSocket::engineio(server.addr()).await;
    let session = server.opened().await;
    session.send(&[text(&"x".repeat(SIZE))]);
    let stopped = tokio::spawn(server.stop());
    assert_eq!(socket.recv_text().await.len(), SIZE + 1);
    assert_eq!(promptly(socket.expect_close()).await, Some(1001));
    drop(socket);
    stopped.await.unwrap();
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_refused() {
    let server = Server::start(Config::default()).await;
    for (headers, status) in [
        ("a: b\r\n".repeat(99), 200),
        ("a: b\r\n".repeat(100), 431),
        (format!("a: {}\r\n", "b".repeat(60_000)), 200),
        (format!("a: {}\r\n", "b".repeat(65_537)), 431),
    ] {
        let request = format!("GET {POLLING} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let response = promptly(http::request(server.addr(), request)).await;
        assert_eq!(response.status, status, "{} bytes", headers.len());
    }
}

#[tokio::test]
async fn limits_of_requests_are_settings() {
    let mut config = Config::default();
    config.http.max_headers = 3;
    config.http.max_header_bytes = 10_000;
    let server = Server::start(config).await;
    for (headers, status) in [
        ("a: b\r\n".repeat(2), 200),
        ("a: b\r\n".repeat(3), 431),
        (format!("a: {}\r\n", "b".repeat(8_000)), 200),
        (format!("a: {}\r\n", "b".repeat(10_001)), 431),
    ] {
        let request = format!("GET {POLLING} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let response = promptly(http::request(server.addr(), request)).await;
        assert_eq!(response.status, status, "{} bytes", headers.len());
    }
}

#[tokio::test]
async fn descriptors_that_are_reserved_are_for_no_client() {
    let mut config = Config::default();
    config.http.reserved_files = u64::MAX;
    let server = Server::start(config).await;
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        let mut answer = Vec::new();
        // Closed at once, whether the end or the reset is seen first.
        let _ = promptly(stream.read_to_end(&mut answer)).await;
        assert!(answer.is_empty());
    }
}

/// A byte a second keeps no connection open, and nobody else waits for those that send so.
///
/// With the clock paused, time goes on only when everybody waits.
#[tokio::test(start_paused = true)]
async fn headers_and_bodies_that_trickle_in_end_the_connection() {
    let server = Server::start(Config::default()).await;
    for (begin, limit) in [("GET / HTTP/1.1\r\nHost: x\r\nA: ", 10), ("", 30)] {
        let mut streams = Vec::new();
        for _ in 0..200 {
            let mut stream = TcpStream::connect(server.addr()).await.unwrap();
            let polling = Polling::handshake(server.addr()).await;
            let post = format!(
                "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n4",
                polling.path("polling")
            );
            let begin = if begin.is_empty() { &post } else { begin };
            stream.write_all(begin.as_bytes()).await.unwrap();
            streams.push(stream);
        }
        let start = Instant::now();
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.tick().await;
        for second in 1..=limit + 1 {
            seconds.tick().await;
            for stream in &mut streams {
                // Those that are closed do not take it.
                _ = stream.write_all(b"x").await;
            }
            let asked = Instant::now();
            let answer = http::get(server.addr(), "/other").await;
            assert_ok(&answer, "another route");
            assert!(asked.elapsed() < Duration::from_millis(100), "{second}");
        }
        for mut stream in streams {
            let mut answer = Vec::new();
            _ = stream.read_to_end(&mut answer).await;
            let status = answer.get(9..12).unwrap_or_default();
            assert!(matches!(status, b"" | b"408"), "{}", answer.escape_ascii());
        }
        let took = start.elapsed().as_secs();
        assert!(took <= limit + 2, "{took} s");
    }
}

/// With the clock paused, time goes on only when everybody waits.
#[tokio::test(start_paused = true)]
async fn headers_that_do_not_come_in_time_end_the_connection() {
    let server = Server::start(Config::default()).await;
    for beginning in ["", "GET", "GET / HTTP/1.1\r\nHost: x\r\nA: "] {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let start = Instant::now();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let waited = start.elapsed().as_secs();
        assert!((9..=11).contains(&waited), "{beginning:?}: {waited} s");
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn a_connection_is_served_again_after_a_rest_however_the_next_request_comes() {
    let server = Server::start(Config::default()).await;
    let mut connection = http::Connection::open(server.addr()).await;
    let request = format!("GET {POLLING} HTTP/1.1\r\nHost: a\r\n\r\n");
    let (half, other_half) = request.split_at(20);
    // Whole, byte by byte, two at once with a half behind them, and the other half.
    let mut segments = vec![request.as_bytes().to_vec()];
    segments.extend(request.bytes().map(|byte| vec![byte]));
    segments.push(format!("{request}{request}{half}").into_bytes());
    segments.push(other_half.as_bytes().to_vec());
    let mut sent = 0;
    for segment in segments {
        let before = sent / request.len();
        sent += segment.len();
        connection.send(segment).await;
        for _ in before..sent / request.len() {
            let answer = promptly(connection.response()).await.unwrap();
            assert_eq!(answer.status, 200);
        }
    }
}

/// hyper answers so many requests in a row, then lets others have their turn: the connection is at rest while there is more
/// to be read from its buffers, in two generations.
#[tokio::test]
async fn a_connection_loses_nothing_of_a_burst_of_requests() {
    const SMALL: usize = 400;
    let server = Server::start(Config::default()).await;
    let mut connection = http::Connection::open(server.addr()).await;
    let path = POLLING.replace("EIO=4", "EIO=3");
    let large = format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
        "x".repeat(8_100)
    );
    let small = format!("GET {path}&t=x HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.send(large + &small.repeat(SMALL)).await;
    for number in 0..=SMALL {
        let answer = promptly(connection.response()).await;
        assert_eq!(answer.unwrap().status, 400, "answer {number}");
    }
}

/// HTTP/1.0, and whoever says so, has a connection for each request.
#[tokio::test]
async fn a_connection_for_one_request_ends_behind_its_answer() {
    let server = Server::start(Config::default()).await;
    for end in [
        "HTTP/1.0\r\n\r\n",
        "HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ] {
        let mut opening = http::Connection::open(server.addr()).await;
        opening.send(format!("GET {POLLING} {end}")).await;
        assert_eq!(promptly(opening.response()).await.unwrap().status, 200);
        assert!(promptly(opening.response()).await.is_err());
        let session = server.opened().await;
        let mut polling = http::Connection::open(server.addr()).await;
        let sid = session.sid();
        polling.send(format!("GET {POLLING}&sid={sid} {end}")).await;
        session.send(&[text("hello")]);
        assert_ok(&promptly(polling.response()).await.unwrap(), "4hello");
        assert!(promptly(polling.response()).await.is_err());
    }
}

#[tokio::test]
async fn a_connection_that_says_nothing_behind_an_answer_is_ended() {
    let mut config = Config::default();
    config.http.header_timeout = Duration::from_millis(50);
    let server = Server::start(config).await;
    let mut connection = http::Connection::open(server.addr()).await;
    let request = format!("GET {POLLING} HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.send(request).await;
    let answer = promptly(connection.response()).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(promptly(connection.response()).await.is_err());
}
