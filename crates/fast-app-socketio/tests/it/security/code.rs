//! Code of the application, and what it cannot do to others.

use std::{sync::mpsc, thread, time::Duration};

use fast_app_socketio::{
    Args, Binary, ConnectionRefused, Data, FromArgs, HandlerError, Namespace, Socket, SocketIo,
};
use serde_json::{Value, json};
use testkit::RawSocket;

use crate::{diary, enter, room, start, write};

/// Asks, when it is dropped, whether a lock is free: from another thread, so that a lock that is not only shows.
struct Nosy {
    socket: Socket,
    ask: fn(&Socket),
    name: &'static str,
}

impl Nosy {
    fn of_session(socket: &Socket) -> Self {
        Self {
            socket: socket.clone(),
            ask: |socket| drop(socket.session().get::<u8>()),
            name: "session",
        }
    }

    fn of_socket(socket: &Socket) -> Self {
        Self {
            socket: socket.clone(),
            ask: |socket| drop(socket.get::<u8>()),
            name: "socket",
        }
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        let (answer, answered) = mpsc::channel();
        let (socket, ask) = (self.socket.clone(), self.ask);
        thread::spawn(move || {
            ask(&socket);
            let _ = answer.send(());
        });
        let free = answered.recv_timeout(Duration::from_secs(2)).is_ok();
        write(&self.socket, format!("{} {free}", self.name));
    }
}

/// A value's `drop` may do anything, for example look into the session that it was in.
#[tokio::test]
async fn security_7_values_of_the_application_are_dropped_without_a_lock() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/")
        .on("session", async |socket: Socket| {
            socket.session().insert(Nosy::of_session(&socket));
            socket.session().insert(Nosy::of_session(&socket));
            socket.session().remove::<Nosy>();
        })
        .on("socket", async |socket: Socket| {
            socket.insert(Nosy::of_socket(&socket));
            socket.insert(Nosy::of_socket(&socket));
        });
    let refusing = Namespace::new("/refusing").on_connect(async |socket: Socket| {
        let nosy = Nosy::of_socket(&socket);
        socket.on_leave(room("room"), async move |_, _| drop(nosy));
        Err::<(), _>(ConnectionRefused::new("no"))
    });
    let builder = SocketIo::builder().state(pen);
    let (_server, addr) = start(builder.namespace(namespace).namespace(refusing)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"421["session"]"#).await;
    client.expect_text("431[]").await;
    diary.expect("session true").await;
    diary.expect("session true").await;
    client.send_text(r#"421["socket"]"#).await;
    client.expect_text("431[]").await;
    diary.expect("socket true").await;
    client.send_text("40/refusing,").await;
    client.expect_text(r#"44/refusing,{"message":"no"}"#).await;
    diary.expect("socket true").await;
}

/// An answer whose serialisation panics.
struct Unspeakable;

impl serde::Serialize for Unspeakable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("on purpose: answer")
    }
}

/// What panics when a handler wants it.
struct Unlucky;

impl FromArgs for Unlucky {
    fn from_args(_: &mut Args) -> Result<Self, HandlerError> {
        panic!("on purpose: extractor")
    }
}

/// The kinds of handlers that `events` does not try: concurrent ones, and what is made of an answer.
#[tokio::test]
async fn security_7_panics_of_concurrent_events_and_of_answers_hurt_nobody() {
    let namespace = |path| {
        Namespace::new(path)
            .on_concurrent("concurrent", async |_: Socket| {
                tokio::task::yield_now().await;
                if true {
                    panic!("on purpose: concurrent event");
                }
            })
            .on_concurrent("extract", async |_: Socket, _: Unlucky| ())
            .on("answer", async |_: Socket| {
                fast_app_socketio::Ack(Unspeakable)
            })
            .on("well", async |_: Socket| "well")
    };
    let builder = SocketIo::builder().namespace(namespace("/"));
    let (_server, addr) = start(builder.namespace(namespace("/other"))).await;
    let mut client = RawSocket::socketio(addr, "").await;
    enter(&mut client, "/other").await;
    let mut bystander = RawSocket::socketio(addr, "").await;
    // More than may wait: each of them has made room for the next.
    for _ in 0..100 {
        for event in ["concurrent", "extract", "answer"] {
            client.send_text(format!(r#"425["{event}"]"#)).await;
            client
                .expect_text(r#"42["error",{"type":"internal"}]"#)
                .await;
            client
                .expect_text(r#"435[{"ok":false,"error":{"type":"internal"}}]"#)
                .await;
        }
    }
    for (client, namespace) in [(&mut client, ""), (&mut bystander, "")] {
        client.send_text(format!(r#"42{namespace}6["well"]"#)).await;
        client.expect_text(r#"436["well"]"#).await;
    }
    client.send_text(r#"42/other,6["well"]"#).await;
    client.expect_text(r#"43/other,6["well"]"#).await;
}

fn json_of(packet: &str, start: &str) -> Value {
    assert!(packet.len() < 1_000, "{} bytes", packet.len());
    serde_json::from_str(packet.strip_prefix(start).unwrap()).unwrap()
}

/// What is wrong is quoted, but not a megabyte of it, twice.
#[tokio::test]
async fn security_4j_an_error_quotes_little_of_what_the_client_sent() {
    let namespace = Namespace::new("/").on("add", async |_: Socket, number: Data<u32>| number.0);
    let (_server, addr) = start(SocketIo::builder().namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    for (argument, shown) in [
        (
            json!("x"),
            "invalid type: string \"x\", expected u32".to_owned(),
        ),
        (
            json!("x".repeat(900_000)),
            format!("invalid type: string \"{}…", "x".repeat(178)),
        ),
        // The limit lies within a character.
        (
            json!("é".repeat(400_000)),
            format!("invalid type: string \"{}…", "é".repeat(89)),
        ),
    ] {
        client.send_text(format!(r#"421["add",{argument}]"#)).await;
        let want = json!({"type": "validation_error", "msg": shown});
        let error = json_of(&client.recv_text().await, "42");
        assert_eq!(error, json!(["error", want]));
        let answer = json_of(&client.recv_text().await, "431");
        assert_eq!(answer, json!([{"ok": false, "error": want}]));
    }
}

/// However often an event refers to an attachment, there is one.
#[tokio::test]
async fn security_1_cve_2022_2421_an_attachment_that_is_used_often_is_there_once() {
    let namespace = Namespace::new("/").on("all", async |_: Socket, all: Data<Vec<Binary>>| {
        let places: std::collections::HashSet<_> = all
            .iter()
            .map(|binary| binary.0.as_ptr() as usize)
            .collect();
        format!("{} in {}", all.len(), places.len())
    });
    let (_server, addr) = start(SocketIo::builder().namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    let hole = r#"{"_placeholder":true,"num":0}"#;
    let holes = vec![hole; 1_000].join(",");
    client.send_text(format!(r#"451-1["all",[{holes}]]"#)).await;
    client.send_binary(vec![7; 900_000]).await;
    client.expect_text(r#"431["1000 in 1"]"#).await;
}
