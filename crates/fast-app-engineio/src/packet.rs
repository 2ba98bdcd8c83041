//! Engine.IO packets as clients send them (Engine.IO protocol v4, "Protocol").
//!
//! ```text
//! packet  = "0".."6" data          text
//!         | "b" base64             a binary message, over polling only
//! payload = packet *( %x1e packet )
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use crate::handler::Message;

/// Separates the packets of a polling payload.
pub(crate) const SEPARATOR: char = '\u{1e}';

/// What a client may send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Close,
    Pong,
    Probe,
    Upgrade,
    Noop,
    Message(Message),
}

/// Why a packet was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PacketError {
    #[error("empty packet")]
    Empty,
    #[error("unknown packet type")]
    UnknownType,
    #[error("packet type that only a server sends")]
    Direction,
    #[error("data behind a packet that has none")]
    TrailingData,
    #[error("invalid base64")]
    Base64,
}

impl Packet {
    /// Reads a packet from a WebSocket text frame.
    pub(crate) fn from_text(mut text: String) -> Result<Self, PacketError> {
        match text.as_bytes().first() {
            None => Err(PacketError::Empty),
            Some(b'4') => {
                text.remove(0);
                Ok(Self::Message(Message::Text(text)))
            }
            Some(_) => Self::control(&text),
        }
    }

    /// Reads a packet of a polling payload.
    pub(crate) fn from_payload(text: &str) -> Result<Self, PacketError> {
        match text.as_bytes().first() {
            None => Err(PacketError::Empty),
            Some(b'4') => Ok(Self::Message(Message::Text(text[1..].to_owned()))),
            Some(b'b') => STANDARD
                .decode(&text[1..])
                .map(|bytes| Self::Message(Message::Binary(Bytes::from(bytes))))
                .map_err(|_| PacketError::Base64),
            Some(_) => Self::control(text),
        }
    }

    fn control(text: &str) -> Result<Self, PacketError> {
        match text {
            "1" => Ok(Self::Close),
            "3" => Ok(Self::Pong),
            "2probe" => Ok(Self::Probe),
            "5" => Ok(Self::Upgrade),
            "6" => Ok(Self::Noop),
            "0" | "2" => Err(PacketError::Direction),
            _ if text.starts_with(|first: char| ('0'..='6').contains(&first)) => {
                Err(PacketError::TrailingData)
            }
            _ => Err(PacketError::UnknownType),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Packet {
        Packet::Message(Message::Text(text.to_owned()))
    }

    #[test]
    fn packets_and_their_text() {
        let table = [
            ("1", Ok(Packet::Close)),
            ("3", Ok(Packet::Pong)),
            ("2probe", Ok(Packet::Probe)),
            ("5", Ok(Packet::Upgrade)),
            ("6", Ok(Packet::Noop)),
            ("4", Ok(text(""))),
            ("4é😀", Ok(text("é😀"))),
            ("", Err(PacketError::Empty)),
            ("0", Err(PacketError::Direction)),
            ("2", Err(PacketError::Direction)),
            ("1x", Err(PacketError::TrailingData)),
            ("3probe", Err(PacketError::TrailingData)),
            ("7", Err(PacketError::UnknownType)),
            ("abc", Err(PacketError::UnknownType)),
            ("é", Err(PacketError::UnknownType)),
        ];
        for (input, want) in table {
            assert_eq!(
                Packet::from_text(input.to_owned()),
                want,
                "websocket {input:?}"
            );
            assert_eq!(Packet::from_payload(input), want, "polling {input:?}");
        }
    }

    #[test]
    fn base64_is_for_polling_alone() {
        let bytes = Packet::Message(Message::Binary(Bytes::from_static(&[0, 1, 2])));
        assert_eq!(Packet::from_payload("bAAEC"), Ok(bytes));
        assert_eq!(Packet::from_payload("b###"), Err(PacketError::Base64));
        assert_eq!(
            Packet::from_text("bAAEC".to_owned()),
            Err(PacketError::UnknownType)
        );
    }
}
