//! Sessions over polling.

use std::time::Duration;

use axum::{Router, body::Body, http::Request};
use fast_app_engineio::{CloseReason, Config, EngineIoLayer};
use http_body_util::BodyExt;
use testkit::{Polling, http};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    assert_bad_request, assert_next_client_served, assert_ok, assert_refused, assert_unknown,
    connection,
    echo::{Server, text},
    hold, poll_request, promptly,
};

#[tokio::test]
async fn text_and_binary_come_back() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut polling = Polling::handshake(server.addr()).await;
        for packet in ["4hello", "4", "4€ 😀", "bAQIDBA==", "b"] {
            promptly(polling.post(&[packet])).await;
            promptly(polling.expect_text(packet)).await;
        }
        assert_eq!(server.engine().sessions(), 1, "{name}");
    }
}

#[tokio::test]
async fn one_payload_carries_several_packets_both_ways() {
    let server = Server::start(Config::default()).await;
    let mut polling = Polling::handshake(server.addr()).await;
    let packets = ["4test1", "bAQIDBA==", "4test2", "6", "4test3"];
    promptly(polling.post(&packets)).await;
    let echoed = promptly(polling.poll()).await;
    assert_eq!(echoed, ["4test1", "bAQIDBA==", "4test2", "4test3"]);
}

#[tokio::test]
async fn a_held_poll_gets_what_comes_later() {
    for (_, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let mut held = hold(&server, &polling).await;
        promptly(polling.post(&["4now"])).await;
        assert_ok(&promptly(held.response()).await.unwrap(), "4now");
    }
}

#[tokio::test]
async fn a_close_packet_ends_the_held_poll_and_the_session() {
    for (name, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let mut held = hold(&server, &polling).await;
        promptly(polling.post(&["1"])).await;
        assert_ok(&promptly(held.response()).await.unwrap(), "6");
        assert_eq!(server.closed().await, CloseReason::Client, "{name}");
        assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
        assert_unknown(&promptly(http::post(server.addr(), &polling.path("polling"), "4x")).await);
        assert_next_client_served(&server).await;
    }
}

#[tokio::test]
async fn a_second_poll_at_once_ends_the_session() {
    for (name, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let mut first = hold(&server, &polling).await;
        let mut second = hold(&server, &polling).await;
        assert_ok(&promptly(first.response()).await.unwrap(), "1");
        assert_bad_request(&promptly(second.response()).await.unwrap());
        assert_eq!(server.closed().await, CloseReason::ProtocolError, "{name}");
        assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
        assert_next_client_served(&server).await;
    }
}

#[tokio::test]
async fn a_second_post_at_once_ends_the_session() {
    for (name, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let mut first = unfinished_post(&server, &polling).await;
        let second = promptly(http::post(server.addr(), &polling.path("polling"), "4x")).await;
        assert_bad_request(&second);
        assert_eq!(server.closed().await, CloseReason::ProtocolError, "{name}");
        first.send("4abc").await;
        let first = promptly(first.response()).await.unwrap();
        assert_eq!(first.status, 400, "{name}");
        assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
        assert_next_client_served(&server).await;
    }
}

#[tokio::test]
async fn polls_and_posts_one_after_the_other_are_fine() {
    let server = Server::start(Config::default()).await;
    let mut polling = Polling::handshake(server.addr()).await;
    for number in 0..50 {
        polling.post(&[&format!("4{number}")]).await;
        polling.expect_text(&format!("4{number}")).await;
    }
}

#[tokio::test]
async fn an_invalid_payload_ends_the_session() {
    for (name, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let mut held = hold(&server, &polling).await;
        let response = promptly(http::post(server.addr(), &polling.path("polling"), "abc")).await;
        assert_bad_request(&response);
        assert_ok(&promptly(held.response()).await.unwrap(), "1");
        assert_eq!(server.closed().await, CloseReason::ProtocolError, "{name}");
        assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
        assert_next_client_served(&server).await;
    }
}

#[tokio::test]
async fn nothing_behind_a_close_packet_is_heard() {
    let server = Server::start(Config::default()).await;
    let polling = Polling::handshake(server.addr()).await;
    let mut held = hold(&server, &polling).await;
    promptly(polling.post(&["1", "4too late"])).await;
    assert_ok(&promptly(held.response()).await.unwrap(), "6");
    assert_eq!(server.closed().await, CloseReason::Client);
}

#[tokio::test]
async fn an_aborted_poll_ends_the_session() {
    for (name, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        hold(&server, &polling).await.reset();
        let reason = promptly(server.closed()).await;
        assert_eq!(reason, CloseReason::TransportClose, "{name}");
        assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
    }
}

#[tokio::test]
async fn an_aborted_post_ends_the_session() {
    for (name, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let mut post = unfinished_post(&server, &polling).await;
        post.send("4a").await;
        post.reset();
        let reason = promptly(server.closed()).await;
        assert_eq!(reason, CloseReason::ProtocolError, "{name}");
    }
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_taken_and_one_byte_more_is_refused() {
    for (name, server) in Server::start_each(Config::default()).await {
        let mut polling = Polling::handshake(server.addr()).await;
        let largest = format!("4{}", "x".repeat(999_999));
        polling.post(&[&largest]).await;
        polling.expect_text(&largest).await;
        let mut held = hold(&server, &polling).await;
        let larger = largest + "x";
        let response = http::post(server.addr(), &polling.path("polling"), &larger).await;
        assert_refused(&response, 413, 3, "Payload too large");
        assert_ok(&promptly(held.response()).await.unwrap(), "1");
        assert_eq!(server.closed().await, CloseReason::ProtocolError, "{name}");
    }
}

#[tokio::test]
async fn a_body_in_chunks_is_taken_up_to_the_limit() {
    let config = Config {
        max_payload: 10,
        ..Config::default()
    };
    let server = Server::start(config).await;
    let mut polling = Polling::handshake(server.addr()).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        polling.path("polling")
    );
    let request = format!("{head}5\r\n41234\r\n5\r\n56789\r\n0\r\n\r\n");
    assert_ok(&promptly(http::request(server.addr(), request)).await, "ok");
    polling.expect_text("4123456789").await;
    let request = format!("{head}5\r\n41234\r\n6\r\n567890");
    let response = promptly(http::request(server.addr(), request)).await;
    assert_refused(&response, 413, 3, "Payload too large");
    assert_eq!(server.closed().await, CloseReason::ProtocolError);
}

#[tokio::test]
async fn a_payload_has_a_largest_number_of_packets() {
    let server = Server::start(Config::default()).await;
    let mut polling = Polling::handshake(server.addr()).await;
    promptly(polling.post(&["6"; 1_000])).await;
    promptly(polling.post(&["4still open"])).await;
    promptly(polling.expect_text("4still open")).await;
    let body = ["6"; 1_001].join("\u{1e}");
    let response = promptly(http::post(server.addr(), &polling.path("polling"), body)).await;
    assert_bad_request(&response);
    assert_eq!(server.closed().await, CloseReason::ProtocolError);
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_ends_the_session() {
    let config = Config {
        body_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let server = Server::start(config).await;
    let polling = Polling::handshake(server.addr()).await;
    let mut post = unfinished_post(&server, &polling).await;
    let response = promptly(post.response()).await.unwrap();
    assert_refused(&response, 408, 3, "Request timeout");
    assert_eq!(server.closed().await, CloseReason::ProtocolError);
}

#[tokio::test]
async fn more_than_one_response_holds_is_left_for_the_next_poll() {
    let config = Config {
        max_payload: 100,
        ..Config::default()
    };
    let server = Server::start(config).await;
    let mut polling = Polling::handshake(server.addr()).await;
    let session = server.opened().await;
    let packets: Vec<_> = (0..5)
        .map(|number| format!("{number}{}", "x".repeat(40)))
        .collect();
    for packet in &packets {
        assert!(session.send(&[text(packet)]));
    }
    let mut polls = Vec::new();
    for _ in 0..3 {
        polls.push(promptly(polling.poll()).await.len());
    }
    assert_eq!(polls, [2, 2, 1]);
}

#[tokio::test]
async fn the_application_ends_a_session_after_what_it_has_sent() {
    for (name, server) in Server::start_each(Config::default()).await {
        for held_before in [false, true] {
            let polling = Polling::handshake(server.addr()).await;
            let session = server.opened().await;
            let mut poll = http::Connection::open(server.addr()).await;
            if held_before {
                poll = hold(&server, &polling).await;
            }
            session.send(&[text("last words")]);
            session.close(CloseReason::Server);
            assert!(!session.send(&[text("too late")]));
            if !held_before {
                poll.send(poll_request(&polling)).await;
            }
            assert_ok(
                &promptly(poll.response()).await.unwrap(),
                "4last words\u{1e}1",
            );
            assert_eq!(server.closed().await, CloseReason::Server, "{name}");
            assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_ends_the_session() {
    let server = Server::start(Config::default()).await;
    let mut service = EngineIoLayer::new(server.engine().clone()).layer(Router::new());
    for taken in [true, false] {
        let polling = Polling::handshake(server.addr()).await;
        server.opened().await.send(&[text("hello")]);
        let request = Request::get(polling.path("polling")).header("host", "x");
        let request = request.body(Body::empty());
        let answer = promptly(service.call(request.unwrap())).await.unwrap();
        if taken {
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "4hello");
            assert!(server.none_closed().await);
        } else {
            drop(answer);
            let reason = promptly(server.closed()).await;
            assert_eq!(reason, CloseReason::TransportClose);
        }
    }
}

/// Sends the head of a POST whose body of four bytes is still to come, and comes back when the server waits for that.
async fn unfinished_post(server: &Server, polling: &Polling) -> http::Connection {
    let mut post = connection(server).await;
    let path = polling.path("polling");
    post.send(format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    ))
    .await;
    connection(server).await;
    post
}

#[tokio::test]
async fn a_close_packet_that_overtakes_a_poll_waits_for_it() {
    for (name, server) in Server::start_each(Config::default()).await {
        let polling = Polling::handshake(server.addr()).await;
        let mut post = connection(&server).await;
        let mut held = connection(&server).await;
        let path = polling.path("polling");
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1");
        post.send(head).await;
        held.send(poll_request(&polling)).await;
        assert_ok(&promptly(held.response()).await.unwrap(), "6");
        assert_ok(&promptly(post.response()).await.unwrap(), "ok");
        assert_eq!(server.closed().await, CloseReason::Client, "{name}");
        assert_unknown(&promptly(http::get(server.addr(), &path)).await);
    }
}

#[tokio::test]
async fn a_client_that_says_close_and_is_gone_has_closed() {
    let server = Server::start(Config::default()).await;
    let polling = Polling::handshake(server.addr()).await;
    let mut post = connection(&server).await;
    let path = polling.path("polling");
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1");
    post.send(head).await;
    connection(&server).await;
    drop(post);
    assert_eq!(promptly(server.closed()).await, CloseReason::Client);
}
