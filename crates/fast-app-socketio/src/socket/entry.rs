//! Entering a room after having been asked about it.

use std::{fmt, future::Future};

use super::{LeaveHook, Socket, check_event, leave_hook};
use crate::{
    error::SocketError,
    packet,
    payload::Payload,
    reason::DisconnectReason,
    revocation::{Notice, Position},
    server::forget_room,
};

impl Socket {
    /// Begins to decide whether the socket may enter a room. A revocation that comes before [`Entry::enter`] is not missed, as
    /// it would be by asking a database and then calling [`Socket::enter_room`].
    pub fn entry(&self) -> Entry<'_> {
        let since = self.0.client.server().revocations().lock().position();
        Entry {
            socket: self,
            since,
            hook: None,
        }
    }

    /// Takes the socket out of a room and tells the client, by an `error` event `{"type":"revoked","room":…}`; whether it was
    /// in it. What was to happen [on leaving](Socket::on_leave) happens.
    pub fn expel(&self, room: &str) -> bool {
        if !self.leave_room(room) {
            return false;
        }
        let notice = Notice::out_of(room).payload();
        // It may be gone, and needs no word then.
        let _ = self.emit_payload("error", &notice);
        forget_room(self.clone(), room);
        true
    }
}

/// A decision about entering a room, from [`Socket::entry`].
#[must_use = "nothing is entered before `enter`"]
pub struct Entry<'a> {
    socket: &'a Socket,
    since: Position,
    hook: Option<LeaveHook>,
}

impl Entry<'_> {
    /// Lets `hook` run when the socket leaves the room that it is about to enter, as [`Socket::on_leave`] does; nothing comes
    /// between the two. It is dropped when the socket does not enter, or is in the room already.
    pub fn on_leave<F>(
        self,
        hook: impl FnOnce(Socket, Option<DisconnectReason>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            hook: Some(leave_hook(hook)),
            ..self
        }
    }

    /// Enters the room; whether the socket was not in it before.
    ///
    /// # Errors
    ///
    /// As [`Socket::enter_room`], and [`SocketError::Revoked`] when access to the room or to the server was revoked since this
    /// was begun.
    pub fn enter(self, room: &str) -> Result<bool, SocketError> {
        self.socket.enter(room, Some(self.since), &[], self.hook)
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
        self.socket.enter(room, Some(self.since), &first, self.hook)
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("socket", self.socket)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}
