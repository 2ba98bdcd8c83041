//! Errors of this crate.

use http::StatusCode;

/// Why a request was refused, with the codes of Engine.IO's own server (`engine.io`, `Server.errors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Code 0: the query names another transport than `polling` or `websocket`.
    #[error("Transport unknown")]
    UnknownTransport,
    /// Code 1: there is no session with that id, any more or at all.
    #[error("Session ID unknown")]
    UnknownSid,
    /// Code 2: a session is opened by GET alone.
    #[error("Bad handshake method")]
    BadHandshakeMethod,
    /// Code 3: the request does not fit the session or the protocol.
    #[error("Bad request")]
    BadRequest,
    /// Code 3 with status 413: the body is larger than `max_payload`.
    #[error("Payload too large")]
    PayloadTooLarge,
    /// Code 3 with status 408: the body did not arrive in time.
    #[error("Request timeout")]
    Timeout,
    /// Code 4: the page's origin may not connect.
    #[error("Forbidden")]
    Forbidden,
    /// Code 4 with status 503: the server is shutting down.
    #[error("Server is shutting down")]
    ShuttingDown,
    /// Code 5: the query's `EIO` is not 4.
    #[error("Unsupported protocol version")]
    UnsupportedVersion,
}

impl RequestError {
    /// The number in the JSON body.
    pub fn code(self) -> u8 {
        match self {
            Self::UnknownTransport => 0,
            Self::UnknownSid => 1,
            Self::BadHandshakeMethod => 2,
            Self::BadRequest | Self::PayloadTooLarge | Self::Timeout => 3,
            Self::Forbidden | Self::ShuttingDown => 4,
            Self::UnsupportedVersion => 5,
        }
    }

    /// A short name for logs and counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownTransport => "unknown_transport",
            Self::UnknownSid => "unknown_sid",
            Self::BadHandshakeMethod => "bad_handshake_method",
            Self::BadRequest => "bad_request",
            Self::PayloadTooLarge => "payload_too_large",
            Self::Timeout => "timeout",
            Self::Forbidden => "forbidden",
            Self::ShuttingDown => "shutting_down",
            Self::UnsupportedVersion => "unsupported_version",
        }
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
