//! The server that `siege` attacks: ours with its default limits, unless a job sets others, and what tells of it.
//!
//! Its handlers do what clients ask for, also when that is to panic. `GET /counts` is how many of everything there are,
//! `GET /members` who is in which room, `GET /metrics` what every server tells; `POST /broadcast` is as in `load`, `POST /say`
//! broadcasts one message and answers when it was accepted.
//!
//! | variable | |
//! |---|---|
//! | `BIND` | where it listens |
//! | `BUS` | the URL of its bus; none when not set |
//! | `HEARTBEAT_MS` | interval and timeout, `500,500`; the default when not set |
//! | `CONNECT_TIMEOUT_MS` | the default when not set |
//! | `CLIENTS` | the number of clients that have a number |
//! | `LAST_WORDS` | a file for its counts when it ends |

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::{collections::BTreeMap, env, error::Error, fs, panic, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get, routing::post};
use bench::broadcasts::{broadcast_one, run_series};
use bench::siege::{counts::Counts, counts::Ledger, fault::Fault};
use fast_app::{Args, SocketIoBuilder, contracts::Cause, prelude::*};
use serde_json::Value;
use tokio::{net::TcpListener, runtime::Builder};

/// The room of every socket, by which they are counted: a socket that is gone must not be in it.
const EVERYBODY: &str = "everybody";

static PANICS: AtomicU64 = AtomicU64::new(0);

/// What a client says of itself when it connects.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Guest {
    id: Option<usize>,
    user: Option<String>,
    /// Why it is going to be disconnected.
    end: Option<String>,
    connecting: Fault,
    leaving: Fault,
}

/// Everybody may join.
#[derive(RoomName, Deserialize)]
struct ChatRoom {
    chat_id: String,
}

impl Room for ChatRoom {
    async fn can_join(&self, session: &Session) -> bool {
        session
            .state::<Arc<Ledger>>()
            .name(&format!("chat|{}", self.chat_id));
        true
    }
}

/// Its guard takes as long as the client says.
#[derive(Deserialize)]
struct SlowRoom {
    id: String,
    #[serde(default)]
    ms: u64,
}

impl RoomName for SlowRoom {
    const KEY: &'static str = "slow";
    const FIELDS: &'static [&'static str] = &["id"];

    fn identifiers(&self) -> Vec<String> {
        vec![self.id.clone()]
    }
}

impl Room for SlowRoom {
    async fn can_join(&self, session: &Session) -> bool {
        session
            .state::<Arc<Ledger>>()
            .name(&format!("slow|{}", self.id));
        tokio::time::sleep(Duration::from_millis(self.ms)).await;
        true
    }
}

/// Each of its functions fails as the client says.
#[derive(Deserialize)]
struct FaultyRoom {
    id: String,
    #[serde(default)]
    naming: Fault,
    #[serde(default)]
    guard: Fault,
    #[serde(default)]
    joined: Fault,
    #[serde(default)]
    left: Fault,
}

impl RoomName for FaultyRoom {
    const KEY: &'static str = "faulty";
    const FIELDS: &'static [&'static str] = &["id"];

    fn identifiers(&self) -> Vec<String> {
        vec![self.id.clone()]
    }
}

impl Room for FaultyRoom {
    async fn extract_room_identifier(session: &Session, data: Value) -> Result<Self, HandlerError> {
        let room: Self = serde_json::from_value(data)
            .map_err(|error| HandlerError::validation(error.to_string()))?;
        session
            .state::<Arc<Ledger>>()
            .name(&format!("faulty|{}", room.id));
        room.naming.commit().await.map_err(HandlerError::internal)?;
        Ok(room)
    }

    async fn try_can_join(&self, _session: &Session) -> Result<bool, Cause> {
        self.guard.commit().await.map_err(Cause::new)?;
        Ok(true)
    }

    async fn on_join(&self, _socket: &Socket) {
        // A function without a result cannot fail but by panicking.
        let _ = self.joined.commit().await;
    }

    async fn on_leave(&self, _socket: &Socket, _reason: Option<DisconnectReason>) {
        let _ = self.left.commit().await;
    }
}

#[derive(Deserialize)]
struct Call {
    fault: Fault,
    number: u64,
}

#[derive(Clone)]
struct Besieged;

#[namespace("/")]
#[register_room(ChatRoom, SlowRoom, FaultyRoom)]
impl Besieged {
    async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        let guest: Guest = auth
            .parse()
            .map_err(|error| ConnectionRefused::new(error.to_string()))?;
        guest
            .connecting
            .commit()
            .await
            .map_err(ConnectionRefused::new)?;
        if let Some(user) = &guest.user {
            socket.session().set_user_id(user.as_str())?;
        }
        socket
            .enter_room(EVERYBODY)
            .map_err(|error| ConnectionRefused::new(error.to_string()))?;
        socket.session().state::<Arc<Ledger>>().connect(guest.id);
        socket.insert(guest);
        Ok(())
    }

    async fn on_echo(&self, args: Args) -> Args {
        args
    }

    /// `["say","chat|1","hello"]`: tells the others in a room.
    async fn on_say(&self, socket: &Socket, mut args: Args) -> Result<(), HandlerError> {
        let (room, text): (String, String) = (args.take()?, args.take()?);
        let told = socket.to([room]).emit("said", &text);
        told.await.map(drop).map_err(HandlerError::internal)
    }

    async fn on_faulty(&self, data: Data<Call>) -> Result<Ack<u64>, HandlerError> {
        data.fault.commit().await.map_err(HandlerError::internal)?;
        Ok(Ack(data.number))
    }

    async fn on_disconnect(&self, socket: &Socket, reason: DisconnectReason) {
        let guest = socket.get::<Guest>().unwrap_or_default();
        let ledger = socket.session().state::<Arc<Ledger>>();
        ledger.disconnect(guest.id, reason.as_str(), guest.end.as_deref());
        let _ = guest.leaving.commit().await;
    }
}

#[derive(Clone)]
struct App {
    socketio: SocketIo,
    ledger: Arc<Ledger>,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Where panics are asked for they are counted, not told.
    panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Relaxed);
    }));
    Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let prometheus = fast_app::operations::install_prometheus()?;
    let bus = env::var("BUS").unwrap_or_else(|_| "memory://".to_owned());
    let ledger = Arc::new(Ledger::new(number("CLIENTS")?.unwrap_or(0) as usize));
    let socketio = configure(SocketIo::builder())?
        .manager(Manager::from_url(&bus)?)
        .state(ledger.clone())
        .namespace(Besieged)
        .build()?;
    let app = App {
        socketio: socketio.clone(),
        ledger,
    };
    let series = Router::new()
        .route("/broadcast", post(run_series))
        .with_state(socketio.clone());
    let router = Router::new()
        .route("/counts", get(counts))
        .route("/members", get(members))
        .route("/say", post(say))
        .with_state(app.clone())
        .merge(series)
        .merge(prometheus.routes(&socketio))
        .layer(socketio.layer());
    let bind = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8000".to_owned());
    fast_app::serve(TcpListener::bind(bind).await?, router, &socketio).await?;
    if let Ok(file) = env::var("LAST_WORDS") {
        fs::write(file, serde_json::to_vec(&app.counts())?)?;
    }
    Ok(())
}

fn configure(mut builder: SocketIoBuilder) -> Result<SocketIoBuilder, Box<dyn Error>> {
    if let Ok(heartbeat) = env::var("HEARTBEAT_MS") {
        let (interval, timeout) = heartbeat.split_once(',').ok_or("two numbers and a comma")?;
        let millis = |text: &str| text.parse().map(Duration::from_millis);
        builder = builder.heartbeat(millis(interval)?, millis(timeout)?);
    }
    Ok(match number("CONNECT_TIMEOUT_MS")? {
        Some(millis) => builder.connect_timeout(Duration::from_millis(millis)),
        None => builder,
    })
}

fn number(variable: &str) -> Result<Option<u64>, std::num::ParseIntError> {
    env::var(variable).ok().map(|text| text.parse()).transpose()
}

impl App {
    fn counts(&self) -> Counts {
        Counts {
            sessions: self.socketio.engine().sessions() as u64,
            sockets: self.socketio.occupants("/", EVERYBODY).len() as u64,
            memberships: self
                .occupied()
                .values()
                .map(|sockets| sockets.len() as u64)
                .sum(),
            panics: PANICS.load(Relaxed),
            slow_consumers: self.socketio.engine().slow_consumers() as u64,
            ..self.ledger.counts()
        }
    }

    /// The rooms that somebody is in.
    fn occupied(&self) -> BTreeMap<String, Vec<Socket>> {
        let rooms = self.ledger.rooms().into_iter().map(|room| {
            let occupants = self.socketio.occupants("/", &room);
            (room, occupants)
        });
        rooms
            .filter(|(_, occupants)| !occupants.is_empty())
            .collect()
    }
}

async fn counts(State(app): State<App>) -> Json<Counts> {
    Json(app.counts())
}

/// The sids of the sockets in each room.
async fn members(State(app): State<App>) -> Json<BTreeMap<String, Vec<String>>> {
    let sid = |socket: &Socket| socket.sid().to_string();
    let rooms = app.occupied().into_iter();
    Json(
        rooms
            .map(|(room, sockets)| (room, sockets.iter().map(sid).collect()))
            .collect(),
    )
}

#[derive(Deserialize)]
struct Saying {
    room: String,
    seq: u64,
    size: usize,
}

/// Answers with the number of clients that the message was accepted for.
async fn say(State(app): State<App>, Json(saying): Json<Saying>) -> Result<String, StatusCode> {
    let said = broadcast_one(&app.socketio, saying.seq, saying.size, saying.room).await;
    said.map(|receipt| receipt.local.to_string())
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}
