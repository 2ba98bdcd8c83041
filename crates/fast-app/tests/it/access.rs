//! Access that is taken away while clients are in rooms, or about to be (SECURITY 4d and 4e).

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use fast_app::{Emit, contracts::Cause, prelude::*, socketio};
use serde_json::json;
use testkit::{RawSocket, TIMEOUT};
use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

use super::serve;

/// What guards answer, by the user asked about; nobody is asked about without an entry.
#[derive(Default)]
struct Rights(Mutex<HashMap<String, Right>>);

#[derive(Clone, Copy)]
enum Right {
    Granted,
    Denied,
    Fails,
    Panics,
    /// Before there is a future.
    PanicsAtOnce,
    Hangs,
}

impl Rights {
    fn set(&self, user: &str, right: Right) {
        self.0.lock().unwrap().insert(user.to_owned(), right);
    }
}

/// Tells the test who was asked about and who has left.
struct Log(mpsc::UnboundedSender<String>);

/// Guards wait here.
struct Gate(Semaphore);

fn log(session: &Session, line: String) {
    let _ = session.state::<Log>().0.send(line);
}

async fn ask(session: &Session) -> Result<bool, Cause> {
    let user = session.user_id().unwrap();
    log(session, format!("asked about {user}"));
    match right(session) {
        Right::Granted => Ok(true),
        Right::Denied => Ok(false),
        Right::Fails => Err(Cause::new("the database is gone")),
        Right::Panics | Right::PanicsAtOnce => panic!("in a guard"),
        Right::Hangs => std::future::pending().await,
    }
}

fn right(session: &Session) -> Right {
    let user = session.user_id().unwrap();
    session.state::<Arc<Rights>>().0.lock().unwrap()[&*user]
}

#[derive(RoomName, Deserialize)]
struct CheckedRoom {
    id: String,
}

impl Room for CheckedRoom {
    const RECHECK: Option<Duration> = Some(Duration::from_millis(80));
    const GUARD_TIMEOUT: Duration = Duration::from_millis(200);

    fn try_can_join(&self, session: &Session) -> impl Future<Output = Result<bool, Cause>> + Send {
        if let Right::PanicsAtOnce = right(session) {
            panic!("in a guard");
        }
        ask(session)
    }

    async fn on_leave(&self, socket: &Socket, reason: Option<DisconnectReason>) {
        let user = socket.session().user_id().unwrap();
        assert_eq!(reason, None);
        log(&socket.session(), format!("{user} has left"));
    }
}

#[derive(RoomName, Deserialize)]
#[room(namespace = "/other")]
struct SlowRoom {
    id: String,
}

impl Room for SlowRoom {
    async fn can_join(&self, session: &Session) -> bool {
        log(session, "asked".to_owned());
        session
            .state::<Arc<Gate>>()
            .0
            .acquire()
            .await
            .unwrap()
            .forget();
        true
    }

    async fn on_join(&self, socket: &Socket) {
        log(&socket.session(), format!("joined {}", self.id));
    }
}

/// Says nothing of a namespace.
#[derive(RoomName, Deserialize)]
struct LooseRoom;

impl Room for LooseRoom {}

#[derive(Clone)]
struct Global;

#[namespace("/")]
#[register_room(CheckedRoom)]
impl Global {
    async fn on_connect(&self, socket: &Socket, auth: Auth) {
        let user = auth.value()["user"].as_str().unwrap().to_owned();
        socket.session().set_user_id(user).unwrap();
    }
}

#[derive(Clone)]
struct Other;

#[namespace("/other")]
#[register_room(SlowRoom, LooseRoom)]
impl Other {}

struct Setup {
    socketio: SocketIo,
    addr: std::net::SocketAddr,
    log: mpsc::UnboundedReceiver<String>,
    rights: Arc<Rights>,
    gate: Arc<Gate>,
}

async fn setup() -> Setup {
    let (seen, log) = mpsc::unbounded_channel();
    let rights = Arc::new(Rights::default());
    let gate = Arc::new(Gate(Semaphore::new(0)));
    let builder = SocketIo::builder()
        .state(Log(seen))
        .state(rights.clone())
        .state(gate.clone())
        .namespace(Global)
        .namespace(Other);
    let (socketio, addr) = serve(builder).await;
    Setup {
        socketio,
        addr,
        log,
        rights,
        gate,
    }
}

impl Setup {
    async fn client(&self, user: &str) -> RawSocket {
        self.rights.set(user, Right::Granted);
        RawSocket::socketio(self.addr, json!({"user": user})).await
    }

    async fn next(&mut self) -> String {
        timeout(TIMEOUT, self.log.recv()).await.unwrap().unwrap()
    }

    /// Waits until this was logged; says how often guards were asked about others meanwhile.
    async fn until(&mut self, line: &str) -> usize {
        let mut before = 0;
        while self.next().await != line {
            before += 1;
        }
        before
    }

    async fn emit(&self, room: &str) {
        let emit = Emit::new("news", fast_app::socketio::Payload::empty());
        self.socketio.emit(emit.to([room])).await.unwrap();
    }
}

async fn join(client: &mut RawSocket) {
    client.send_text(r#"421["join_checked",{"id":"1"}]"#).await;
    client.expect_text(r#"42["joined"]"#).await;
    client
        .expect_text(r#"431[{"ok":true,"room":"checked|1"}]"#)
        .await;
}

#[tokio::test]
async fn guards_are_asked_again_and_whoever_is_refused_is_taken_out() {
    let mut setup = setup().await;
    let mut bob = setup.client("bob").await;
    join(&mut bob).await;
    for right in [
        Right::Denied,
        Right::Fails,
        Right::Panics,
        Right::PanicsAtOnce,
        Right::Hangs,
    ] {
        let mut alice = setup.client("alice").await;
        join(&mut alice).await;
        for _ in 0..3 {
            setup.until("asked about alice").await;
        }
        setup.rights.set("alice", right);
        alice
            .expect_text(r#"42["error",{"type":"revoked","room":"checked|1"}]"#)
            .await;
        setup.until("alice has left").await;
        setup.emit("checked|1").await;
        bob.expect_text(r#"42["news"]"#).await;
        alice.send_text(r#"422["nothing"]"#).await;
        alice.expect_text("432[]").await;
        // She may come back when she is let in again.
        setup.rights.set("alice", Right::Granted);
        join(&mut alice).await;
        alice.send_text("1").await;
    }
}

#[tokio::test]
async fn nobody_is_asked_about_who_has_left() {
    let mut setup = setup().await;
    let mut alice = setup.client("alice").await;
    let mut bob = setup.client("bob").await;
    join(&mut bob).await;
    join(&mut alice).await;
    setup.until("asked about alice").await;
    alice.send_text(r#"421["leave_checked",{"id":"1"}]"#).await;
    alice.expect_text(r#"42["left"]"#).await;
    setup.until("alice has left").await;
    for _ in 0..5 {
        assert_eq!(setup.until("asked about bob").await, 0);
    }
}

#[tokio::test]
async fn a_room_that_is_revoked_while_its_guard_runs_is_not_joined() {
    let mut setup = setup().await;
    let mut alice = setup.client("alice").await;
    alice.send_text("40/other,").await;
    let greeting = alice.recv_text().await;
    assert!(greeting.starts_with("40/other,{"), "{greeting}");
    let manager = setup.socketio.manager().clone();
    let slow = |id: &str| SlowRoom { id: id.to_owned() };
    for (who, room, refused) in [
        (Who::user("alice"), slow("1"), true),
        (Who::everybody(), slow("1"), true),
        (Who::user("alice"), slow("2"), false),
        (Who::user("bob"), slow("1"), false),
    ] {
        let ask = r#"42/other,1["join_slow",{"id":"1"}]"#;
        alice.send_text(ask).await;
        assert_eq!(setup.next().await, "asked");
        let revoked = revoke(who).out_of(room).through(&manager).await.unwrap();
        assert_eq!((revoked.sockets, revoked.workers), (0, 1));
        setup.gate.0.add_permits(1);
        let answers = match refused {
            true => [
                r#"42/other,["error",{"type":"forbidden","room":"slow|1"}]"#,
                r#"43/other,1[{"ok":false,"error":{"type":"forbidden","room":"slow|1"}}]"#,
            ],
            false => [
                r#"42/other,["joined"]"#,
                r#"43/other,1[{"ok":true,"room":"slow|1"}]"#,
            ],
        };
        for answer in answers {
            alice.expect_text(answer).await;
        }
        if !refused {
            assert_eq!(setup.next().await, "joined 1");
            let out = revoke(Who::everybody()).out_of(slow("1"));
            let revoked = out.through(&manager).await.unwrap();
            assert_eq!(revoked.sockets, 1);
            alice
                .expect_text(r#"42/other,["error",{"type":"revoked","room":"slow|1"}]"#)
                .await;
        }
    }
    let nameless = revoke(Who::everybody()).out_of(slow(""));
    let error = nameless.through(&manager).await.unwrap_err();
    assert!(matches!(error, RevokeError::Room(_)), "{error}");
}

#[tokio::test]
async fn a_room_that_names_no_namespace_is_revoked_where_the_caller_says() {
    let setup = setup().await;
    let mut client = setup.client("alice").await;
    client.send_text("40/other,").await;
    client.recv_text().await;
    client.send_text(r#"42/other,["join_loose"]"#).await;
    client.expect_text(r#"42/other,["joined"]"#).await;
    let out = || {
        let manager = setup.socketio.manager();
        revoke(Who::everybody()).through(manager).out_of(LooseRoom)
    };
    assert_eq!(out().await.unwrap().sockets, 0);
    let revoked = out().in_namespace("/other").await.unwrap();
    assert_eq!(revoked.sockets, 1);
    client
        .expect_text(r#"42/other,["error",{"type":"revoked","room":"loose"}]"#)
        .await;
}

#[tokio::test]
async fn joined_comes_before_everything_that_is_sent_to_the_room() {
    let setup = setup().await;
    let mut client = setup.client("alice").await;
    let manager = setup.socketio.manager().clone();
    let emitting = tokio::spawn(async move {
        loop {
            let emit = Emit::new("news", socketio::Payload::empty()).to(["checked|1"]);
            manager.emit(emit).await.unwrap();
        }
    });
    for _ in 0..200 {
        client.send_text(r#"42["join_checked",{"id":"1"}]"#).await;
        client.expect_text(r#"42["joined"]"#).await;
        client.send_text(r#"42["leave_checked",{"id":"1"}]"#).await;
        while client.recv_text().await != r#"42["left"]"# {}
    }
    emitting.abort();
}
