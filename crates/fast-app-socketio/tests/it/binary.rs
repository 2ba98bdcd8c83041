//! Bytes inside of events and acknowledgements.

use std::time::Duration;

use fast_app_socketio::{Ack, Binary, Data, Emit, Namespace, Payload, Socket, SocketIo};
use serde::{Deserialize, Serialize};
use testkit::{Frame, Polling, RawSocket};
use tokio::time::MissedTickBehavior;

use crate::{echo, echo_client, echo_server, expect_silence, start};

const TWO: &str = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;

#[tokio::test]
async fn attachments_come_back_with_their_event() {
    let (_server, addr) = echo_server().await;
    let mut client = echo_client(addr).await;
    client.send_text(format!(r#"452-["message",{TWO}]"#)).await;
    client.send_binary([1, 2, 3]).await;
    client.send_binary([4, 5, 6]).await;
    client
        .expect_text(&format!(r#"452-["message-back",{TWO}]"#))
        .await;
    assert_eq!(client.recv_binary().await, [1, 2, 3]);
    assert_eq!(client.recv_binary().await, [4, 5, 6]);
}

#[tokio::test]
async fn attachments_come_back_with_their_acknowledgement() {
    let (_server, addr) = echo_server().await;
    let mut client = echo_client(addr).await;
    client
        .send_text(format!(r#"452-789["message-with-ack",{TWO}]"#))
        .await;
    client.send_binary([1, 2, 3]).await;
    client.send_binary([]).await;
    client.expect_text(&format!("462-789[{TWO}]")).await;
    assert_eq!(client.recv_binary().await, [1, 2, 3]);
    assert_eq!(client.recv_binary().await, [0; 0]);
}

#[tokio::test]
async fn attachments_work_in_every_namespace_and_over_polling() {
    let (_server, addr) = echo_server().await;
    let mut client = RawSocket::engineio(addr).await;
    crate::enter(&mut client, "/custom").await;
    client.expect_text(r#"42/custom,["auth",{}]"#).await;
    let message = |start: &str, event: &str| format!(r#"{start}/custom,["{event}",{TWO}]"#);
    client.send_text(message("452-", "message")).await;
    client.send_binary([1]).await;
    client.send_binary([2]).await;
    client.expect_text(&message("452-", "message-back")).await;
    assert_eq!(client.recv_binary().await, [1]);
    assert_eq!(client.recv_binary().await, [2]);

    let mut client = Polling::socketio(addr, "").await;
    client.expect_text(r#"42["auth",{}]"#).await;
    client
        .post(&[
            &format!(r#"452-7["message-with-ack",{TWO}]"#),
            "bAQID",
            "bBAU=",
        ])
        .await;
    client.expect_text(&format!("462-7[{TWO}]")).await;
    client.expect_text("bAQID").await;
    client.expect_text("bBAU=").await;
}

#[derive(Serialize, Deserialize)]
struct Picture {
    name: String,
    data: Binary,
}

#[tokio::test]
async fn bytes_are_fields_of_what_a_handler_takes_and_returns() {
    let namespace = Namespace::new("/").on(
        "turn",
        async |_: Socket, picture: Data<Picture>, more: Data<Option<Binary>>| {
            let Picture { name, data } = picture.0;
            let bytes: Vec<u8> = data.0.iter().rev().copied().collect();
            let more = more.0.unwrap_or_default();
            Ack((
                Picture {
                    name,
                    data: bytes.into(),
                },
                more,
            ))
        },
    );
    let (_server, addr) = start(SocketIo::builder().namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    // The second argument refers to the first attachment, the first to the second.
    client
        .send_text(
            r#"452-1["turn",{"name":"a","data":{"_placeholder":true,"num":1}},{"num":0,"_placeholder":true}]"#,
        )
        .await;
    client.send_binary([9]).await;
    client.send_binary([1, 2, 3]).await;
    client
        .expect_text(
            r#"462-1[[{"name":"a","data":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]]"#,
        )
        .await;
    assert_eq!(client.recv_binary().await, [3, 2, 1]);
    assert_eq!(client.recv_binary().await, [9]);
    client
        .send_text(r#"421["turn",{"name":"a","data":"AQID"}]"#)
        .await;
    assert!(client.recv_text().await.contains("validation_error"));
}

#[tokio::test]
async fn ten_attachments_are_allowed_and_one_may_be_used_twice() {
    let (_server, addr) = echo_server().await;
    let mut client = echo_client(addr).await;
    let same = r#"{"_placeholder":true,"num":9}"#;
    client
        .send_text(format!(r#"4510-1["message-with-ack",{same},{same}]"#))
        .await;
    for number in 0..10 {
        client.send_binary([number]).await;
    }
    client.expect_text(&format!("4610-1[{same},{same}]")).await;
    for number in 0..10 {
        assert_eq!(client.recv_binary().await, [number]);
    }
}

#[tokio::test]
async fn heartbeats_may_come_between_attachments() {
    let builder = SocketIo::builder()
        .namespace(echo("/"))
        .heartbeat(Duration::from_millis(50), Duration::from_secs(5));
    let (_server, addr) = start(builder).await;
    let mut client = echo_client(addr).await;
    client
        .send_text(format!(r#"452-1["message-with-ack",{TWO}]"#))
        .await;
    client.send_binary([1]).await;
    client.expect_text("2").await;
    client.send_text("3").await;
    client.send_frame(Frame::new(Frame::PING, [])).await;
    client.send_binary([2]).await;
    client.expect_text(&format!("462-1[{TWO}]")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_comes_between_a_packet_and_its_attachments() {
    let (server, addr) = start(SocketIo::builder().namespace(Namespace::new("/").on(
        "go",
        async |socket: Socket| {
            let own = async |socket: Socket, event: &'static str| {
                for number in 0..100u8 {
                    let bytes = (Binary::from(vec![number]), Binary::from(vec![number]));
                    socket
                        .emit_payload(event, &Payload::args(&bytes).unwrap())
                        .unwrap();
                    socket.emit(event, &number).unwrap();
                    tokio::task::yield_now().await;
                }
            };
            tokio::spawn(own(socket.clone(), "a"));
            tokio::spawn(own(socket, "b"));
        },
    )))
    .await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"42["go"]"#).await;
    let broadcasts = async {
        for number in 0..100u8 {
            let bytes = (Binary::from(vec![number]), Binary::from(vec![number]));
            let payload = Payload::args(&bytes).unwrap();
            server.emit(Emit::new("c", payload)).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let reads = async {
        let mut counts = [0; 3];
        for _ in 0..500 {
            let text = client.recv_text().await;
            let event = text.split('"').nth(1).unwrap().as_bytes()[0];
            if text.starts_with("452-") {
                let first = client.recv_binary().await;
                assert_eq!(first, client.recv_binary().await);
                let count = &mut counts[usize::from(event - b'a')];
                assert_eq!(first, [*count]);
                *count += 1;
            }
        }
        assert_eq!(counts, [100; 3]);
    };
    tokio::join!(broadcasts, reads);
}

#[tokio::test]
async fn attachments_that_do_not_come_close_the_connection() {
    // Not a multiple of the pace of the server's timer, which is 100 ms with these heartbeats.
    let limit = Duration::from_millis(150);
    let builder = SocketIo::builder()
        .namespace(echo("/"))
        .attachment_timeout(limit);
    let (_server, addr) = start(builder).await;
    let mut bystander = echo_client(addr).await;
    for round in 0..8 {
        let mut client = echo_client(addr).await;
        client
            .send_text(format!(r#"452-1["message-with-ack",{TWO}]"#))
            .await;
        if round % 2 == 0 {
            client.send_binary([1]).await;
        }
        assert_eq!(client.expect_close().await, Some(1002));
    }
    expect_silence(&mut bystander).await;
}

/// A client of a server that gives attachments 400 ms, and emits `tick` every 200 ms.
async fn ticking() -> RawSocket {
    let namespace = echo("/").on("tick", async |socket: Socket| {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        // After a standstill not all that were missed, which would bring all attachments at once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::spawn(async move {
            while socket.emit("tick", &()).is_ok() {
                ticks.tick().await;
            }
        });
    });
    let builder = SocketIo::builder()
        .namespace(namespace)
        .attachment_timeout(Duration::from_millis(400));
    let (_server, addr) = start(builder).await;
    let mut client = echo_client(addr).await;
    client.send_text(r#"42["tick"]"#).await;
    client
}

#[tokio::test]
async fn one_attachment_now_and_then_does_not_keep_a_packet_open() {
    let mut client = ticking().await;
    client
        .send_text(r#"4510-1["message-with-ack",{"_placeholder":true,"num":9}]"#)
        .await;
    // An attachment with every tick: all ten would take 1.6 s.
    loop {
        let frame = client.recv().await;
        if frame.opcode == Frame::CLOSE {
            assert_eq!(frame.payload, 1002u16.to_be_bytes());
            return;
        }
        assert_eq!(frame.payload, br#"42["tick"]"#);
        client.send_binary([1]).await;
    }
}

#[tokio::test]
async fn every_packet_has_its_own_time_for_attachments() {
    let mut client = ticking().await;
    let packet = r#"451-1["message-with-ack",{"_placeholder":true,"num":0}]"#;
    client.send_text(packet).await;
    client.send_binary([1]).await;
    // Half of the first packet's time later; when that has run out, the second still has some.
    let mut ticks = 0;
    while ticks < 3 {
        match client.recv().await {
            frame if frame.payload == br#"42["tick"]"# => ticks += 1,
            frame if frame.opcode == Frame::BINARY => assert_eq!(frame.payload, [1]),
            frame => assert!(frame.payload.starts_with(b"461-1"), "{frame:?}"),
        }
    }
    client.send_text(packet).await;
    assert_eq!(client.expect_close().await, Some(1002));
}

#[tokio::test]
async fn a_packet_and_its_attachments_are_at_most_the_largest_payload() {
    let builder = SocketIo::builder().namespace(echo("/")).max_payload(1_000);
    let (_server, addr) = start(builder).await;
    let text = format!(r#"452-1["message-with-ack",{TWO}]"#);
    let json = text.len() - "452-1".len();
    let mut client = echo_client(addr).await;
    client.send_text(&*text).await;
    client.send_binary(vec![1; 500]).await;
    client.send_binary(vec![2; 500 - json]).await;
    client.expect_text(&format!("462-1[{TWO}]")).await;
    client.recv_binary().await;
    client.recv_binary().await;
    client.send_text(text).await;
    client.send_binary(vec![1; 500]).await;
    client.send_binary(vec![2; 501 - json]).await;
    assert_eq!(client.expect_close().await, Some(1002));
}
