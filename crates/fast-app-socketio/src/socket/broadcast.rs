//! Events of a socket to others.

use serde::Serialize;

use super::Socket;
use crate::{
    emit::{Delivery, Emit},
    error::EmitError,
    payload::Payload,
};

impl Socket {
    /// An event to everybody else in this namespace, on every worker: finish it with [`Broadcast::emit`].
    pub fn broadcast(&self) -> Broadcast {
        let emit = Emit::new("", Payload::empty())
            .in_namespace(self.namespace())
            .except(self.0.sid.as_str());
        Broadcast {
            socket: self.clone(),
            emit,
        }
    }

    /// An event to rooms of this namespace, on every worker, but not to this socket: finish it with
    /// [`Broadcast::emit`].
    pub fn to(&self, rooms: impl IntoIterator<Item = impl AsRef<str>>) -> Broadcast {
        let emit = Emit::new("", Payload::empty())
            .in_namespace(self.namespace())
            .to(rooms)
            .except(self.0.sid.as_str());
        Broadcast {
            socket: self.clone(),
            emit,
        }
    }
}

/// An event of a socket to others, from [`Socket::to`].
#[must_use = "nothing is sent before `emit`"]
pub struct Broadcast {
    socket: Socket,
    emit: Emit,
}

impl Broadcast {
    /// But not to those in this room, or to the socket with this sid.
    pub fn except(self, name: impl Into<String>) -> Self {
        self.map(|emit| emit.except(name))
    }

    /// But not to sockets that have not taken what was sent to them before.
    pub fn volatile(self) -> Self {
        self.map(Emit::volatile)
    }

    /// But only to the sockets of this process.
    pub fn local(self) -> Self {
        self.map(Emit::local)
    }

    fn map(self, change: impl FnOnce(Emit) -> Emit) -> Self {
        Self {
            emit: change(self.emit),
            ..self
        }
    }

    /// Sends the event.
    ///
    /// # Errors
    ///
    /// When the value is no JSON, or the bus fails; clients of this process got the event then.
    pub async fn emit(
        self,
        event: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<Delivery, EmitError> {
        self.emit_payload(event, Payload::new(value)?).await
    }

    /// Sends the event with a ready payload, such as several arguments.
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit`].
    pub async fn emit_payload(self, event: &str, payload: Payload) -> Result<Delivery, EmitError> {
        let emit = Emit {
            event: event.to_owned(),
            payload,
            ..self.emit
        };
        self.socket.manager().emit(emit).await
    }
}
