//! Events of clients and the handlers they reach.

use std::{future::Future, time::Duration};

use fast_app_socketio::{
    Args, ConnectionRefused, Data, EventName, FromArgs, HandlerError, Namespace, RESERVED_EVENTS,
    Socket, SocketIo, SocketIoError,
};
use serde_json::{Value, json};
use testkit::RawSocket;
use tokio::time::timeout;

use crate::{
    Gate, diary, echo_client, echo_server, enter, expect_silence, news, pass, room, start, write,
};

#[tokio::test]
async fn a_message_comes_back_as_it_was_sent() {
    let (_server, addr) = echo_server().await;
    let mut client = echo_client(addr).await;
    for args in [
        r#",1,"2",{"3":[true]}"#,
        "",
        ",null",
        ",null,null",
        r#",{"z":1.0,"a":1e+22,"n":1180591620717411303424}"#,
        r#","\ud800 \u0000 é😀""#,
        ",[[],{}]",
        ",[ 1 ,\t2 ]",
    ] {
        client.send_text(format!(r#"42["message"{args}]"#)).await;
        client
            .expect_text(&format!(r#"42["message-back"{args}]"#))
            .await;
    }
}

#[tokio::test]
async fn namespaces_of_one_connection_do_not_mix() {
    let (_server, addr) = echo_server().await;
    let mut client = echo_client(addr).await;
    client.send_text(r#"40/custom,{"a":1}"#).await;
    crate::sid_in(&client.recv_text().await, "40/custom,");
    client.expect_text(r#"42/custom,["auth",{"a":1}]"#).await;
    for (sent, received) in [
        (r#"42["message",1]"#, r#"42["message-back",1]"#),
        (
            r#"42/custom,["message",2]"#,
            r#"42/custom,["message-back",2]"#,
        ),
        (r#"421["message-with-ack",3]"#, "431[3]"),
        (r#"42/custom,1["message-with-ack",4]"#, "43/custom,1[4]"),
    ] {
        client.send_text(sent).await;
        client.expect_text(received).await;
    }
    client
        .send_text(r#"42/elsewhere,1["message-with-ack",5]"#)
        .await;
    expect_silence(&mut client).await;
}

#[tokio::test]
async fn an_unknown_event_is_acknowledged_with_nothing() {
    let (_server, addr) = echo_server().await;
    let mut client = echo_client(addr).await;
    client.send_text(r#"42["unknown",1]"#).await;
    client.send_text(r#"427["unknown",1]"#).await;
    client.expect_text("437[]").await;
}

#[tokio::test]
async fn a_client_reaches_the_table_of_handlers_and_nothing_else() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/")
        .on_connect(async |socket: Socket| write(&socket, "on_connect"))
        .on_disconnect(async |socket: Socket| write(&socket, "on_disconnect"))
        .on("known", async |socket: Socket| write(&socket, "known"));
    let (_server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    diary.expect("on_connect").await;
    for name in [
        "on_connect",
        "on_disconnect",
        "on_known",
        "Known",
        "known ",
        "",
        "*",
        "any",
        "on_any",
        "handle",
        "__proto__",
        "__init__",
        "constructor",
        "joined",
        "left",
        "error",
        "message",
        "ping",
        "reconnect",
        "enter_room",
    ] {
        client.send_text(format!(r#"421["{name}",{{}}]"#)).await;
        client.expect_text("431[]").await;
    }
    client.send_text(r#"422["known"]"#).await;
    client.expect_text("432[]").await;
    diary.expect("known").await;
    diary.expect_end();
}

#[tokio::test]
async fn reserved_names_close_the_connection_and_call_no_handler() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/").on_any(async |socket: Socket, name: EventName| {
        write(&socket, name.0);
    });
    let (_server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    for name in RESERVED_EVENTS {
        let mut client = RawSocket::socketio(addr, "").await;
        client.send_text(format!(r#"421["{name}",1]"#)).await;
        assert_eq!(client.expect_close().await, Some(1002), "{name}");
    }
    diary.expect_end();
}

#[tokio::test]
async fn reserved_names_can_neither_be_handled_nor_emitted() {
    let (server, addr) = start(SocketIo::builder().namespace(Namespace::new("/").on(
        "try",
        async |socket: Socket| {
            let call = socket.call("disconnect", &1, Duration::from_secs(1)).await;
            socket.emit("connect", &1).is_err() && call.is_err()
        },
    )))
    .await;
    for name in RESERVED_EVENTS {
        let namespace = Namespace::new("/").on(name, async |_: Socket| ());
        let built = SocketIo::builder().namespace(namespace).build();
        assert!(matches!(built, Err(SocketIoError::ReservedEvent(_))));
        let mut emit = news();
        emit.event = name.to_owned();
        assert!(server.emit(emit).await.is_err());
    }
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"421["try"]"#).await;
    client.expect_text("431[true]").await;
}

#[tokio::test]
async fn on_any_gets_what_no_other_handler_takes() {
    let namespace = Namespace::new("/")
        .on("known", async |_: Socket| "known")
        .on_any(async |_: Socket, name: EventName, args: Args| {
            format!("{}:{}", name.0, args.len())
        });
    let (_server, addr) = start(SocketIo::builder().namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"421["known",1]"#).await;
    client.expect_text(r#"431["known"]"#).await;
    client.send_text(r#"422["other",1,2]"#).await;
    client.expect_text(r#"432["other:2"]"#).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_one_socket_are_handled_in_order_and_one_at_a_time() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/").on("event", async |socket: Socket, number: Data<u32>| {
        // The earlier, the slower.
        for _ in 0..(300 - *number) * 5 {
            tokio::task::yield_now().await;
        }
        write(&socket, *number);
    });
    let (_server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    for number in 0..300 {
        client.send_text(format!(r#"42["event",{number}]"#)).await;
    }
    for number in 0..300 {
        diary.expect(&number.to_string()).await;
    }
}

#[tokio::test]
async fn sockets_do_not_wait_for_each_other() {
    let gate = Gate::closed();
    let namespace = |path| {
        Namespace::new(path)
            .on("slow", async |socket: Socket| pass(&socket).await)
            .on("quick", async |_: Socket| ())
    };
    let builder = SocketIo::builder()
        .state(gate.clone())
        .namespace(namespace("/"))
        .namespace(namespace("/other"));
    let (_server, addr) = start(builder).await;
    let mut slow = RawSocket::socketio(addr, "").await;
    let mut quick = RawSocket::socketio(addr, "").await;
    enter(&mut slow, "/other").await;
    slow.send_text(r#"421["slow"]"#).await;
    slow.send_text(r#"42/other,2["quick"]"#).await;
    slow.expect_text("43/other,2[]").await;
    quick.send_text(r#"421["quick"]"#).await;
    quick.expect_text("431[]").await;
    gate.open(1);
    slow.expect_text("431[]").await;
}

#[tokio::test]
async fn sixty_four_queued_events_stop_reading_and_all_are_handled() {
    let (pen, mut diary) = diary();
    let gate = Gate::closed();
    let namespace = Namespace::new("/").on("event", async |socket: Socket, number: Data<u32>| {
        write(&socket, *number);
        pass(&socket).await;
    });
    let other = Namespace::new("/other").on_connect(async |socket: Socket| {
        write(&socket, "read");
    });
    let builder = SocketIo::builder()
        .state(pen)
        .state(gate.clone())
        .namespace(namespace)
        .namespace(other);
    let (_server, addr) = start(builder).await;
    let mut client = RawSocket::socketio(addr, "").await;
    let mut bystander = RawSocket::socketio(addr, "").await;
    for number in 0..64 {
        client.send_text(format!(r#"42["event",{number}]"#)).await;
    }
    client.send_text("40/other,").await;
    for number in 64..200 {
        client.send_text(format!(r#"42["event",{number}]"#)).await;
    }
    diary.expect("0").await;
    let more = timeout(Duration::from_millis(200), diary.next()).await;
    assert!(more.is_err(), "read although 64 events wait: {more:?}");
    expect_silence(&mut bystander).await;

    gate.open(1);
    let mut lines = vec![diary.next().await, diary.next().await];
    lines.sort();
    assert_eq!(
        lines,
        ["1", "read"],
        "one was handled, so one more was read"
    );
    gate.open(200);
    for number in 2..200 {
        diary.expect(&number.to_string()).await;
    }
}

/// Something whose extraction panics.
struct Unlucky;

impl FromArgs for Unlucky {
    fn from_args(_: &mut Args) -> Result<Self, HandlerError> {
        panic!("on purpose: extractor")
    }
}

/// A handler that panics before there is a future.
fn panic_at_once(_: Socket) -> impl Future<Output = ()> + Send {
    if true {
        panic!("on purpose: before the future");
    }
    std::future::ready(())
}

#[tokio::test]
async fn a_panic_in_an_event_handler_is_an_internal_error() {
    let namespace = Namespace::new("/")
        .on("await", async |_: Socket| {
            tokio::task::yield_now().await;
            if true {
                panic!("on purpose: event");
            }
        })
        .on("extract", async |_: Socket, _: Unlucky| ())
        .on("at once", panic_at_once)
        .on("state", async |socket: Socket| {
            socket.session().state::<u8>();
        })
        .on("number", async |_: Socket, number: Data<i64>| number.0)
        .on_any(async |_: Socket| {
            if true {
                panic!("on purpose: any");
            }
        });
    let (_server, addr) = start(SocketIo::builder().namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    let mut bystander = RawSocket::socketio(addr, "").await;
    for event in ["await", "extract", "at once", "state", "whatever"] {
        client.send_text(format!(r#"425["{event}"]"#)).await;
        client
            .expect_text(r#"42["error",{"type":"internal"}]"#)
            .await;
        client
            .expect_text(r#"435[{"ok":false,"error":{"type":"internal"}}]"#)
            .await;
        client.send_text(format!(r#"42["{event}"]"#)).await;
        client
            .expect_text(r#"42["error",{"type":"internal"}]"#)
            .await;
        for client in [&mut client, &mut bystander] {
            client.send_text(r#"426["number",7]"#).await;
            client.expect_text("436[7]").await;
        }
    }
}

#[tokio::test]
async fn a_panic_in_on_connect_refuses_the_client() {
    let namespace = |path, panics: fn() -> bool| {
        Namespace::new(path).on_connect(move |_: Socket| async move {
            assert!(!panics(), "on purpose: on_connect");
            Ok::<(), ConnectionRefused>(())
        })
    };
    let builder = SocketIo::builder()
        .namespace(namespace("/", || true))
        .namespace(Namespace::new("/at-once").on_connect(panic_at_once))
        .namespace(namespace("/well", || false));
    let (_server, addr) = start(builder).await;
    let mut client = RawSocket::engineio(addr).await;
    for (connect, refused) in [("40", "44"), ("40/at-once,", "44/at-once,")] {
        client.send_text(connect).await;
        client
            .expect_text(&format!(
                r#"{refused}{{"message":"Internal server error"}}"#
            ))
            .await;
    }
    enter(&mut client, "/well").await;
}

#[tokio::test]
async fn panics_in_on_disconnect_and_in_leave_hooks_stop_nothing_else() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/")
        .on("enter", async |socket: Socket| {
            for name in ["at once", "later", "well"] {
                socket.enter_room(name).unwrap();
                socket.on_leave(room(name), move |socket, _| {
                    assert_ne!(name, "at once", "on purpose: hook");
                    async move {
                        assert_ne!(name, "later", "on purpose: hook");
                        write(&socket, name);
                    }
                });
            }
        })
        .on("leave", async |socket: Socket, name: Data<String>| {
            let was_in = socket.leave_room(&name);
            socket.left(&room(&name)).await;
            was_in
        })
        .on_disconnect(async |socket: Socket| {
            write(&socket, "disconnected");
            panic!("on purpose: on_disconnect");
        });
    let builder = SocketIo::builder()
        .state(pen)
        .namespace(namespace)
        .namespace(Namespace::new("/other"));
    let (_server, addr) = start(builder).await;

    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"421["enter"]"#).await;
    client.expect_text("431[]").await;
    for (id, name) in ["at once", "later", "well"].iter().enumerate() {
        client
            .send_text(format!(r#"42{id}["leave","{name}"]"#))
            .await;
        client.expect_text(&format!("43{id}[true]")).await;
    }
    diary.expect("well").await;

    client.send_text(r#"421["enter"]"#).await;
    client.expect_text("431[]").await;
    client.send_text("41").await;
    diary.expect("well").await;
    diary.expect("disconnected").await;
    // The connection goes on, in this namespace and in others.
    enter(&mut client, "/other").await;
    client.send_text("40").await;
    crate::sid_in(&client.recv_text().await, "40");
}

#[tokio::test]
async fn arguments_of_another_form_are_validation_errors() {
    let namespace = Namespace::new("/").on(
        "add",
        async |_: Socket, first: Data<i64>, second: Data<Option<i64>>| {
            first.0 + second.unwrap_or_default()
        },
    );
    let (_server, addr) = start(SocketIo::builder().namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    for (args, sum) in [("1,2", 3), ("1", 1), ("1,null", 1), ("1,2,3", 3)] {
        client.send_text(format!(r#"421["add",{args}]"#)).await;
        client.expect_text(&format!("431[{sum}]")).await;
    }
    for args in [r#","x""#, "", ",1.5", ",null", ",[1]", ",1,{}"] {
        client.send_text(format!(r#"421["add"{args}]"#)).await;
        let error = event(&client.recv_text().await, "42");
        assert_eq!(error[0], "error", "{args}");
        assert_eq!(error[1]["type"], "validation_error", "{args}");
        let ack = event(&client.recv_text().await, "431");
        assert_eq!(ack, json!([{"ok": false, "error": error[1]}]), "{args}");
    }
}

fn event(packet: &str, start: &str) -> Value {
    serde_json::from_str(packet.strip_prefix(start).unwrap()).unwrap()
}
