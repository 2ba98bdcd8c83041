//! What a server logs: spans for whoever looks for one client or one event, and no secret at any level.
//!
//! The server shares the thread of the test, and so does what listens to its log. It listens to everything, whoever says
//! it: of what this server stands on, nothing logs the head or the body of a request.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use fast_app::{HandlerError, SocketIoBuilder, contracts::Cause, prelude::*};
use serde_json::Value;
use testkit::{Polling, RawSocket, RedisServer, TIMEOUT, http};
use tokio::{task::yield_now, time::timeout};
use tracing::{
    Dispatch,
    level_filters::LevelFilter,
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_log::LogTracer;
use tracing_subscriber::fmt::format::FmtSpan;

use super::serve;

/// Everything that is logged while it lives.
struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    _local: DefaultGuard,
}

/// While there is but one subscriber, tracing lets the thread that comes by a place first say whether anybody listens to it,
/// and that may be another test's. With two it asks them both.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::default()));

/// What crates say through `log` is heard by whoever listens on their thread.
static RECORDS: LazyLock<()> = LazyLock::new(|| LogTracer::init().unwrap());

struct Writer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start(level: LevelFilter) -> Self {
        LazyLock::force(&SECOND);
        LazyLock::force(&RECORDS);
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let writer = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(move || Writer(writer.clone()))
            .finish();
        Self {
            text,
            _local: tracing::subscriber::set_default(subscriber),
        }
    }

    fn read(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }

    /// Waits for a line with all of these in it.
    async fn says(&self, parts: &[&str]) {
        let said = |line: &str| parts.iter().all(|part| line.contains(part));
        let wait = async {
            while !self.read().lines().any(said) {
                yield_now().await;
            }
        };
        if timeout(TIMEOUT, wait).await.is_err() {
            panic!("no {parts:?} in\n{}", self.read());
        }
    }
}

#[derive(RoomName, Deserialize)]
struct ChatRoom {
    chat_id: String,
}

impl Room for ChatRoom {
    async fn can_join(&self, _session: &Session) -> bool {
        self.chat_id == "chat-secret"
    }

    async fn on_leave(&self, _socket: &Socket, _reason: Option<DisconnectReason>) {
        tracing::info!("left the chat");
    }
}

/// Its guard fails when it is asked again.
#[derive(RoomName, Deserialize)]
struct CheckedRoom {
    id: String,
}

impl Room for CheckedRoom {
    const RECHECK: Option<Duration> = Some(Duration::from_millis(1));

    async fn try_can_join(&self, session: &Session) -> Result<bool, Cause> {
        if session.get::<Asked>().is_some() {
            return Err(Cause::new("the database is gone"));
        }
        session.insert(Asked);
        Ok(true)
    }
}

struct Asked;

#[derive(Event, Serialize)]
struct News {
    text: &'static str,
}

impl BroadcastEvent for News {
    async fn broadcast_on(&self) -> Channels {
        let chat_id = "chat-secret".to_owned();
        ChatRoom { chat_id }.into()
    }
}

#[derive(Clone)]
struct Global;

#[namespace("/")]
#[register_room(ChatRoom, CheckedRoom)]
impl Global {
    async fn on_connect(&self, auth: Auth) -> Result<(), ConnectionRefused> {
        tracing::info!("asked");
        match auth.value()["token"].as_str() {
            Some("token-secret") => Ok(()),
            _ => Err(ConnectionRefused::new("Invalid access token")),
        }
    }

    async fn on_number(&self, _socket: &Socket, number: Data<u64>) -> u64 {
        number.0
    }

    async fn on_fails(&self, _socket: &Socket) -> Result<(), HandlerError> {
        Err(HandlerError::internal("on purpose"))
    }

    async fn on_any(&self, _socket: &Socket) {
        panic!("on purpose");
    }

    async fn on_disconnect(&self, _socket: &Socket) {
        tracing::info!("gone");
    }
}

fn builder() -> SocketIoBuilder {
    SocketIo::builder().namespace(Global)
}

const AUTH: &str = r#"{"token":"token-secret"}"#;
const JOIN: &str = r#"421["join_chat",{"chat_id":"chat-secret"}]"#;

async fn join(client: &mut RawSocket) {
    client.send_text(JOIN).await;
    client.expect_text(r#"42["joined"]"#).await;
    let joined = client.recv_text().await;
    assert!(joined.starts_with(r#"431[{"ok":true"#), "{joined}");
}

/// The id of the session in the open packet of a client.
fn engine_sid(open: &Value) -> String {
    open["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    let log = Log::start(LevelFilter::TRACE);
    tracing_log::log::trace!("a record of the crate log");
    log.says(&["TRACE", "a record of the crate log"]).await;
    let mut redis = RedisServer::spawn_with_password("password-secret").await;
    let manager = Manager::from_url(&redis.url()).unwrap();
    let (socketio, addr) = serve(builder().manager(manager)).await;
    log.says(&["listening to redis"]).await;
    let mut sids = Vec::new();

    let mut websocket = RawSocket::socketio(addr, AUTH).await;
    sids.extend([
        websocket.sid().to_owned(),
        engine_sid(websocket.open_packet()),
    ]);
    let polling = Polling::socketio(addr, AUTH).await;
    sids.extend([polling.sid().to_owned(), engine_sid(polling.open_packet())]);
    let mut upgraded = polling.upgrade().await;
    for client in [&mut websocket, &mut upgraded] {
        join(client).await;
    }
    let mut stranger = RawSocket::engineio(addr).await;
    sids.push(engine_sid(stranger.open_packet()));
    stranger.send_text(r#"40{"token":"wrong-secret"}"#).await;
    stranger.recv_text().await;
    let cookie = [
        ("Cookie", "cookie-secret"),
        ("Authorization", "Bearer header-secret"),
    ];
    let path = "/socket.io/?EIO=4&transport=websocket&token=query-secret";
    let mut cookies = RawSocket::connect(addr, path, &cookie).await.unwrap();
    cookies.recv_text().await;
    http::get(
        addr,
        &format!("/socket.io/?EIO=4&transport=polling&sid={}x", sids[0]),
    )
    .await;

    socketio
        .broadcast(News {
            text: "text-secret",
        })
        .await
        .unwrap();
    for client in [&mut websocket, &mut upgraded] {
        client
            .expect_text(r#"42["news",{"text":"text-secret"}]"#)
            .await;
        client.send_text(r#"42["number","event-secret"]"#).await;
        client
            .send_text(r#"42["join_chat",{"chat_id":"other-secret"}]"#)
            .await;
        client.send_text(r#"42["fails","event-secret"]"#).await;
    }
    log.says(&["event refused", "validation_error"]).await;
    log.says(&["event refused", "forbidden"]).await;
    log.says(&["handler failed"]).await;
    let checked = r#"42["join_checked",{"id":"checked-secret"}]"#;
    websocket.send_text(checked).await;
    log.says(&["guard failed", r#"room="checked""#]).await;
    websocket.send_text(r#"42["name-secret"]"#).await;
    log.says(&["handler failed", "the handler of any event panicked"])
        .await;
    let malformed = r#"{"method":"emit","event":"e","data":["bus-secret"],"binary":"bus-secret"}"#;
    redis.cli(&["PUBLISH", "socketio", malformed]).await;
    log.says(&["a message on the channel was dropped"]).await;
    websocket.send_text("42[event-secret").await;
    websocket.expect_close().await;
    log.says(&["packet refused"]).await;
    redis.stop().await;
    socketio
        .broadcast(News {
            text: "text-secret",
        })
        .await
        .unwrap_err();
    log.says(&["redis cannot be heard"]).await;
    upgraded.send_text("1").await;
    upgraded.expect_close().await;
    log.says(&["gone"]).await;

    let text = log.read();
    for secret in ["secret"]
        .into_iter()
        .chain(sids.iter().map(String::as_str))
    {
        let told: Vec<_> = text.lines().filter(|line| line.contains(secret)).collect();
        assert!(told.is_empty(), "{secret} in {told:#?}");
    }
    // A person still finds the lines of one client.
    assert!(
        text.contains(&format!("session{{sid={}…}}", &sids[1][..6])),
        "{text}"
    );
}

#[tokio::test]
async fn what_happens_to_a_client_is_logged_in_the_span_of_its_session() {
    let log = Log::start(LevelFilter::DEBUG);
    let (_socketio, addr) = serve(builder()).await;
    let mut client = RawSocket::socketio(addr, AUTH).await;
    let span = format!("session{{sid={}…}}", &engine_sid(client.open_packet())[..6]);
    join(&mut client).await;
    client.send_text(r#"42["number","x"]"#).await;
    client.send_text(r#"42["fails"]"#).await;
    client.recv_text().await;
    client.send_text("42[").await;
    for line in [
        "session opened",
        "asked",
        "event refused",
        "handler failed",
        "packet refused",
        "session closed",
        "left the chat",
        "gone",
    ] {
        log.says(&[&span, line]).await;
    }
}

#[tokio::test]
async fn an_event_has_one_span_from_the_broadcast_to_the_sockets() {
    let log = Log::start(LevelFilter::DEBUG);
    let (socketio, addr) = serve(builder()).await;
    let mut client = RawSocket::socketio(addr, AUTH).await;
    join(&mut client).await;
    socketio.broadcast(News { text: "x" }).await.unwrap();
    let span = r#" broadcast{event="news" namespace="/"}: "#;
    log.says(&[span, "delivered", "clients=1"]).await;
    let emit = fast_app::Emit::new("bare", fast_app::socketio::Payload::empty());
    socketio.emit(emit).await.unwrap();
    log.says(&[r#" broadcast{event="bare" namespace="/"}: "#, "delivered"])
        .await;
    let text = log.read();
    let spans = text
        .lines()
        .filter(|line| line.contains("broadcast{") && line.ends_with(" new"));
    assert_eq!(spans.count(), 2, "{text}");
}

#[tokio::test]
async fn without_debug_logs_there_are_no_spans() {
    let log = Log::start(LevelFilter::INFO);
    let (socketio, addr) = serve(builder()).await;
    let mut client = RawSocket::socketio(addr, AUTH).await;
    join(&mut client).await;
    socketio.broadcast(News { text: "x" }).await.unwrap();
    client.send_text(r#"42["fails"]"#).await;
    log.says(&["handler failed"]).await;
    let text = log.read();
    assert!(
        !text.contains("session{") && !text.contains("broadcast{"),
        "{text}"
    );
}
