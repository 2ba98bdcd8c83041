//! How a client gets into a namespace, and how not.

use std::time::Duration;

use fast_app_socketio::{
    Auth, Binary, ConnectionRefused, DisconnectReason, Emit, Namespace, Payload, Revocation,
    Socket, SocketError, SocketIo, SocketIoBuilder, Who,
};
use serde_json::{Value, json};
use testkit::{Frame, Polling, RawSocket};
use tokio::time::timeout;

use crate::{
    Diary, Gate, diary, echo, echo_client, echo_server, enter, expect_silence, leave_farewell,
    news, pass, room, sid_in, start, write,
};

#[tokio::test]
async fn a_client_connects_and_its_auth_arrives() {
    let (_server, addr) = echo_server().await;
    for (connect, namespace, auth) in [
        ("40", "", "{}"),
        ("40/", "", "{}"),
        ("40/,", "", "{}"),
        (r#"40{"token":"123"}"#, "", r#"{"token":"123"}"#),
        (r#"40{"z":1.0,"a":1e+22}"#, "", r#"{"z":1.0,"a":1e+22}"#),
        ("40/custom", "/custom,", "{}"),
        ("40/custom,", "/custom,", "{}"),
        (
            r#"40/custom,{"token":"abc"}"#,
            "/custom,",
            r#"{"token":"abc"}"#,
        ),
        ("40/custom?key=value", "/custom,", "{}"),
        ("40/custom?key=value,", "/custom,", "{}"),
        (r#"40/custom?a=1&b=2,{"c":3}"#, "/custom,", r#"{"c":3}"#),
    ] {
        let mut client = RawSocket::engineio(addr).await;
        client.send_text(connect).await;
        let sid = sid_in(&client.recv_text().await, &format!("40{namespace}"));
        assert_ne!(client.open_packet()["sid"], sid, "the sids are unrelated");
        client
            .expect_text(&format!(r#"42{namespace}["auth",{auth}]"#))
            .await;
    }
}

#[tokio::test]
async fn an_unknown_namespace_is_refused_and_the_connection_stays() {
    let (_server, addr) = echo_server().await;
    let mut client = RawSocket::engineio(addr).await;
    for (connect, refusal) in [
        ("40/random", "44/random,"),
        (r#"40/random,{"token":1}"#, "44/random,"),
        ("40/random?x=1,", "44/random,"),
        ("40/custom/", "44/custom/,"),
        ("40/Custom", "44/Custom,"),
    ] {
        client.send_text(connect).await;
        client
            .expect_text(&format!(r#"{refusal}{{"message":"Invalid namespace"}}"#))
            .await;
    }
    enter(&mut client, "/custom").await;
}

#[tokio::test]
async fn a_server_without_the_main_namespace_refuses_it() {
    let (_server, addr) = start(SocketIo::builder().namespace(echo("/custom"))).await;
    let mut client = RawSocket::engineio(addr).await;
    client.send_text("40").await;
    client
        .expect_text(r#"44{"message":"Invalid namespace"}"#)
        .await;
}

#[tokio::test]
async fn an_invalid_handshake_closes_the_connection() {
    let (_server, addr) = echo_server().await;
    for handshake in ["4abc", "4", "40{", "40/custom,{", "41x"] {
        let mut client = RawSocket::engineio(addr).await;
        client.send_text(handshake).await;
        assert_eq!(client.expect_close().await, Some(1002), "{handshake}");
    }
}

#[tokio::test]
async fn whoever_is_in_no_namespace_in_time_is_closed() {
    let (_server, addr) =
        start(
            SocketIo::builder()
                .namespace(echo("/"))
                .namespace(Namespace::new("/closed").on_connect(async |_: Socket| {
                    Err::<(), _>(ConnectionRefused::new("not today"))
                }))
                .connect_timeout(Duration::from_millis(150)),
        )
        .await;
    let mut connected = echo_client(addr).await;
    let mut refused = RawSocket::engineio(addr).await;
    refused.send_text("40/closed,").await;
    refused
        .expect_text(r#"44/closed,{"message":"not today"}"#)
        .await;
    let mut unknown = RawSocket::engineio(addr).await;
    unknown.send_text("40/unknown,").await;
    let mut silent = RawSocket::engineio(addr).await;

    assert_eq!(silent.expect_close().await, Some(1002));
    assert_eq!(refused.expect_close().await, Some(1002));
    assert_eq!(unknown.expect_close().await, Some(1002));
    expect_silence(&mut connected).await;
}

#[tokio::test]
async fn a_slow_on_connect_may_take_longer_than_the_connect_timeout() {
    let (gate, mut diary, builder) = gated();
    let builder = builder.connect_timeout(Duration::from_millis(100));
    let (_server, addr) = start(builder).await;
    let mut client = RawSocket::engineio(addr).await;
    client.send_text("40").await;
    diary.expect("connecting").await;
    let mut later = RawSocket::engineio(addr).await;
    assert_eq!(later.expect_close().await, Some(1002));
    gate.open(1);
    sid_in(&client.recv_text().await, "40");
}

#[tokio::test]
async fn the_confirmation_comes_first_whatever_on_connect_emits() {
    let (_server, addr) = start(
        SocketIo::builder().namespace(Namespace::new("/").on_connect(async |socket: Socket| {
            socket.emit("first", &1).unwrap();
            tokio::task::yield_now().await;
            socket.emit("second", &Binary::from(vec![2])).unwrap();
            socket.emit("third", &3).unwrap();
        })),
    )
    .await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.expect_text(r#"42["first",1]"#).await;
    client
        .expect_text(r#"451-["second",{"_placeholder":true,"num":0}]"#)
        .await;
    assert_eq!(client.recv_binary().await, [2]);
    client.expect_text(r#"42["third",3]"#).await;
}

/// A server whose `on_connect` enters `room`, says so, and waits at the gate.
fn gated() -> (Gate, Diary, SocketIoBuilder) {
    let (pen, diary) = diary();
    let gate = Gate::closed();
    let namespace = Namespace::new("/")
        .on_connect(async |socket: Socket| {
            // It may have left already, in the test of a client that does so all the time.
            let _ = socket.enter_room("room");
            write(&socket, "connecting");
            pass(&socket).await;
        })
        .on("event", async |socket: Socket| write(&socket, "event"));
    let builder = SocketIo::builder()
        .state(pen)
        .state(gate.clone())
        .namespace(namespace)
        .namespace(Namespace::new("/other"));
    (gate, diary, builder)
}

#[tokio::test]
async fn events_while_on_connect_runs_are_not_handled() {
    let (gate, mut diary, builder) = gated();
    let (_server, addr) = start(builder).await;
    let mut client = RawSocket::engineio(addr).await;
    client.send_text("40").await;
    for packet in [r#"42["event"]"#, r#"421["event"]"#, "430[]"] {
        client.send_text(packet).await;
    }
    client
        .send_text(r#"451-["event",{"_placeholder":true,"num":0}]"#)
        .await;
    client.send_binary([1]).await;
    // Answered only after all of the above has been read.
    enter(&mut client, "/other").await;

    diary.expect("connecting").await;
    gate.open(1);
    sid_in(&client.recv_text().await, "40");
    client.send_text(r#"422["event"]"#).await;
    client.expect_text("432[]").await;
    diary.expect("event").await;
    diary.expect_end();
}

#[tokio::test]
async fn broadcasts_do_not_reach_a_socket_that_is_connecting() {
    let (gate, mut diary, builder) = gated();
    let (server, addr) = start(builder).await;
    let mut client = RawSocket::engineio(addr).await;
    client.send_text("40").await;
    diary.expect("connecting").await;
    for emit in [news(), news().to(["room"])] {
        assert_eq!(server.emit(emit).await.unwrap().local, 0);
    }
    gate.open(1);
    sid_in(&client.recv_text().await, "40");
    assert_eq!(server.emit(news().to(["room"])).await.unwrap().local, 1);
    client.expect_text(r#"42["news"]"#).await;
    expect_silence(&mut client).await;
}

#[tokio::test]
async fn a_refused_client_gets_the_reason_and_leaves_nothing_behind() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/")
        .on_connect(async |socket: Socket, auth: Auth| {
            if auth.value()["token"] == "good" {
                return Ok(());
            }
            leave_farewell(&socket, "freed");
            socket.enter_room("room").unwrap();
            socket.emit("secret", &1).unwrap();
            // A hook that holds its socket must not keep it alive.
            let held = socket.clone();
            socket.on_leave(room("room"), async move |socket, _| {
                write(&socket, format!("hook of {}", held.sid()));
            });
            Err(ConnectionRefused::new("Invalid token").with_data(json!({"code": 7})))
        })
        .on_disconnect(async |socket: Socket| write(&socket, "disconnected"))
        .on("event", async |socket: Socket| write(&socket, "event"));
    let (server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;

    let mut client = RawSocket::engineio(addr).await;
    client.send_text(r#"40{"token":"bad"}"#).await;
    let refusal = client.recv_text().await;
    let refusal: Value = serde_json::from_str(refusal.strip_prefix("44").unwrap()).unwrap();
    assert_eq!(
        refusal,
        json!({"message": "Invalid token", "data": {"code": 7}})
    );
    client.send_text(r#"421["event"]"#).await;
    for emit in [news(), news().to(["room"])] {
        assert_eq!(server.emit(emit).await.unwrap().local, 0);
    }
    // The same connection may try again, and hears nothing of the first attempt.
    client.send_text(r#"40{"token":"good"}"#).await;
    sid_in(&client.recv_text().await, "40");
    expect_silence(&mut client).await;
    drop(client);
    let mut rest = [diary.next().await, diary.next().await];
    rest.sort();
    assert_eq!(rest, ["disconnected", "freed"]);
    diary.expect_end();
}

#[tokio::test]
async fn a_second_connect_is_refused_and_the_first_stays() {
    let (gate, mut diary, builder) = gated();
    let (_server, addr) = start(builder).await;
    let mut client = RawSocket::engineio(addr).await;
    client.send_text("40").await;
    client.send_text("40").await;
    client
        .expect_text(r#"44{"message":"Already connected"}"#)
        .await;
    gate.open(2);
    sid_in(&client.recv_text().await, "40");
    client.send_text(r#"40{"again":true}"#).await;
    client
        .expect_text(r#"44{"message":"Already connected"}"#)
        .await;
    client.send_text(r#"421["event"]"#).await;
    client.expect_text("431[]").await;
    diary.expect("connecting").await;
    diary.expect("event").await;
    diary.expect_end();
}

#[tokio::test]
async fn a_client_may_be_in_sixteen_namespaces() {
    let path = |number| format!("/n{number}");
    let builder = (0..17).fold(SocketIo::builder(), |builder, number| {
        builder.namespace(Namespace::new(path(number)))
    });
    let (_server, addr) = start(builder).await;
    let mut client = RawSocket::engineio(addr).await;
    for number in 0..16 {
        enter(&mut client, &path(number)).await;
    }
    client.send_text("40/n16,").await;
    client
        .expect_text(r#"44/n16,{"message":"Too many namespaces"}"#)
        .await;
    client.send_text("41/n3,").await;
    enter(&mut client, "/n16").await;
}

#[tokio::test]
async fn namespaces_that_do_not_exist_take_no_room() {
    let (_server, addr) = echo_server().await;
    let mut client = RawSocket::engineio(addr).await;
    for number in 0..2_000 {
        client.send_text(format!("40/n{number},")).await;
        client
            .expect_text(&format!(
                r#"44/n{number},{{"message":"Invalid namespace"}}"#
            ))
            .await;
    }
    enter(&mut client, "/custom").await;
}

#[tokio::test]
async fn a_client_that_leaves_during_on_connect_is_disconnected_if_it_was_let_in() {
    for (let_in, leaves_by) in [
        (true, "41"),
        (true, "reset"),
        (false, "41"),
        (false, "reset"),
    ] {
        let (pen, mut diary) = diary();
        let namespace = Namespace::new("/")
            .on_connect(async |socket: Socket, auth: Auth| {
                leave_farewell(&socket, "freed");
                write(&socket, "connecting");
                while socket.enter_room("room").is_ok() {
                    tokio::task::yield_now().await;
                }
                match auth.value()["let_in"] == true {
                    true => Ok(()),
                    false => Err(ConnectionRefused::new("no")),
                }
            })
            .on_disconnect(async |socket: Socket, reason: DisconnectReason| {
                let late = socket.emit("late", &());
                assert!(matches!(late, Err(SocketError::Disconnected)));
                write(&socket, reason);
            });
        let builder = SocketIo::builder()
            .state(pen)
            .namespace(namespace)
            .namespace(Namespace::new("/other"));
        let (server, addr) = start(builder).await;
        let mut client = RawSocket::engineio(addr).await;
        client
            .send_text(format!(r#"40{{"let_in":{let_in}}}"#))
            .await;
        diary.expect("connecting").await;
        match leaves_by {
            "reset" => client.reset(),
            packet => {
                client.send_text(packet).await;
                // Neither a confirmation nor a refusal comes first: the client may be connecting again by now.
                enter(&mut client, "/other").await;
                drop(client);
            }
        }
        let reason = match leaves_by {
            "reset" => "transport close",
            _ => "client disconnect",
        };
        if let_in {
            diary.expect(reason).await;
        }
        diary.expect("freed").await;
        diary.expect_end();
        assert_eq!(server.emit(news()).await.unwrap().local, 0);
    }
}

#[tokio::test]
async fn a_connect_behind_the_packet_that_closed_the_connection_is_too_late() {
    let (pen, mut diary) = diary();
    let namespace =
        Namespace::new("/").on_connect(async |socket: Socket| write(&socket, "connected"));
    let (server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    let mut client = RawSocket::engineio(addr).await;
    let both = [Frame::text("4abc").encode(), Frame::text("40").encode()].concat();
    client.send_bytes(both).await;
    assert_eq!(client.expect_close().await, Some(1002));
    assert_eq!(server.emit(news()).await.unwrap().local, 0);
    diary.expect_end();
}

#[tokio::test]
async fn a_client_that_connects_and_leaves_all_the_time_is_held_back() {
    let (gate, mut diary, builder) = gated();
    let (_server, addr) = start(builder.max_backlog(8)).await;
    let mut client = RawSocket::engineio(addr).await;
    for _ in 0..100 {
        client.send_text("40").await;
        client.send_text("41").await;
    }
    client.send_text("40/other,").await;
    for _ in 0..8 {
        diary.expect("connecting").await;
    }
    // No more than eight are asked about at once.
    diary.expect_end();
    gate.open(100);
    while !client.recv_text().await.starts_with("40/other,") {}
}

#[tokio::test]
async fn any_limit_may_be_as_high_as_there_are_numbers() {
    const FOR_EVER: Duration = Duration::MAX;
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/").on("ask", async |socket: Socket| {
        tokio::spawn(async move {
            let answer = socket.emit_with_ack("question", &()).await;
            write(&socket, answer.is_ok());
        });
    });
    let builder = SocketIo::builder()
        .heartbeat(FOR_EVER, FOR_EVER)
        .connect_timeout(FOR_EVER)
        .attachment_timeout(FOR_EVER)
        .ack_timeout(FOR_EVER)
        .config(|config| {
            config.upgrade_timeout = FOR_EVER;
            config.body_timeout = FOR_EVER;
            config.write_timeout = FOR_EVER;
            config.http.header_timeout = FOR_EVER;
            config.http.write_timeout = FOR_EVER;
            config.http.max_headers = usize::MAX;
            config.http.max_header_bytes = usize::MAX;
            config.max_payload = usize::MAX;
            config.max_outbox = usize::MAX;
            config.max_packets = usize::MAX;
            config.max_fragments = usize::MAX;
        })
        .max_attachments(usize::MAX)
        .max_acks(usize::MAX)
        .max_backlog(usize::MAX)
        .max_rooms(usize::MAX)
        .max_room_name(usize::MAX)
        .max_namespaces(usize::MAX)
        .max_namespace_name(usize::MAX)
        .max_event_name(usize::MAX)
        .max_depth(usize::MAX);
    let (socketio, addr) = start(builder.state(pen).namespace(namespace)).await;
    let polling = Polling::socketio(addr, "").await;
    // More than that, and JavaScript's timers end at once.
    let open = polling.open_packet();
    let beat = ["pingInterval", "pingTimeout"].map(|key| open[key].as_u64().unwrap());
    assert!(beat[0] + beat[1] < 1 << 31, "{open}");
    let mut client = polling.upgrade().await;
    client.send_text(r#"42["ask"]"#).await;
    client.expect_text(r#"421["question"]"#).await;
    client.send_text("431[]").await;
    diary.expect("true").await;
    let question = Emit::new("question", Payload::empty());
    let asking = socketio.manager().emit_with_acks(question, FOR_EVER);
    let answering = async {
        let question = client.recv_text().await;
        let id = question.strip_prefix("42").unwrap();
        let id = id.strip_suffix(r#"["question"]"#).unwrap();
        client.send_text(format!("43{id}[]")).await;
    };
    let (answers, ()) = tokio::join!(asking, answering);
    assert_eq!(answers.unwrap().args.len(), 1);
    let mut other = RawSocket::socketio(addr, "").await;
    let revocation = Revocation::new(Who::session(other.sid()));
    let revoking = socketio.manager().revoke_within(revocation, FOR_EVER);
    assert_eq!(revoking.await.unwrap().sockets, 1);
    assert_eq!(other.expect_close().await, Some(1008));
    // A part of a message, and then one that would be as long as there are numbers.
    client.send_bytes(b"\x01\x81mask\x59").await;
    let longest = [b"\x80\xff".as_slice(), &u64::MAX.to_be_bytes(), b"mask"].concat();
    client.send_bytes(longest).await;
    assert_eq!(client.expect_close().await, Some(1009));
    let _staying = RawSocket::socketio(addr, "").await;
    let drain = timeout(Duration::from_millis(10), socketio.drain(FOR_EVER));
    assert!(drain.await.is_err(), "it has time");
}
