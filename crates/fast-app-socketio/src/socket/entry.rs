//! Entering a room after having been asked about it.

use super::Socket;
use crate::{error::SocketError, revocation::Position};

impl Socket {
    /// Begins to decide whether the socket may enter a room. A revocation that comes before [`Entry::enter`] is not missed, as
    /// it would be by asking a database and then calling [`Socket::enter_room`].
    pub fn entry(&self) -> Entry<'_> {
        let since = self.0.client.server().revocations().lock().position();
        Entry {
            socket: self,
            since,
        }
    }
}

/// A decision about entering a room, from [`Socket::entry`].
#[derive(Debug)]
#[must_use = "nothing is entered before `enter`"]
pub struct Entry<'a> {
    socket: &'a Socket,
    since: Position,
}

impl Entry<'_> {
    /// Enters the room; whether the socket was not in it before.
    ///
    /// # Errors
    ///
    /// As [`Socket::enter_room`], and [`SocketError::Revoked`] when access to the room or to the server was revoked since this
    /// was begun.
    pub fn enter(self, room: &str) -> Result<bool, SocketError> {
        self.socket.enter(room, Some(self.since))
    }
}
