//! How a server ends: what clients hear that are not listening just then, and closing them evenly over a time.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use fast_app_engineio::{CloseReason, Config, Session};
use testkit::{Polling, RawSocket, TIMEOUT, http};
use tokio::{
    net::TcpStream,
    task::yield_now,
    time::{Instant, timeout},
};

use crate::{
    POLLING, assert_ok, assert_refused, connection,
    echo::{Server, text},
    hold, poll_request, promptly,
};

/// A client that polls on one connection and holds no GET right now.
struct BetweenPolls {
    connection: http::Connection,
    polling: Polling,
    session: Arc<Session>,
}

impl BetweenPolls {
    async fn open(server: &Server) -> Self {
        let polling = Polling::handshake(server.addr()).await;
        let session = server.opened().await;
        let mut client = Self {
            connection: connection(server).await,
            polling,
            session,
        };
        client.session.send(&[text("hello")]);
        assert_ok(&client.poll().await, "4hello");
        client
    }

    async fn poll(&mut self) -> http::Response {
        self.connection.send(poll_request(&self.polling)).await;
        promptly(self.connection.response()).await.unwrap()
    }
}

/// Asks for a WebSocket to a session that polls.
async fn request(server: &Server, polling: &Polling) -> RawSocket {
    let path = polling.path("websocket");
    promptly(RawSocket::connect(server.addr(), &path, &[]))
        .await
        .unwrap()
}

/// The same up to the answer to its probe.
async fn probe(server: &Server, polling: &Polling) -> RawSocket {
    let mut socket = request(server, polling).await;
    socket.send_text("2probe").await;
    promptly(socket.expect_text("3probe")).await;
    socket
}

/// Comes back when nobody can connect any more.
async fn until_refused(server: SocketAddr) {
    let refused = async {
        while TcpStream::connect(server).await.is_ok() {
            yield_now().await;
        }
    };
    promptly(refused).await;
}

#[tokio::test]
async fn a_client_between_two_polls_hears_the_end_on_its_connection() {
    let server = Server::start(Config::default()).await;
    let mut client = BetweenPolls::open(&server).await;
    let mut other = connection(&server).await;
    client.session.send(&[text("last words")]);
    let addr = server.addr();
    let stopped = tokio::spawn(server.stop());
    until_refused(addr).await;

    // Before: a new session is refused on a connection that is open.
    other
        .send(format!("GET {POLLING} HTTP/1.1\r\nHost: x\r\n\r\n"))
        .await;
    let refused = promptly(other.response()).await.unwrap();
    assert_refused(&refused, 503, 4, "Server is shutting down");
    assert!(!stopped.is_finished());

    assert_ok(&client.poll().await, "4last words\u{1e}1");
    promptly(stopped).await.unwrap();
}

#[tokio::test]
async fn a_server_without_sessions_ends_at_once_and_with_it_what_waits_for_a_request() {
    let server = Server::start(Config::default()).await;
    let mut idle = connection(&server).await;
    promptly(server.stop()).await;
    assert!(promptly(idle.response()).await.is_err());
}

#[tokio::test]
async fn a_websocket_in_the_middle_of_its_upgrade_is_closed() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut clients = [
            BetweenPolls::open(&server).await,
            BetweenPolls::open(&server).await,
        ];
        let mut requested = request(&server, &clients[0].polling).await;
        let mut probed = probe(&server, &clients[1].polling).await;
        // This one holds a GET that came before the probe, and hears of the end there as well.
        let holding = Polling::handshake(server.addr()).await;
        let mut held = hold(&server, &holding).await;
        let mut holding = request(&server, &holding).await;

        server.engine().shutdown();
        let ended = tokio::spawn({
            let engine = server.engine().clone();
            async move { engine.ended().await }
        });
        assert_ok(&promptly(held.response()).await.unwrap(), "1");
        for socket in [&mut requested, &mut holding] {
            assert_eq!(promptly(socket.expect_close()).await, Some(1001), "{name}");
        }
        // It was told to ask no more, and may be about to say that it has gone over.
        assert_eq!(probed.expect_close().await, Some(1001), "{name}");
        // Whoever asks nevertheless hears of it there, too.
        for client in &mut clients {
            assert_ok(&client.poll().await, "1");
        }
        drop((requested, probed, holding));
        timeout(TIMEOUT, ended).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_client_that_goes_over_while_the_server_ends_gets_what_is_queued() {
    for (name, server) in Server::start_each(Config::default()).await {
        let client = BetweenPolls::open(&server).await;
        let mut socket = probe(&server, &client.polling).await;
        client.session.send(&[text("last"), text("words")]);
        server.engine().shutdown();
        socket.send_text("5").await;
        promptly(socket.expect_text("4last")).await;
        promptly(socket.expect_text("4words")).await;
        assert_eq!(promptly(socket.expect_close()).await, Some(1001), "{name}");
        drop(socket);
        promptly(server.engine().ended()).await;
        assert_eq!(server.closed().await, CloseReason::Shutdown);
    }
}

/// With the clock paused, time goes on only when everybody waits.
#[tokio::test(start_paused = true)]
async fn sessions_are_closed_evenly_over_the_drain_time() {
    const CLIENTS: u32 = 20;
    let server = Server::start(Config::default()).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(RawSocket::engineio(server.addr()).await);
    }
    let over = Duration::from_secs(1);
    let engine = server.engine().clone();
    let start = Instant::now();
    let drained = tokio::spawn(async move { engine.drain(over).await });
    for number in 1..=CLIENTS {
        assert_eq!(server.closed().await, CloseReason::Shutdown);
        let (at, due) = (start.elapsed(), over * number / CLIENTS);
        assert!(
            (due..=due + Duration::from_millis(2)).contains(&at),
            "{number} was closed at {at:?} instead of {due:?}"
        );
    }
    drained.await.unwrap();
    for client in &mut clients {
        assert_eq!(client.expect_close().await, Some(1001));
    }
}

#[tokio::test]
async fn a_draining_server_serves_whom_it_has_and_nobody_else() {
    for (name, server) in Server::start_each(Config::default()).await {
        let client = BetweenPolls::open(&server).await;
        let mut socket = RawSocket::engineio(server.addr()).await;
        {
            let drain = server.engine().drain(Duration::from_secs(3_600));
            // Given up, it has closed nobody yet.
            assert!(timeout(Duration::ZERO, drain).await.is_err());
        }
        let refused = promptly(http::get(server.addr(), POLLING)).await;
        assert_refused(&refused, 503, 4, "Server is shutting down");
        socket.send_text("4still here").await;
        promptly(socket.expect_text("4still here")).await;
        let mut upgraded = probe(&server, &client.polling).await;
        upgraded.send_text("5").await;
        upgraded.send_text("4so am I").await;
        promptly(upgraded.expect_text("4so am I")).await;
        assert!(server.none_closed().await, "{name}");

        server.engine().shutdown();
        for socket in [&mut socket, &mut upgraded] {
            assert_eq!(promptly(socket.expect_close()).await, Some(1001), "{name}");
        }
    }
}

#[tokio::test]
async fn a_drain_is_over_when_everybody_has_gone() {
    let server = Server::start(Config::default()).await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(RawSocket::engineio(server.addr()).await);
    }
    let engine = server.engine().clone();
    let drained = tokio::spawn(async move { engine.drain(Duration::from_secs(3_600)).await });
    drop(sockets);
    for _ in 0..3 {
        assert_eq!(server.closed().await, CloseReason::TransportClose);
    }
    promptly(drained).await.unwrap();
}
