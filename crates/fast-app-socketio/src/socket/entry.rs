//! Entering a room after having been asked about it.

use super::{Socket, check_event};
use crate::{
    error::SocketError,
    name::RoomName,
    packet,
    payload::Payload,
    revocation::{Notice, Position},
};

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

    /// Takes the socket out of a room and tells the client, by an `error` event `{"type":"revoked","room":…}`; whether it was
    /// in it. What was to happen [on leaving](Socket::on_leave) happens.
    pub async fn expel(&self, room: &str) -> bool {
        if !self.leave_room(room) {
            return false;
        }
        let notice = Notice::out_of(room).payload();
        // It may be gone, and needs no word then.
        let _ = self.emit_payload("error", &notice);
        if let Ok(room) = RoomName::new(room) {
            self.left(&room).await;
        }
        true
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
        self.socket.enter(room, Some(self.since), &[])
    }

    /// Enters the room and sends the client an event that comes before anything that is sent to the room.
    ///
    /// # Errors
    ///
    /// As [`Entry::enter`], and as [`Socket::emit`]. Nothing was sent then.
    pub fn enter_and_emit(
        self,
        room: &str,
        event: &str,
        payload: &Payload,
    ) -> Result<bool, SocketError> {
        check_event(event)?;
        let first = packet::encode_event(self.socket.namespace(), None, event, payload);
        self.socket.enter(room, Some(self.since), &first)
    }
}
