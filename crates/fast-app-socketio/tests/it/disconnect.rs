//! How a client gets out of a namespace.

use std::time::Duration;

use fast_app_socketio::{DisconnectReason, Namespace, Socket, SocketError, SocketIo};
use testkit::{Frame, Polling, RawSocket};

use crate::{
    Diary, diary, echo_client, echo_server, enter, expect_silence, leave_farewell, news, sid_in,
    start, write,
};

#[tokio::test]
async fn leaving_the_main_namespace_keeps_the_connection() {
    let (_server, addr) = start(
        SocketIo::builder()
            .namespace(crate::echo("/"))
            .heartbeat(Duration::from_millis(50), Duration::from_secs(5)),
    )
    .await;
    let mut client = echo_client(addr).await;
    client.send_text("41").await;
    client.send_text(r#"421["message-with-ack"]"#).await;
    client.expect_text("2").await;
    client.send_text("3").await;
    client.send_text("40").await;
    sid_in(&client.recv_text().await, "40");
}

#[tokio::test]
async fn leaving_one_namespace_keeps_the_others() {
    let (_server, addr) = echo_server().await;
    let mut client = echo_client(addr).await;
    enter(&mut client, "/custom").await;
    client.expect_text(r#"42/custom,["auth",{}]"#).await;
    client.send_text("41/custom,").await;
    client
        .send_text(r#"42/custom,["message","to nobody"]"#)
        .await;
    client
        .send_text(r#"42["message","message to main namespace"]"#)
        .await;
    client
        .expect_text(r#"42["message-back","message to main namespace"]"#)
        .await;
    for packet in ["41/custom,", "41/unknown,", "41/custom?x=1,"] {
        client.send_text(packet).await;
    }
    expect_silence(&mut client).await;
}

/// A server that writes down why its sockets went and whether their connection was freed.
async fn watched(
    builder: fast_app_socketio::SocketIoBuilder,
) -> (SocketIo, std::net::SocketAddr, Diary) {
    let (pen, diary) = diary();
    let namespace = |path: &'static str| {
        Namespace::new(path)
            .on_connect(async |socket: Socket| {
                leave_farewell(&socket, "freed");
                socket.enter_room("room").unwrap();
            })
            .on_disconnect(async |socket: Socket, reason: DisconnectReason| {
                assert!(!socket.is_connected());
                assert!(socket.rooms().is_empty());
                assert!(
                    socket
                        .occupants("room")
                        .iter()
                        .all(|other| *other != socket)
                );
                let emit = socket.emit("late", &());
                assert!(matches!(emit, Err(SocketError::Disconnected)));
                let entered = socket.enter_room("another");
                assert!(matches!(entered, Err(SocketError::Disconnected)));
                write(&socket, format!("{} {reason}", socket.namespace()));
            })
            .on("event", async |socket: Socket| write(&socket, "event"))
            .on("disconnect me", async |socket: Socket| {
                socket.disconnect();
                socket.disconnect();
            })
    };
    let builder = builder
        .state(pen)
        .namespace(namespace("/"))
        .namespace(namespace("/custom"));
    let (server, addr) = start(builder).await;
    (server, addr, diary)
}

#[tokio::test]
async fn the_reason_is_told_once_and_everything_is_freed() {
    type Leave = fn(RawSocket) -> std::pin::Pin<Box<dyn Future<Output = Option<RawSocket>> + Send>>;
    let ways: [(&str, Leave); 9] = [
        ("client disconnect", |mut client| {
            Box::pin(async {
                client.send_text("41").await;
                Some(client)
            })
        }),
        // Engine.IO's own close packet.
        ("client disconnect", |mut client| {
            Box::pin(async {
                client.send_text("1").await;
                Some(client)
            })
        }),
        ("transport close", |mut client| {
            Box::pin(async {
                client.send_frame(Frame::close(1000)).await;
                Some(client)
            })
        }),
        ("transport close", |client| {
            Box::pin(async {
                client.reset();
                None
            })
        }),
        // With the half of a packet, which is freed too.
        ("transport close", |mut client| {
            Box::pin(async move {
                client.send_text(r#"452-["event"]"#).await;
                client.send_binary(vec![0; 100_000]).await;
                None
            })
        }),
        ("transport close", |client| {
            Box::pin(async {
                drop(client);
                None
            })
        }),
        ("parse error", |mut client| {
            Box::pin(async {
                client.send_text("4abc").await;
                Some(client)
            })
        }),
        ("server disconnect", |mut client| {
            Box::pin(async {
                client.send_text(r#"421["disconnect me"]"#).await;
                // Once, although it was asked for twice; and no acknowledgement behind it.
                client.expect_text("41").await;
                Some(client)
            })
        }),
        ("parse error", |mut client| {
            Box::pin(async {
                client
                    .send_frame(Frame {
                        rsv: 7,
                        ..Frame::text("40")
                    })
                    .await;
                Some(client)
            })
        }),
    ];
    let (server, addr, mut diary) = watched(SocketIo::builder()).await;
    for (reason, leave) in ways {
        let client = RawSocket::socketio(addr, "").await;
        let client = leave(client).await;
        diary.expect(&format!("/ {reason}")).await;
        assert_eq!(server.emit(news()).await.unwrap().local, 0);
        assert_eq!(server.emit(news().to(["room"])).await.unwrap().local, 0);
        drop(client);
        diary.expect("freed").await;
        diary.expect_end();
    }
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_disconnected() {
    let builder =
        SocketIo::builder().heartbeat(Duration::from_millis(50), Duration::from_millis(50));
    let (_server, addr, mut diary) = watched(builder).await;
    let client = RawSocket::socketio(addr, "").await;
    diary.expect("/ ping timeout").await;
    drop(client);
    diary.expect("freed").await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let builder = SocketIo::builder().config(|config| config.max_outbox = 100_000);
    let (server, addr, mut diary) = watched(builder).await;
    let client = RawSocket::socketio(addr, "").await;
    let big = "x".repeat(50_000);
    let payload = fast_app_socketio::Payload::new(&big).unwrap();
    let emit = fast_app_socketio::Emit::new("big", payload);
    while server.emit(emit.clone()).await.unwrap().local == 1 {
        tokio::task::yield_now().await;
    }
    diary.expect("/ slow consumer").await;
    drop(client);
    diary.expect("freed").await;
}

#[tokio::test]
async fn the_end_of_the_connection_is_the_end_of_all_its_sockets() {
    let (_server, addr, mut diary) = watched(SocketIo::builder()).await;
    let mut client = RawSocket::socketio(addr, "").await;
    enter(&mut client, "/custom").await;
    // The second namespace's farewell takes the place of the first.
    diary.expect("freed").await;
    client.reset();
    let mut lines = [diary.next().await, diary.next().await];
    lines.sort();
    assert_eq!(lines, ["/ transport close", "/custom transport close"]);
    diary.expect("freed").await;
    diary.expect_end();
}

#[tokio::test]
async fn a_polling_client_is_disconnected_and_freed_too() {
    let (_server, addr, mut diary) = watched(SocketIo::builder()).await;
    let mut client = Polling::socketio(addr, "").await;
    client.post(&[r#"42["disconnect me"]"#]).await;
    client.expect_text("41").await;
    diary.expect("/ server disconnect").await;
    client.post(&["40"]).await;
    sid_in(&client.recv_text().await, "40");
    diary.expect("freed").await;
    client.post(&["1"]).await;
    diary.expect("/ client disconnect").await;
    diary.expect("freed").await;
    diary.expect_end();
}

#[tokio::test]
async fn a_server_that_shuts_down_disconnects_everybody() {
    let (server, addr, mut diary) = watched(SocketIo::builder()).await;
    let mut clients = [
        RawSocket::socketio(addr, "").await,
        RawSocket::socketio(addr, "").await,
    ];
    server.shutdown();
    for client in &mut clients {
        assert_eq!(client.expect_close().await, Some(1001));
    }
    drop(clients);
    let mut lines = Vec::new();
    for _ in 0..4 {
        lines.push(diary.next().await);
    }
    lines.sort();
    assert_eq!(
        lines,
        [
            "/ server shutting down",
            "/ server shutting down",
            "freed",
            "freed"
        ]
    );
}

#[tokio::test]
async fn on_disconnect_comes_after_the_last_event() {
    let (_server, addr, mut diary) = watched(SocketIo::builder()).await;
    let mut client = RawSocket::socketio(addr, "").await;
    for _ in 0..20 {
        client.send_text(r#"42["event"]"#).await;
    }
    client.send_text("41").await;
    client.send_text(r#"42["event"]"#).await;
    for _ in 0..20 {
        diary.expect("event").await;
    }
    diary.expect("/ client disconnect").await;
    expect_none_of_it(&mut client).await;
    diary.expect_end();
}

/// The client is in no namespace; a connect is answered after everything before it was read.
async fn expect_none_of_it(client: &mut RawSocket) {
    client.send_text("40/unknown,").await;
    client
        .expect_text(r#"44/unknown,{"message":"Invalid namespace"}"#)
        .await;
}

#[tokio::test]
async fn a_client_disconnected_by_the_server_may_connect_again_at_once() {
    let (_server, addr, mut diary) = watched(SocketIo::builder()).await;
    let mut client = RawSocket::socketio(addr, "").await;
    for _ in 0..50 {
        client.send_text(r#"42["disconnect me"]"#).await;
        client.expect_text("41").await;
        client.send_text("40").await;
        sid_in(&client.recv_text().await, "40");
    }
    drop(client);
    loop {
        if diary.next().await == "/ transport close" {
            return;
        }
    }
}

#[tokio::test]
async fn a_socket_disconnected_in_on_connect_gets_what_was_emitted_to_it() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/")
        .on_connect(async |socket: Socket| {
            socket.emit("outdated", &1).unwrap();
            socket.disconnect();
            assert!(socket.emit("late", &()).is_err());
        })
        .on_disconnect(async |socket: Socket, reason: DisconnectReason| write(&socket, reason));
    let (server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.expect_text(r#"42["outdated",1]"#).await;
    client.expect_text("41").await;
    diary.expect("server disconnect").await;
    assert_eq!(server.emit(news()).await.unwrap().local, 0);
    diary.expect_end();
}
