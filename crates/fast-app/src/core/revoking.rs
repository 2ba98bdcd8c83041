//! Taking access away.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use fast_app_socketio::{self as socketio, Manager, Revocation, Revoked, Who, bus::BusError};

use crate::contracts::room::{RoomName, RoomNameError};

/// Takes access away, off the server or [out of a room](Revoke::out_of), on every worker that hears the bus. Nothing
/// happens until it is awaited; then it returns when each of them has confirmed that no later event can reach whoever lost
/// access.
///
/// It does not remember: first change what `can_join` and `on_connect` ask, then revoke. See
/// [`Manager::revoke`], which it calls, for what clients are told and what is promised.
///
/// ```
/// # use fast_app::prelude::*;
/// # #[derive(RoomName, Deserialize)] struct ChatRoom { chat_id: String }
/// # async fn example(chat_id: String, socket_id: String) -> Result<(), RevokeError> {
/// let revoked = revoke(Who::user("alice")).out_of(ChatRoom { chat_id }).await?;
/// println!("{} sockets on {} workers", revoked.sockets, revoked.workers);
/// revoke(Who::session(&socket_id)).await?; // off the server
/// # Ok(())
/// # }
/// ```
pub fn revoke(who: Who) -> Revoke {
    Revoke {
        who,
        room: None,
        namespace: "/".to_owned(),
        manager: None,
        timeout: Duration::from_secs(5),
    }
}

/// A revocation that is made when it is awaited.
#[must_use = "nothing is revoked before `.await`"]
#[derive(Debug)]
pub struct Revoke {
    who: Who,
    room: Option<Room>,
    namespace: String,
    manager: Option<Manager>,
    timeout: Duration,
}

#[derive(Debug)]
struct Room {
    /// Where the room itself says so.
    namespace: Option<&'static str>,
    name: Result<socketio::RoomName, RoomNameError>,
}

/// Why a revocation may not hold everywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// The room has no name. Nothing was revoked.
    #[error("the room has no name")]
    Room(#[from] RoomNameError),
    /// There is no manager. Nothing was revoked.
    #[error("there is no bus to tell workers")]
    Bus(#[source] BusError),
    /// Not every worker has confirmed it. In this process it holds.
    #[error(transparent)]
    Unconfirmed(#[from] socketio::RevokeError),
}

impl Revoke {
    /// Out of this room; connections stay. A room that names no namespace is that of `/`: where it is registered in another,
    /// say so by [`Revoke::in_namespace`], or nobody is taken out.
    pub fn out_of<R: RoomName>(self, room: R) -> Self {
        let room = Room {
            namespace: R::NAMESPACE,
            name: room.room_name(),
        };
        Self {
            room: Some(room),
            ..self
        }
    }

    /// Out of the room in this namespace, where it names none itself: as
    /// [`Channels::in_namespace`](crate::Channels::in_namespace).
    pub fn in_namespace(self, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            ..self
        }
    }

    /// Through this manager instead of that of the process: for tests, and for several servers in one process.
    pub fn through(self, manager: &Manager) -> Self {
        Self {
            manager: Some(manager.clone()),
            ..self
        }
    }

    /// How long workers may take to confirm. Default 5 s.
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    async fn send(self) -> Result<Revoked, RevokeError> {
        let mut revocation = Revocation::new(self.who);
        if let Some(Room { namespace, name }) = self.room {
            let namespace = namespace.unwrap_or(&self.namespace);
            let out = revocation.from_room(namespace, name?.as_str());
            revocation = out.map_err(RoomNameError::from)?;
        }
        let manager = match self.manager {
            Some(manager) => manager,
            None => Manager::of_process().await.map_err(RevokeError::Bus)?,
        };
        Ok(manager.revoke_within(revocation, self.timeout).await?)
    }
}

impl IntoFuture for Revoke {
    type Output = Result<Revoked, RevokeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
