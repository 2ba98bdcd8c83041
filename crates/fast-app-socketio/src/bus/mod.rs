//! How workers talk to each other.
//!
//! A [`Bus`] carries [`Message`]s, which say what is to happen; how they look on the wire is the business of a dialect.
//! Every worker hears every message, its own included, and tells them apart by the [`HostId`].

mod memory;
#[cfg(feature = "redis")]
pub(crate) mod python;
#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(feature = "redis")]
pub(crate) mod workers;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

pub use memory::MemoryBus;
#[cfg(feature = "redis")]
pub use redis::{Profile, RedisBus, RedisBusBuilder};

use crate::{emit::Emit, payload::Payload, revocation::Revocation};

/// The variable that chooses the bus.
const URL: &str = "REDIS_SOCKETIO_URL";
const DEFAULT_URL: &str = "redis://localhost:6379/14";

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries messages between managers.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    /// Sends a message to every listener. `on_outage` says what becomes of it when the bus cannot be reached.
    ///
    /// Messages of one caller arrive in order, at most once; one that was spooled may arrive twice, when the bus was lost
    /// while it was sent. A caller that is dropped may have sent it.
    fn publish<'a>(
        &'a self,
        envelope: &'a Envelope,
        on_outage: OnOutage,
    ) -> BoxFuture<'a, Result<Published, BusError>>;

    /// Passes messages to `listener` from now on, until it is dropped; there may be several. A bus that cannot be reached
    /// keeps trying.
    fn listen(&self, listener: Weak<dyn Listener>);

    /// How the bus fares.
    fn stats(&self) -> BusStats;

    /// Waits until every message that was accepted has been sent, or could not be, those that are spooled included. Must be
    /// cancel-safe. By default nothing waits.
    fn flushed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What becomes of an event when the bus cannot be reached. Clients of this process get it in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOutage {
    /// The caller gets the error.
    #[default]
    Raise,
    /// The error is logged and the caller told of success, as with python-socketio.
    Log,
    /// It is kept, in order and up to a limit in bytes, and sent when the bus is back. Beyond the limit the caller gets
    /// an error.
    Spool,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Published {
    /// It was sent to so many listeners, where the bus can tell.
    Heard(Option<usize>),
    /// It will be sent when the bus is back.
    Spooled,
}

/// How a bus fares. Counters begin at 0 with the bus and only grow; `listening` and `waiting` are of the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BusStats {
    /// Whether messages are being heard: the bus has shown it by one of its own.
    pub listening: bool,
    /// How often they were not any more.
    pub outages: u64,
    /// Messages of this process that wait to be sent, those that are spooled included.
    pub waiting: usize,
    /// Messages of this process that were not sent; their callers know.
    pub failed: u64,
    /// Messages of others that were dropped because they were none.
    pub dropped: u64,
    /// Those among them that were pickles of an old python-socketio.
    pub pickled: u64,
}

/// Whoever hears messages.
pub trait Listener: Send + Sync {
    /// A message has come. The next one waits until this is done.
    fn receive(&self, envelope: Envelope) -> BoxFuture<'_, ()>;

    /// Messages are heard now, and what was published within this time may have been missed; the first time it is that since
    /// [`Bus::listen`].
    fn resumed(&self, deaf: Duration) -> BoxFuture<'_, ()> {
        let _ = deaf;
        Box::pin(async {})
    }
}

/// A message and who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The manager that sent it.
    pub host: HostId,
    /// What is to happen.
    pub message: Message,
}

/// What is to happen on every worker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// An event is to be sent.
    Emit {
        /// The event.
        emit: Emit,
        /// Where the clients' acknowledgements go, if they are wanted.
        callback: Option<Callback>,
    },
    /// A client has acknowledged an event. The envelope's host is not the sender but the manager that emitted it.
    Callback {
        /// As in the event.
        callback: Callback,
        /// What the client answered.
        answer: Payload,
    },
    /// A socket is to be disconnected.
    Disconnect {
        /// The socket.
        sid: String,
        /// Its namespace.
        namespace: String,
    },
    /// A socket is to enter a room.
    EnterRoom {
        /// The socket.
        sid: String,
        /// The room.
        room: String,
        /// Their namespace.
        namespace: String,
    },
    /// A socket is to leave a room.
    LeaveRoom {
        /// The socket.
        sid: String,
        /// The room.
        room: String,
        /// Their namespace.
        namespace: String,
    },
    /// A room is to be emptied.
    CloseRoom {
        /// The room.
        room: String,
        /// Its namespace.
        namespace: String,
    },
    /// Access is to be taken away, and that confirmed by [`Message::Revoked`].
    Revoke {
        /// Whose, and to what.
        revocation: Revocation,
        /// Its number, among those of the envelope's host.
        id: u64,
        /// It is repeated so long after it was made, by whomever, for those who have missed it, and not confirmed.
        again: Option<Duration>,
    },
    /// Access has been taken away. The envelope's host is not the sender but the manager that asked for it.
    Revoked {
        /// As in the revocation.
        id: u64,
        /// How many sockets were taken out.
        sockets: usize,
    },
    /// The sender has heard nothing for a while: revocations of that time are to be repeated.
    Missed {
        /// How long ago that began.
        since: Duration,
    },
}

/// Which event an acknowledgement is for, in the words of the manager that emitted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callback {
    /// The room it was emitted to.
    pub room: String,
    /// The namespace.
    pub namespace: String,
    /// Its number.
    pub id: u64,
}

/// The id of a manager: 32 hexadecimal digits when it is ours, any text when it is another program's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HostId(pub String);

impl HostId {
    /// A new id.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system provides random bytes");
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Why other workers could not be told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The URL is none that is known. Its text is left out: it may hold a password.
    #[error("{origin} is not the URL of a bus: {problem}; {ACCEPTED}")]
    Url {
        /// Where the URL came from.
        origin: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The `.env` file cannot be read.
    #[error("the .env file cannot be read: {0}")]
    DotEnv(String),
    /// The profile is none that is known.
    #[error("REDIS_SOCKETIO_PROFILE is {0:?}; use 5.15 or 5.14")]
    Profile(String),
    /// Redis did not take the message.
    #[cfg(feature = "redis")]
    #[error("redis did not take the message")]
    Redis(#[from] ::redis::RedisError),
    /// The message is larger than what workers read: it was not sent.
    #[error("message of {bytes} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// Its size, names of rooms and all.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The bus cannot be reached, and as many messages as allowed wait for it.
    #[error("redis is away and the spool of {limit} bytes is full")]
    SpoolFull {
        /// The limit.
        limit: usize,
    },
    /// The answers of clients could not be heard.
    #[error("the bus cannot be heard, so no answer would come")]
    Deaf,
    /// The runtime that the bus was running in has ended.
    #[error("the bus has ended with its runtime")]
    Ended,
}

const ACCEPTED: &str = "use redis://[user:password@]host[:port][/db], rediss:// for TLS, unix:///path/to/redis.sock, \
    redis+sentinel://host:port,host:port/db/service, or memory:// for a single process; valkey works like redis";

/// The bus of a URL.
pub(crate) fn from_url(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    open(url, "the argument", &|_| Ok(None))
}

/// The bus that the environment or the `.env` file describes.
pub(crate) fn from_env() -> Result<Arc<dyn Bus>, BusError> {
    let url = setting(URL)?;
    open(url.as_deref().unwrap_or(DEFAULT_URL), URL, &setting)
}

/// A variable of the environment or, when it is not there, of the `.env` file.
fn setting(name: &str) -> Result<Option<String>, BusError> {
    if let Ok(value) = std::env::var(name) {
        return Ok(Some(value));
    }
    let entries = match dotenvy::dotenv_iter() {
        Err(error) if error.not_found() => return Ok(None),
        entries => entries.map_err(|error| dot_env(&error))?,
    };
    for entry in entries {
        let (key, value) = entry.map_err(|error| dot_env(&error))?;
        if key == name {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Without what stands in the line: it may be a password.
fn dot_env(error: &dotenvy::Error) -> BusError {
    BusError::DotEnv(match error {
        dotenvy::Error::LineParse(..) => {
            "a line of it is malformed; a value with spaces needs quotes".to_owned()
        }
        error => error.to_string(),
    })
}

/// Looks up a variable.
type Settings<'a> = &'a dyn Fn(&str) -> Result<Option<String>, BusError>;

fn open(url: &str, origin: &'static str, settings: Settings<'_>) -> Result<Arc<dyn Bus>, BusError> {
    let problem = |problem: String| BusError::Url { origin, problem };
    match url.split_once("://") {
        None => Err(problem("it has no scheme".to_owned())),
        Some(("memory", name)) => Ok(Arc::new(MemoryBus::shared(name))),
        Some((scheme, _)) => open_redis(scheme, url, settings).map_err(|error| match error {
            BusError::Url { problem, .. } => BusError::Url { origin, problem },
            error => error,
        }),
    }
}

#[cfg(feature = "redis")]
fn open_redis(scheme: &str, url: &str, settings: Settings<'_>) -> Result<Arc<dyn Bus>, BusError> {
    if !RedisBus::SCHEMES.contains(&scheme) {
        return Err(unknown(scheme));
    }
    let mut bus = RedisBus::builder(url);
    if let Some(channel) = settings("REDIS_SOCKETIO_CHANNEL")? {
        bus = bus.channel(channel);
    }
    if let Some(profile) = settings("REDIS_SOCKETIO_PROFILE")? {
        let parsed = profile.parse();
        bus = bus.profile(parsed.map_err(|()| BusError::Profile(profile))?);
    }
    Ok(Arc::new(bus.build()?))
}

#[cfg(not(feature = "redis"))]
fn open_redis(scheme: &str, _: &str, _: Settings<'_>) -> Result<Arc<dyn Bus>, BusError> {
    Err(unknown(scheme))
}

fn unknown(scheme: &str) -> BusError {
    BusError::Url {
        origin: "the argument",
        problem: format!("scheme {scheme:?} is unknown"),
    }
}
