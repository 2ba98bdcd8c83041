//! Errors of this crate.

use serde::Serialize;
use serde_json::Value;

use crate::{bus::BusError, name::InvalidRoomName, payload::PayloadError};

/// Why a server could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketIoError {
    /// Two namespaces have the same path.
    #[error("namespace {0} is registered twice")]
    DuplicateNamespace(String),
    /// Two handlers of a namespace are for the same event.
    #[error("event {event} of namespace {namespace} has two handlers")]
    DuplicateEvent {
        /// The namespace.
        namespace: String,
        /// The event.
        event: String,
    },
    /// An event name that no packet may carry.
    #[error("event name {0} is reserved by the protocol")]
    ReservedEvent(String),
    /// The path is not `/…/`.
    #[error("path {0} must begin and end with a slash")]
    Path(String),
    /// A namespace's path does not begin with `/`, or is too long, or contains `,` or `?`.
    #[error(
        "namespace {0} must begin with a slash and contain neither a comma nor a question mark"
    )]
    Namespace(String),
    /// A room belongs to another namespace than the one it is registered in.
    #[error("room {room} belongs to namespace {wanted} and cannot be registered in {namespace}")]
    RoomNamespace {
        /// The room's key.
        room: &'static str,
        /// The namespace that the room names.
        wanted: &'static str,
        /// The namespace it was registered in.
        namespace: String,
    },
    /// The bus could not be made.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The manager delivers to another server of this process already.
    #[error("manager has a server already; make another manager on the same bus")]
    ManagerTaken,
    /// There is no tokio runtime to run the server's tasks.
    #[error("a server is built inside of a tokio runtime")]
    NoRuntime,
}

/// Why an event was not emitted, or not everywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The payload is no JSON.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The event's name may not be emitted.
    #[error("event name {0} is reserved by the protocol")]
    ReservedEvent(String),
    /// The payload is larger than a manager sends. Nothing was sent.
    #[error("payload of {bytes} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// Its size: the JSON, and the attachments as Base64.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Clients of this process got the event, other workers did not. With [`BusError::Deaf`] nothing was emitted.
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// Why something could not be done with a socket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The socket has been disconnected.
    #[error("socket is disconnected")]
    Disconnected,
    /// The room's name is no room name.
    #[error(transparent)]
    RoomName(#[from] InvalidRoomName),
    /// The room's name is the sid of a socket.
    #[error("room name is the sid of a socket")]
    SidAsRoom,
    /// Access to the room was revoked while it was being decided about.
    #[error("access to the room was revoked meanwhile")]
    Revoked,
    /// The socket is in as many rooms as it may be.
    #[error("socket is in too many rooms")]
    TooManyRooms,
    /// The payload is no JSON.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The event's name may not be emitted.
    #[error("event name {0} is reserved by the protocol")]
    ReservedEvent(String),
    /// The client did not acknowledge in time.
    #[error("client did not acknowledge in time")]
    AckTimeout,
    /// As many events as allowed wait for the client's acknowledgement.
    #[error("too many events wait for an acknowledgement")]
    TooManyAcks,
}

/// Why a client may not connect to a namespace: it gets the message, and the data if there is any.
///
/// ```
/// # use fast_app_socketio::ConnectionRefused;
/// let refused = ConnectionRefused::new("Invalid access token");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("connection refused: {message}")]
pub struct ConnectionRefused {
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

impl ConnectionRefused {
    /// A refusal with a message for the client: `err.message` in JavaScript.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            data: None,
        }
    }

    /// Adds data for the client: `err.data` in JavaScript.
    pub fn with_data(self, data: impl Into<Value>) -> Self {
        Self {
            data: Some(data.into()),
            ..self
        }
    }
}

/// A connection is another user's already: see [`Session::set_user_id`](crate::Session::set_user_id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another user is connected")]
pub struct AnotherUser;

impl From<AnotherUser> for ConnectionRefused {
    fn from(_: AnotherUser) -> Self {
        Self::new("Another user is connected")
    }
}

/// What a handler answers when it fails: the client gets `type` and what belongs to it, in an `error` event and in the
/// acknowledgement; the log gets the cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HandlerError {
    /// What the client sent is not what the event takes.
    #[error("validation error: {msg}")]
    ValidationError {
        /// What is wrong, for the client's developer.
        msg: String,
    },
    /// The client may not enter the room.
    #[error("room {room} is forbidden")]
    Forbidden {
        /// The room's name.
        room: String,
    },
    /// Something failed on our side; the client learns nothing more.
    #[error("internal error: {cause}")]
    Internal {
        /// For the log.
        #[serde(skip)]
        cause: String,
    },
    /// It took longer than it may; the client learns that something failed on our side.
    #[error("internal error: {cause}")]
    #[serde(rename = "internal")]
    TimedOut {
        /// For the log.
        #[serde(skip)]
        cause: String,
    },
}

/// The longest description of what a client has sent wrong, in bytes.
const MAX_QUOTE: usize = 200;

impl HandlerError {
    /// A [`HandlerError::ValidationError`].
    pub fn validation(msg: impl Into<String>) -> Self {
        Self::ValidationError { msg: msg.into() }
    }

    /// What serde says is wrong, without the place in the text, of which the client knows nothing, and no longer than a
    /// person reads: it quotes what the client sent, which may be a megabyte.
    pub fn malformed(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let end = text.rfind(" at line ").unwrap_or(text.len());
        let text = &text[..end];
        if text.len() <= MAX_QUOTE {
            return Self::validation(text);
        }
        let cut = (0..=MAX_QUOTE).rfind(|&at| text.is_char_boundary(at));
        Self::validation(format!("{}…", &text[..cut.unwrap_or_default()]))
    }

    /// A [`HandlerError::TimedOut`] with a cause for the log.
    pub fn timed_out(cause: impl std::fmt::Display) -> Self {
        Self::TimedOut {
            cause: cause.to_string(),
        }
    }

    /// A short name for logs: other than the text it has nothing in it that a client has sent.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::ValidationError { .. } => "validation_error",
            Self::Forbidden { .. } => "forbidden",
            Self::Internal { .. } => "internal",
            Self::TimedOut { .. } => "timed_out",
        }
    }

    /// A [`HandlerError::Internal`] with a cause for the log.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal {
            cause: cause.to_string(),
        }
    }
}
