//! What costs a server time.

use std::time::Duration;

use fast_app_engineio::Config;
use testkit::{Polling, Stopwatch, http};
use tokio::time::Instant;

use crate::{POLLING, assert_bad_request, assert_ok, connection, echo::Server, websocket_head};

/// The shortest of some tries: what it takes when nothing else runs.
async fn shortest(tries: usize, mut attempt: impl AsyncFnMut() -> Duration) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..tries {
        best = best.min(attempt().await);
    }
    best
}

/// Sends a request whose header of so many bytes comes byte by byte, each read by the server on its own.
async fn trickle(server: &Server, bytes: usize) -> Duration {
    let mut slow = connection(server).await;
    slow.send(format!("GET {POLLING} HTTP/1.1\r\nHost: x\r\nA: "))
        .await;
    let start = Stopwatch::start();
    for _ in 0..bytes {
        slow.send("b").await;
        // The server has the same thread: it has read the byte when this comes back.
        tokio::task::yield_now().await;
    }
    let took = start.elapsed();
    slow.send("\r\n\r\n").await;
    assert_eq!(slow.response().await.unwrap().status, 200);
    took
}

/// Ten times the bytes take ten times the time: the header is not parsed again for each of them.
#[tokio::test]
async fn security_1_cve_2024_37890_a_header_that_comes_byte_by_byte_is_read_once() {
    let server = Server::start(Config::default()).await;
    let small = shortest(3, async || trickle(&server, 6_000).await).await;
    let large = shortest(2, async || trickle(&server, 60_000).await).await;
    assert!(
        large < small * 30,
        "{small:?} for 6 kB, {large:?} for 60 kB"
    );
}

/// No extension is negotiated, and what a client writes into these headers is not searched for one.
#[tokio::test]
async fn security_1_cve_2021_32640_headers_of_the_handshake_cost_nothing() {
    let server = Server::start(Config::default()).await;
    for value in [
        "a".repeat(60_000),
        "a, ".repeat(20_000),
        ",".repeat(60_000),
        "permessage-deflate; a=\"".to_owned() + &"\\".repeat(59_000),
        "b".to_owned() + &" ".repeat(59_000) + "x",
    ] {
        for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
            let head = websocket_head();
            let request = head.replace("\r\n\r\n", &format!("\r\n{name}: {value}\r\n\r\n"));
            let took = shortest(20, async || {
                let mut client = connection(&server).await;
                let start = Stopwatch::start();
                client.send(&request).await;
                let answer = client.response().await.unwrap();
                assert_eq!(answer.status, 101);
                for header in ["sec-websocket-extensions", "sec-websocket-protocol"] {
                    assert_eq!(answer.header(header), None);
                }
                start.elapsed()
            });
            let took = took.await;
            assert!(took <= Duration::from_millis(5), "{name}: {took:?}");
        }
    }
}

/// The first empty packet ends it; nothing is split before that.
#[tokio::test]
async fn security_1_cve_2026_32689_a_million_separators_are_refused_at_the_first() {
    let server = Server::start(Config::default()).await;
    for body in [vec![0x1e; 1_000_000], vec![b'\n'; 1_000_000]] {
        let took = shortest(10, async || {
            let polling = Polling::handshake(server.addr()).await;
            let start = Stopwatch::start();
            let refused = http::post(server.addr(), &polling.path("polling"), &body).await;
            assert_bad_request(&refused);
            start.elapsed()
        });
        let took = took.await;
        assert!(took <= Duration::from_millis(20), "{took:?}");
    }
}

/// With the clock paused, time goes on only when everybody waits.
#[tokio::test(start_paused = true)]
async fn security_2f_a_kept_connection_that_asks_nothing_more_is_closed() {
    let server = Server::start(Config::default()).await;
    let mut kept = connection(&server).await;
    for _ in 0..2 {
        kept.send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert_ok(&kept.response().await.unwrap(), "another route");
    }
    let start = Instant::now();
    let end = kept.response_within(Duration::from_secs(60)).await;
    assert!(end.is_err());
    let waited = start.elapsed().as_secs();
    assert!((9..=15).contains(&waited), "{waited} s");
}
