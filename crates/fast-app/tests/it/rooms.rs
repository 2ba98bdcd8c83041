//! Joining and leaving.

use std::{sync::Arc, time::Duration};

use fast_app::{Emit, contracts::Cause, prelude::*, socketio};
use serde_json::{Value, json};
use testkit::RawSocket;
use tokio::sync::{Semaphore, mpsc};

use super::serve;

/// What the hooks of a room have seen.
struct Log(mpsc::UnboundedSender<String>);

#[derive(RoomName, Deserialize)]
struct ThreadRoom {
    chat_id: String,
    thread_id: u64,
}

impl Room for ThreadRoom {
    async fn on_join(&self, socket: &Socket) {
        let _ = socket
            .session()
            .state::<Log>()
            .0
            .send(format!("join {}", self.thread_id));
    }

    async fn on_leave(&self, socket: &Socket, reason: Option<DisconnectReason>) {
        let reason = reason.map_or("left", DisconnectReason::as_str);
        let _ = socket
            .session()
            .state::<Log>()
            .0
            .send(format!("leave {} {reason}", self.thread_id));
    }
}

/// Its guard does what the room is called.
#[derive(RoomName, Deserialize)]
struct OddRoom {
    what: String,
}

impl Room for OddRoom {
    async fn try_can_join(&self, session: &Session) -> Result<bool, Cause> {
        match self.what.as_str() {
            "fails" => Err(Cause::new("the database is gone")),
            "panics" => panic!("in a guard"),
            "waits" => {
                let gate = session.state::<Gate>();
                gate.0.add_permits(1);
                gate.1.acquire().await.unwrap().forget();
                Ok(true)
            }
            _ => Ok(true),
        }
    }
}

/// Permits: a guard has begun to wait; it may go on.
struct Gate(Semaphore, Semaphore);

/// Its identifier comes from the session.
#[derive(RoomName, Deserialize)]
struct OwnRoom {
    user: String,
}

impl Room for OwnRoom {
    async fn extract_room_identifier(
        session: &Session,
        _data: Value,
    ) -> Result<Self, HandlerError> {
        let user: Option<Arc<String>> = session.get();
        user.map(|user| Self {
            user: user.to_string(),
        })
        .ok_or_else(|| HandlerError::validation("nobody"))
    }
}

#[derive(Clone)]
struct Global;

#[namespace("/")]
#[register_room(ThreadRoom, OddRoom, OwnRoom)]
impl Global {
    async fn on_connect(&self, socket: &Socket) {
        socket.session().insert("alice".to_owned());
    }
}

async fn server() -> (
    SocketIo,
    std::net::SocketAddr,
    mpsc::UnboundedReceiver<String>,
) {
    let (log, seen) = mpsc::unbounded_channel();
    let gate = Gate(Semaphore::new(0), Semaphore::new(0));
    let (socketio, addr) = serve(
        SocketIo::builder()
            .state(Log(log))
            .state(Arc::new(gate))
            .namespace(Global),
    )
    .await;
    (socketio, addr, seen)
}

/// Sends an event and returns the event and the acknowledgement that answer it.
async fn ask(socket: &mut RawSocket, event: &str, data: Value) -> (Value, Value) {
    socket
        .send_text(format!("425{}", json!([event, data])))
        .await;
    let parse = |text: String, prefix: &str| {
        serde_json::from_str(text.strip_prefix(prefix).unwrap()).unwrap()
    };
    (
        parse(socket.recv_text().await, "42"),
        parse(socket.recv_text().await, "435"),
    )
}

#[tokio::test]
async fn identifiers_of_several_parts_are_joined_and_checked() {
    let (_, addr, _seen) = server().await;
    let mut socket = RawSocket::socketio(addr, "").await;
    let invalid = |msg: &str| json!({ "type": "validation_error", "msg": msg });
    for (data, want) in [
        (json!({ "chat_id": "1", "thread_id": 7 }), Ok("thread|1|7")),
        (json!({ "chat_id": 1, "thread_id": 7 }), Ok("thread|1|7")),
        (
            json!({}),
            Err(invalid("chat_id and thread_id are required")),
        ),
        (
            json!({ "chat_id": "1" }),
            Err(invalid("thread_id is required")),
        ),
        (
            json!({ "chat_id": "1|t1", "thread_id": 1 }),
            Err(invalid("chat_id must not contain '|'")),
        ),
    ] {
        let (event, ack) = ask(&mut socket, "join_thread", data.clone()).await;
        match want {
            Ok(room) => assert_eq!(
                (event, ack),
                (json!(["joined"]), json!([{ "ok": true, "room": room }])),
                "{data}"
            ),
            Err(error) => {
                assert_eq!(event, json!(["error", error]), "{data}");
                assert_eq!(ack, json!([{ "ok": false, "error": error }]), "{data}");
            }
        }
    }
}

#[tokio::test]
async fn a_second_argument_is_refused() {
    let (_, addr, _seen) = server().await;
    let mut socket = RawSocket::socketio(addr, "").await;
    socket
        .send_text(r#"42["join_thread",{"chat_id":"1","thread_id":7},"extra"]"#)
        .await;
    assert!(
        socket
            .recv_text()
            .await
            .contains("one argument is expected")
    );
}

#[tokio::test]
async fn hooks_run_once_for_each_membership() {
    let (_, addr, mut seen) = server().await;
    let mut socket = RawSocket::socketio(addr, "").await;
    let thread = |id: u64| json!({ "chat_id": "1", "thread_id": id });
    for (event, id) in [
        ("join", 1),
        ("join", 1),
        ("leave", 1),
        ("leave", 1),
        ("join", 1),
        ("join", 2),
    ] {
        ask(&mut socket, &format!("{event}_thread"), thread(id)).await;
    }
    drop(socket);
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(seen.recv().await.unwrap());
    }
    let (live, gone) = all.split_at(4);
    assert_eq!(live, ["join 1", "leave 1 left", "join 1", "join 2"]);
    let mut gone = gone.to_vec();
    gone.sort();
    assert_eq!(gone, ["leave 1 transport close", "leave 2 transport close"]);
}

#[tokio::test]
async fn a_guard_that_fails_or_panics_refuses_and_says_only_that() {
    let (_, addr, _seen) = server().await;
    let mut socket = RawSocket::socketio(addr, "").await;
    for what in ["fails", "panics"] {
        let (event, ack) = ask(&mut socket, "join_odd", json!({ "what": what })).await;
        assert_eq!(event, json!(["error", { "type": "internal" }]), "{what}");
        assert_eq!(
            ack,
            json!([{ "ok": false, "error": { "type": "internal" } }]),
            "{what}"
        );
    }
    let (event, _) = ask(&mut socket, "join_odd", json!({ "what": "works" })).await;
    assert_eq!(event, json!(["joined"]));
}

#[tokio::test]
async fn a_guard_that_takes_too_long_refuses() {
    #[derive(RoomName, Deserialize)]
    struct EndlessRoom;
    impl Room for EndlessRoom {
        const GUARD_TIMEOUT: Duration = Duration::from_millis(20);
        async fn can_join(&self, _session: &Session) -> bool {
            std::future::pending().await
        }
        async fn on_join(&self, _socket: &Socket) {
            panic!("nobody was let in");
        }
    }
    let namespace = Namespace::new("/").room::<EndlessRoom>();
    let (server, addr) = serve(SocketIo::builder().namespace(namespace)).await;
    let mut socket = RawSocket::socketio(addr, "").await;
    let (event, ack) = ask(&mut socket, "join_endless", json!({})).await;
    assert_eq!(event, json!(["error", { "type": "internal" }]));
    assert_eq!(
        ack,
        json!([{ "ok": false, "error": { "type": "internal" } }])
    );
    let nobody = server.emit(Emit::new("x", socketio::Payload::empty()).to(["endless"]));
    assert_eq!(nobody.await.unwrap().local, 0);
}

#[tokio::test]
async fn a_client_that_goes_while_it_is_asked_about_joins_nothing() {
    let (log, _seen) = mpsc::unbounded_channel();
    let gate = Arc::new(Gate(Semaphore::new(0), Semaphore::new(0)));
    #[derive(RoomName, Deserialize)]
    struct SlowRoom;
    impl Room for SlowRoom {
        async fn can_join(&self, session: &Session) -> bool {
            let gate = session.state::<Arc<Gate>>();
            gate.0.add_permits(1);
            gate.1.acquire().await.unwrap().forget();
            true
        }
        async fn on_join(&self, _socket: &Socket) {
            panic!("nobody is there to join");
        }
    }
    let (gone, mut has_gone) = mpsc::unbounded_channel();
    let namespace = Namespace::new("/")
        .room::<SlowRoom>()
        .on_disconnect(move |socket: Socket| {
            let _ = gone.send(socket.rooms().len());
            async {}
        });
    let builder = SocketIo::builder()
        .state(Log(log))
        .state(gate.clone())
        .namespace(namespace);
    let (socketio, addr) = serve(builder).await;
    let mut socket = RawSocket::socketio(addr, "").await;
    socket.send_text(r#"42["join_slow",{}]"#).await;
    gate.0.acquire().await.unwrap().forget();
    socket.reset();
    while socketio.engine().sessions() > 0 {
        tokio::task::yield_now().await;
    }
    gate.1.add_permits(1);
    assert_eq!(
        has_gone.recv().await,
        Some(0),
        "the disconnect handler runs after the guard, and finds no rooms"
    );
}

#[tokio::test]
async fn an_identifier_may_come_from_the_session() {
    let (_, addr, _seen) = server().await;
    let mut socket = RawSocket::socketio(addr, "").await;
    let (_, ack) = ask(&mut socket, "join_own", json!({ "user": "mallory" })).await;
    assert_eq!(ack, json!([{ "ok": true, "room": "own|alice" }]));
}

#[tokio::test]
async fn two_rooms_with_one_key_are_refused_when_the_server_is_built() {
    #[derive(RoomName, Deserialize)]
    struct Own {
        id: String,
    }
    impl Room for Own {}
    let namespace = Namespace::new("/").room::<OwnRoom>().room::<Own>();
    let error = SocketIo::builder()
        .namespace(namespace)
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "event join_own of namespace / has two handlers"
    );
}

#[tokio::test]
async fn a_room_of_another_namespace_is_refused_when_the_server_is_built() {
    #[derive(RoomName, Deserialize)]
    #[room(namespace = "/admin")]
    struct StaffRoom;
    impl Room for StaffRoom {}
    let error = SocketIo::builder()
        .namespace(Namespace::new("/").room::<StaffRoom>())
        .build()
        .unwrap_err();
    assert!(
        error.to_string().contains("belongs to namespace /admin"),
        "{error}"
    );
}
