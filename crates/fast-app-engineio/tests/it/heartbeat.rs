//! Pings, and what becomes of clients that do not answer them.

use std::time::Duration;

use fast_app_engineio::{CloseReason, Config};
use testkit::{Polling, RawSocket, http};
use tokio::{runtime::Handle, time::Instant};

use crate::{assert_ok, assert_unknown, echo::Server, fast_heartbeat, hold, promptly};

/// Pings of [`fast_heartbeat`] may come a little early, so that a silent client is closed in time.
const LEAST_INTERVAL: Duration = Duration::from_millis(240);

#[tokio::test]
async fn a_websocket_that_answers_pings_stays_open() {
    for (name, server) in Server::start_each(fast_heartbeat()).await {
        let start = Instant::now();
        let mut socket = RawSocket::engineio(server.addr()).await;
        for _ in 0..3 {
            promptly(socket.expect_text("2")).await;
            socket.send_text("3").await;
        }
        assert!(start.elapsed() >= 3 * LEAST_INTERVAL, "{name}");
        socket.send_text("4still open").await;
        promptly(socket.expect_text("4still open")).await;
        assert!(server.none_closed().await);
    }
}

#[tokio::test]
async fn a_websocket_that_does_not_answer_is_closed() {
    for (name, server) in Server::start_each(fast_heartbeat()).await {
        let mut socket = RawSocket::engineio(server.addr()).await;
        promptly(socket.expect_text("2")).await;
        let pinged = Instant::now();
        // A message is no answer to a ping.
        socket.send_text("4not a pong").await;
        assert_eq!(promptly(socket.expect_close()).await, Some(1000));
        assert!(pinged.elapsed() >= Duration::from_millis(195), "{name}");
        assert_eq!(server.closed().await, CloseReason::PingTimeout, "{name}");
    }
}

#[tokio::test]
async fn a_polling_client_that_answers_pings_stays_open() {
    let server = Server::start(fast_heartbeat()).await;
    let mut polling = Polling::handshake(server.addr()).await;
    for _ in 0..3 {
        assert_eq!(promptly(polling.poll()).await, ["2"]);
        promptly(polling.post(&["3"])).await;
    }
    promptly(polling.post(&["4still open"])).await;
    promptly(polling.expect_text("4still open")).await;
    assert!(server.none_closed().await);
}

#[tokio::test]
async fn a_polling_client_that_does_not_answer_is_closed() {
    for (name, server) in Server::start_each(fast_heartbeat()).await {
        let mut polling = Polling::handshake(server.addr()).await;
        assert_eq!(promptly(polling.poll()).await, ["2"]);
        let mut held = hold(&server, &polling).await;
        assert_ok(&promptly(held.response()).await.unwrap(), "1");
        assert_eq!(server.closed().await, CloseReason::PingTimeout, "{name}");
        assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
    }
}

#[tokio::test]
async fn a_session_that_nobody_polls_goes_away() {
    let server = Server::start(fast_heartbeat()).await;
    let polling = Polling::handshake(server.addr()).await;
    let reason = server.closed().await;
    assert_eq!(reason, CloseReason::PingTimeout);
    assert_eq!(server.engine().sessions(), 0);
    assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
}

#[tokio::test]
async fn an_upgrade_does_not_disturb_the_heartbeat() {
    let server = Server::start(fast_heartbeat()).await;
    let mut polling = Polling::handshake(server.addr()).await;
    assert_eq!(promptly(polling.poll()).await, ["2"]);
    let mut socket = polling.upgrade().await;
    socket.send_text("3").await;
    for _ in 0..2 {
        promptly(socket.expect_text("2")).await;
        socket.send_text("3").await;
    }
    assert!(server.none_closed().await);
}

#[tokio::test]
async fn pongs_that_nobody_asked_for_change_nothing() {
    let server = Server::start(fast_heartbeat()).await;
    let start = Instant::now();
    let mut socket = RawSocket::engineio(server.addr()).await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let pongs = testkit::Frame::text("3").encode().repeat(10_000);
    socket.send_bytes(pongs).await;
    socket.send_text("4all were read").await;
    promptly(socket.expect_text("4all were read")).await;
    assert_eq!(tasks(), before, "no task for a pong");
    for _ in 0..2 {
        promptly(socket.expect_text("2")).await;
        socket.send_text("3").await;
    }
    assert!(
        start.elapsed() >= Duration::from_millis(2 * 250),
        "one heartbeat, not many"
    );
    promptly(socket.expect_text("2")).await;
    // Those before the ping do not count for it.
    assert_eq!(promptly(socket.expect_close()).await, Some(1000));
}

#[tokio::test]
async fn a_timeout_longer_than_the_interval_is_kept() {
    let config = Config {
        ping_interval: Duration::from_millis(50),
        ping_timeout: Duration::from_millis(150),
        ..Config::default()
    };
    let server = Server::start(config).await;
    let mut socket = RawSocket::engineio(server.addr()).await;
    for _ in 0..4 {
        promptly(socket.expect_text("2")).await;
        socket.send_text("3").await;
    }
    promptly(socket.expect_text("2")).await;
    assert_eq!(promptly(socket.expect_close()).await, Some(1000));
    assert_eq!(server.closed().await, CloseReason::PingTimeout);
}

/// With the clock paused, time goes on only when everybody waits, or in one step: the pause of a busy server, which is made up
/// for. Wherever it falls, a client has from its ping on the time that it was promised.
#[tokio::test(start_paused = true)]
async fn a_pause_before_a_ping_takes_nothing_from_the_time_for_its_pong() {
    for before in (240..260).step_by(3).map(Duration::from_millis) {
        let server = Server::start(fast_heartbeat()).await;
        let mut socket = RawSocket::engineio(server.addr()).await;
        tokio::time::sleep(before).await;
        tokio::time::advance(Duration::from_millis(95)).await;
        promptly(socket.expect_text("2")).await;
        let pinged = Instant::now();
        assert_eq!(promptly(socket.expect_close()).await, Some(1000));
        let left = pinged.elapsed();
        assert!(
            left >= Duration::from_millis(195),
            "{left:?} after {before:?}"
        );
    }
}
