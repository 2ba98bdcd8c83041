//! What the layer above implements.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::request::Parts;

use crate::session::Session;

/// Receives new sessions.
pub trait Handler: Send + Sync + 'static {
    /// A client has opened a session with this request; what is returned gets its messages.
    ///
    /// The open packet is sent first, whatever is sent from here.
    fn open(&self, session: &Arc<Session>, request: &Parts) -> Box<dyn Connection>;

    /// Waits until nothing is under way any more that sessions, now ended, have begun. Must be cancel-safe. By default
    /// there is nothing to wait for.
    fn ended(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    /// What [`Handler::ended`] still waits for.
    fn unfinished(&self) -> Unfinished {
        Unfinished::default()
    }
}

/// What is still under way on behalf of sessions that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Code of the application that runs.
    pub handlers: usize,
    /// Messages that wait to be sent to other servers.
    pub messages: usize,
}

/// The receiving end of one session.
///
/// Methods are called one at a time and in order, except for [`Connection::closed`], which may come from anywhere, once.
pub trait Connection: Send + Sync + 'static {
    /// Whether the next message can be taken. While it is pending nothing more is read from the client. The task is to be woken
    /// when that changes, and by [`Connection::closed`].
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// A message has arrived.
    fn message(&self, message: Message);

    /// The time set by [`Session::alarm`] has come.
    fn alarm(&self) {}

    /// The session is over; nothing can be sent any more.
    fn closed(&self, reason: CloseReason);
}

/// A message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text, without the leading `4`.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client said so.
    Client,
    /// The application said so.
    Server,
    /// The client's TCP connection or WebSocket ended.
    TransportClose,
    /// The client sent something that the protocol does not allow.
    ProtocolError,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// The client did not read what was sent to it.
    SlowConsumer,
    /// The application took the client's access away.
    Revoked,
    /// The time for which the client had access is over.
    Expired,
    /// The server is shutting down.
    Shutdown,
}

impl CloseReason {
    /// A short name for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client_close",
            Self::Server => "server_close",
            Self::TransportClose => "transport_close",
            Self::ProtocolError => "protocol_error",
            Self::PingTimeout => "ping_timeout",
            Self::SlowConsumer => "slow_consumer",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Shutdown => "shutdown",
        }
    }

    /// Whether the server wanted it, so that the client still gets what is queued for it, and is to know.
    pub(crate) fn is_the_servers(self) -> bool {
        matches!(
            self,
            Self::Server | Self::Revoked | Self::Expired | Self::Shutdown
        )
    }

    /// The WebSocket close code that tells the client (RFC 6455, section 7.4.1).
    pub(crate) fn websocket_code(self) -> u16 {
        match self {
            Self::ProtocolError => 1002,
            Self::SlowConsumer | Self::Revoked | Self::Expired => 1008,
            Self::Shutdown => 1001,
            _ => 1000,
        }
    }

    /// The words that go with a code which means several things.
    pub(crate) fn websocket_text(self) -> &'static str {
        match self {
            Self::SlowConsumer => "slow consumer",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            _ => "",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Does something to a session, and lets go of it. That may run code of the application, such as the `Drop` of what it keeps
/// there: a panic in it must not end the task that serves others.
pub(crate) fn contain(action: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(action)).is_err() {
        tracing::error!("code of the application panicked when a session was let go");
    }
}
