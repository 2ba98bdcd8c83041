//! Why a socket was disconnected.

use std::fmt;

use fast_app_engineio::CloseReason;

/// Why a socket was disconnected. The texts are those that python-socketio and Socket.IO use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The client left the namespace or closed the connection.
    Client,
    /// The server disconnected it.
    Server,
    /// The connection ended without a word.
    TransportClose,
    /// The client sent something that the protocol does not allow.
    ParseError,
    /// The client did not answer a ping.
    PingTimeout,
    /// The client did not read what was sent to it.
    SlowConsumer,
    /// Its access was [revoked](crate::Manager::revoke).
    Revoked,
    /// Its session's [expiry](crate::Session::set_expiry) has come.
    Expired,
    /// The server is shutting down.
    Shutdown,
}

impl DisconnectReason {
    /// The reason as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client disconnect",
            Self::Server => "server disconnect",
            Self::TransportClose => "transport close",
            Self::ParseError => "parse error",
            Self::PingTimeout => "ping timeout",
            Self::SlowConsumer => "slow consumer",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Shutdown => "server shutting down",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<CloseReason> for DisconnectReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::Client => Self::Client,
            CloseReason::Server => Self::Server,
            CloseReason::ProtocolError => Self::ParseError,
            CloseReason::PingTimeout => Self::PingTimeout,
            CloseReason::SlowConsumer => Self::SlowConsumer,
            CloseReason::Revoked => Self::Revoked,
            CloseReason::Expired => Self::Expired,
            CloseReason::Shutdown => Self::Shutdown,
            _ => Self::TransportClose,
        }
    }
}
