//! From polling to WebSocket.

use std::time::Duration;

use fast_app_engineio::{CloseReason, Config};
use testkit::{Frame, Polling, RawSocket, http};
use tokio::time::timeout;

use crate::{
    assert_bad_request, assert_next_client_served, assert_ok,
    echo::{Server, text},
    hold, poll_request, promptly,
};

async fn request(server: &Server, polling: &Polling) -> RawSocket {
    let path = polling.path("websocket");
    promptly(RawSocket::connect(server.addr(), &path, &[]))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_session_goes_over_to_a_websocket() {
    for (name, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let mut held = hold(&server, &polling).await;
        let mut socket = request(&server, &polling).await;
        socket.send_text("2probe").await;
        promptly(socket.expect_text("3probe")).await;
        assert_ok(&promptly(held.response()).await.unwrap(), "6");
        // Every poll ends from now on, not only the first.
        for _ in 0..3 {
            held.send(poll_request(&polling)).await;
            assert_ok(&promptly(held.response()).await.unwrap(), "6");
        }
        socket.send_text("5").await;
        socket.send_text("4hello").await;
        promptly(socket.expect_text("4hello")).await;
        socket.send_binary([1, 2, 3]).await;
        assert_eq!(promptly(socket.recv_binary()).await, [1, 2, 3], "{name}");
        assert_eq!(server.engine().sessions(), 1);
    }
}

/// A WebSocket that the session has no place for is accepted, and closed before it is heard.
async fn assert_closed_at_once(server: &Server, path: &str) {
    let opened = promptly(RawSocket::connect(server.addr(), path, &[])).await;
    let mut second = opened.unwrap();
    second.send_text("2probe").await;
    let goodbye = promptly(second.recv()).await;
    assert_eq!(
        (goodbye.opcode, &goodbye.payload[..2]),
        (Frame::CLOSE, &1002u16.to_be_bytes()[..])
    );
    assert_eq!(promptly(second.expect_close()).await, None);
}

/// With the clock paused, for the poll waits 100 ms.
#[tokio::test(start_paused = true)]
async fn a_poll_waits_for_an_upgrade_packet_that_was_sent_before_it() {
    for (name, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let mut socket = request(&server, &polling).await;
        socket.send_text("2probe").await;
        promptly(socket.expect_text("3probe")).await;
        // It overtakes the upgrade packet, as on a connection of its own it may.
        let mut late = hold(&server, &polling).await;
        socket.send_text("5").await;
        assert_bad_request(&promptly(late.response()).await.unwrap());
        socket.send_text("4hello").await;
        promptly(socket.expect_text("4hello")).await;
        assert!(server.none_closed().await, "{name}");
    }
}

#[tokio::test]
async fn the_whole_upgrade_may_come_at_once_with_a_message_behind_it() {
    for (_, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let mut socket = request(&server, &polling).await;
        let frames = ["2probe", "5", "4hello"].map(|packet| Frame::text(packet).encode());
        socket.send_bytes(frames.concat()).await;
        promptly(socket.expect_text("3probe")).await;
        promptly(socket.expect_text("4hello")).await;
    }
}

#[tokio::test]
async fn polling_is_refused_after_the_upgrade_and_the_session_goes_on() {
    for (name, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let (path, again) = (polling.path("polling"), polling.path("websocket"));
        let mut socket = polling.upgrade().await;
        socket.send_text("4over").await;
        promptly(socket.expect_text("4over")).await;
        assert_bad_request(&promptly(http::get(server.addr(), &path)).await);
        assert_bad_request(&promptly(http::post(server.addr(), &path, "4x")).await);
        assert_closed_at_once(&server, &again).await;
        socket.send_text("4still open").await;
        promptly(socket.expect_text("4still open")).await;
        assert!(server.none_closed().await, "{name}");
    }
}

#[tokio::test]
async fn a_session_that_began_on_a_websocket_has_no_other_transport() {
    let server = Server::start(Config::default()).await;
    let mut socket = RawSocket::engineio(server.addr()).await;
    let sid = server.opened().await.sid();
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert_bad_request(&promptly(http::get(server.addr(), &path)).await);
    assert_bad_request(&promptly(http::post(server.addr(), &path, "4x")).await);
    let path = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
    assert_closed_at_once(&server, &path).await;
    socket.send_text("4still open").await;
    promptly(socket.expect_text("4still open")).await;
}

#[tokio::test]
async fn a_second_websocket_during_the_upgrade_is_closed() {
    let server = Server::start(Config::default()).await;
    let polling = Polling::handshake(server.addr()).await;
    let mut socket = request(&server, &polling).await;
    let path = polling.path("websocket");
    assert_closed_at_once(&server, &path).await;
    socket.send_text("2probe").await;
    promptly(socket.expect_text("3probe")).await;
    socket.send_text("5").await;
    socket.send_text("4hello").await;
    promptly(socket.expect_text("4hello")).await;
}

#[tokio::test]
async fn a_wrong_probe_is_answered_by_close_and_polling_goes_on() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut polling = Polling::handshake(server.addr()).await;
        for (wrong, code) in [
            (vec![Frame::text("abc")], 1002),
            (vec![Frame::text("2")], 1002),
            (vec![Frame::text("5")], 1002),
            (vec![Frame::text("4message")], 1002),
            (vec![Frame::binary("2probe")], 1002),
            (vec![Frame::text("2probe"), Frame::text("2probe")], 1002),
            (vec![Frame::text("2probe"), Frame::text("6")], 1002),
            (
                vec![Frame::text("2probe"), Frame::new(Frame::TEXT, [0xff])],
                1007,
            ),
            (vec![Frame::close(1000)], 1000),
            (vec![Frame::text("2probe"), Frame::close(1000)], 1000),
        ] {
            let shown = format!("{name}: {wrong:?}");
            let mut socket = request(&server, &polling).await;
            let bytes: Vec<u8> = wrong.iter().flat_map(Frame::encode).collect();
            socket.send_bytes(bytes).await;
            assert_eq!(promptly(socket.expect_close()).await, Some(code), "{shown}");
            assert_eq!(promptly(socket.expect_close()).await, None, "{shown}");
            promptly(polling.post(&["4still polling"])).await;
            promptly(polling.expect_text("4still polling")).await;
        }
        assert!(server.none_closed().await);
        let mut socket = promptly(polling.upgrade()).await;
        socket.send_text("4over at last").await;
        promptly(socket.expect_text("4over at last")).await;
    }
}

#[tokio::test]
async fn polling_goes_on_when_the_websocket_is_gone() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut polling = Polling::handshake(server.addr()).await;
        let path = polling.path("websocket");
        for probed in [false, true] {
            for reset in [false, true] {
                let mut socket = promptly(async {
                    loop {
                        // Refused until the server has noticed that the one before is gone.
                        if let Ok(socket) = RawSocket::connect(server.addr(), &path, &[]).await {
                            return socket;
                        }
                    }
                })
                .await;
                if probed {
                    socket.send_text("2probe").await;
                    promptly(socket.expect_text("3probe")).await;
                }
                match reset {
                    true => socket.reset(),
                    false => drop(socket),
                }
                promptly(polling.post(&["4still polling"])).await;
                assert_eq!(promptly(polling.poll()).await, ["4still polling"]);
            }
        }
        assert!(server.none_closed().await, "{name}");
    }
}

#[tokio::test]
async fn pings_of_the_websocket_are_answered_during_the_probe() {
    let server = Server::start(Config::default()).await;
    let polling = Polling::handshake(server.addr()).await;
    let mut socket = request(&server, &polling).await;
    socket.send_frame(Frame::new(Frame::PING, "before")).await;
    assert_eq!(promptly(socket.recv()).await.payload, b"before");
    socket.send_text("2probe").await;
    promptly(socket.expect_text("3probe")).await;
    socket.send_frame(Frame::new(Frame::PING, "between")).await;
    assert_eq!(promptly(socket.recv()).await.payload, b"between");
    socket.send_text("5").await;
    socket.send_text("4hello").await;
    promptly(socket.expect_text("4hello")).await;
}

#[tokio::test]
async fn an_upgrade_that_is_not_finished_in_time_is_ended() {
    let config = Config {
        upgrade_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    for (name, server) in Server::start_each(config).await {
        let mut polling = Polling::handshake(server.addr()).await;
        for probed in [false, true] {
            let mut socket = request(&server, &polling).await;
            if probed {
                socket.send_text("2probe").await;
            }
            assert_eq!(promptly(socket.expect_close()).await, None, "{name}");
            promptly(polling.post(&["4still polling"])).await;
            promptly(polling.expect_text("4still polling")).await;
        }
    }
}

#[tokio::test]
async fn a_poll_that_is_dropped_after_the_upgrade_ends_nothing() {
    let server = Server::start(Config::default()).await;
    let polling = Polling::handshake(server.addr()).await;
    let held = hold(&server, &polling).await;
    let mut socket = request(&server, &polling).await;
    socket.send_text("2probe").await;
    socket.send_text("5").await;
    held.reset();
    socket.send_text("4hello").await;
    promptly(socket.expect_text("3probe")).await;
    promptly(socket.expect_text("4hello")).await;
    assert_next_client_served(&server).await;
    assert!(server.none_closed().await);
}

#[tokio::test]
async fn an_upgrade_in_the_middle_of_a_post_ends_the_session() {
    let server = Server::start(Config::default()).await;
    let polling = Polling::handshake(server.addr()).await;
    let mut socket = request(&server, &polling).await;
    socket.send_text("2probe").await;
    promptly(socket.expect_text("3probe")).await;
    let mut post = crate::connection(&server).await;
    let path = polling.path("polling");
    post.send(format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n4"
    ))
    .await;
    crate::connection(&server).await;
    socket.send_text("5").await;
    assert_eq!(promptly(socket.expect_close()).await, Some(1002));
    assert_eq!(server.closed().await, CloseReason::ProtocolError);
}

#[tokio::test]
async fn a_session_that_ends_during_the_upgrade_ends_the_websocket() {
    let server = Server::start(Config::default()).await;
    let polling = Polling::handshake(server.addr()).await;
    let mut socket = request(&server, &polling).await;
    socket.send_text("2probe").await;
    promptly(socket.expect_text("3probe")).await;
    promptly(polling.post(&["1"])).await;
    socket.send_text("5").await;
    assert_eq!(promptly(socket.expect_close()).await, Some(1002));
    assert_eq!(server.closed().await, CloseReason::Client);
}

/// The server sends all the time, from another thread; the client polls, upgrades as a stock client does, and reads on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_out_of_order_around_an_upgrade() {
    const MESSAGES: usize = 3_000;
    for (name, server) in Server::start_each(Config::default()).await {
        for round in 0..10 {
            let mut polling = Polling::handshake(server.addr()).await;
            let session = server.opened().await;
            let sender = tokio::spawn(async move {
                for number in 0..MESSAGES {
                    assert!(session.send(&[text(&number.to_string())]));
                    if number % 8 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            });
            let mut received = Vec::new();
            while received.len() < round * 20 {
                received.extend(polling.poll().await);
            }
            let mut socket = request(&server, &polling).await;
            socket.send_text("2probe").await;
            let probe = tokio::spawn(async move {
                socket.expect_text("3probe").await;
                socket
            });
            // A client goes over between two polls.
            while !probe.is_finished() {
                received.extend(polling.poll().await);
            }
            let mut socket = probe.await.unwrap();
            received.retain(|packet| packet != "6");
            socket.send_text("5").await;
            while received.len() < MESSAGES {
                received.push(timeout(testkit::TIMEOUT, socket.recv_text()).await.unwrap());
            }
            sender.await.unwrap();
            let want: Vec<_> = (0..MESSAGES).map(|number| format!("4{number}")).collect();
            assert!(
                received == want,
                "{name}: {:?}",
                first_difference(&received, &want)
            );
        }
    }
}

fn first_difference<'a>(got: &'a [String], want: &'a [String]) -> Option<(&'a String, &'a String)> {
    got.iter().zip(want).find(|(got, want)| got != want)
}
