//! How workers talk to each other.
//!
//! A [`Bus`] carries [`Message`]s, which say what is to happen; how they look on the wire is the business of a dialect.
//! Every worker hears every message, its own included, and tells them apart by the [`HostId`].

mod memory;
#[cfg(feature = "redis")]
pub(crate) mod python;
#[cfg(feature = "redis")]
mod redis;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
};

pub use memory::MemoryBus;
#[cfg(feature = "redis")]
pub use redis::RedisBus;

use crate::emit::Emit;

/// The variable that chooses the bus.
const VARIABLE: &str = "REDIS_SOCKETIO_URL";
const DEFAULT_URL: &str = "redis://localhost:6379/14";

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries messages between managers.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    /// Sends a message to every listener, and returns how many there were, where the bus can tell.
    ///
    /// Messages of one caller arrive in order, at most once.
    fn publish<'a>(
        &'a self,
        envelope: &'a Envelope,
    ) -> BoxFuture<'a, Result<Option<usize>, BusError>>;

    /// Passes messages to `listener` from now on, until it is dropped. A bus that cannot be reached keeps trying.
    fn listen(&self, listener: Weak<dyn Listener>);

    /// Whether messages are being heard.
    fn is_listening(&self) -> bool;
}

/// Whoever hears messages.
pub trait Listener: Send + Sync {
    /// A message has come. The next one waits until this is done.
    fn receive(&self, envelope: Envelope) -> BoxFuture<'_, ()>;
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
    Emit(Emit),
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
    /// Redis did not take the message.
    #[cfg(feature = "redis")]
    #[error("redis did not take the message")]
    Redis(#[from] ::redis::RedisError),
}

const ACCEPTED: &str = "use redis://[user:password@]host[:port][/db], unix:///path/to/redis.sock, or memory:// for a single process";

/// The bus of a URL.
pub(crate) fn from_url(url: &str) -> Result<Arc<dyn Bus>, BusError> {
    open(url, "the argument")
}

/// The bus that the environment or the `.env` file names.
pub(crate) fn from_env() -> Result<Arc<dyn Bus>, BusError> {
    let url = match std::env::var(VARIABLE) {
        Ok(url) => Some(url),
        Err(_) => from_dotenv()?,
    };
    open(url.as_deref().unwrap_or(DEFAULT_URL), VARIABLE)
}

fn from_dotenv() -> Result<Option<String>, BusError> {
    let entries = match dotenvy::dotenv_iter() {
        Err(error) if error.not_found() => return Ok(None),
        entries => entries.map_err(|error| BusError::DotEnv(error.to_string()))?,
    };
    for entry in entries {
        let (name, value) = entry.map_err(|error| BusError::DotEnv(error.to_string()))?;
        if name == VARIABLE {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

fn open(url: &str, origin: &'static str) -> Result<Arc<dyn Bus>, BusError> {
    let problem = |problem: String| BusError::Url { origin, problem };
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| problem("it has no scheme".to_owned()))?;
    match scheme {
        "memory" => Ok(Arc::new(MemoryBus::shared(rest))),
        #[cfg(feature = "redis")]
        "redis" | "unix" | "redis+unix" => {
            let bus = RedisBus::new(url).map_err(|error| problem(redis::describe(&error)))?;
            Ok(Arc::new(bus))
        }
        scheme => Err(problem(format!("scheme {scheme:?} is unknown"))),
    }
}
