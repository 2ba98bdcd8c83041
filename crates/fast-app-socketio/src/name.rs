//! Names of rooms and events.

use std::{borrow::Borrow, fmt, sync::Arc};

/// The longest room name, in bytes.
pub(crate) const MAX_ROOM_NAME: usize = 255;

/// The longest namespace, in bytes.
pub(crate) const MAX_NAMESPACE: usize = 255;

/// Event names that the clients' own libraries emit, and no packet may carry (`socket.io-parser`, `RESERVED_EVENTS`).
pub const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// Whether `name` is one of [`RESERVED_EVENTS`].
pub fn is_reserved_event(name: &str) -> bool {
    RESERVED_EVENTS.contains(&name)
}

/// The name of a room: 1 to 255 bytes without control characters. A clone shares the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomName(Arc<str>);

/// A text that cannot name a room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRoomName {
    /// It has no characters.
    #[error("room name is empty")]
    Empty,
    /// It is longer than 255 bytes, or than the server's
    /// [`max_room_name`](crate::SocketIoBuilder::max_room_name).
    #[error("room name of {0} bytes is too long")]
    TooLong(usize),
    /// It contains a control character.
    #[error("room name contains a control character")]
    ControlCharacter,
}

impl RoomName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`InvalidRoomName`] says what is wrong with it.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self, InvalidRoomName> {
        let name = name.into();
        match name.len() {
            0 => Err(InvalidRoomName::Empty),
            length if length > MAX_ROOM_NAME => Err(InvalidRoomName::TooLong(length)),
            _ if name.contains(char::is_control) => Err(InvalidRoomName::ControlCharacter),
            _ => Ok(Self(name)),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for RoomName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_is_wrong_with_them() {
        for (name, want) in [
            ("chat|1", None),
            ("ž😀", None),
            ("", Some(InvalidRoomName::Empty)),
            ("a\u{0}b", Some(InvalidRoomName::ControlCharacter)),
            ("a\nb", Some(InvalidRoomName::ControlCharacter)),
            (&"x".repeat(255), None),
            (&"x".repeat(256), Some(InvalidRoomName::TooLong(256))),
        ] {
            assert_eq!(RoomName::new(name).err(), want, "{name:?}");
        }
    }
}
