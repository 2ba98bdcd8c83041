//! Taking access away, from a room or from the server, on every worker that hears the bus.
//!
//! ```text
//!  revoke ─► log ─► take out whoever is in ─► bus ─► every worker does the same ─► a confirmation each ─► Revoked
//!             └ what was being decided meanwhile, a guard or `on_connect`, looks into it before it lets anybody in
//! ```

mod apply;
mod confirmations;
mod hear;
pub(crate) mod log;
mod users;

use std::{fmt, time::Duration};

use tokio::time::timeout_at;

pub(crate) use self::{
    apply::Notice,
    confirmations::Confirmations,
    hear::{Asking, CONFIRMING, Repeating},
    log::{Log, Position},
    users::{Identity, Users},
};
use crate::{
    bus::{BusError, Envelope, Message, OnOutage, Published},
    manager::{Manager, deadline},
    name::{InvalidRoomName, RoomName},
    server::SocketIo,
};

/// How long workers may take to confirm, if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whose access is taken away.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Who {
    /// Whoever is there.
    Everybody,
    /// All connections of this user: see [`Session::set_user_id`](crate::Session::set_user_id).
    User(String),
    /// The connection of the socket with this sid.
    Session(String),
}

impl Who {
    /// Whoever is there.
    pub fn everybody() -> Self {
        Self::Everybody
    }

    /// All connections of a user: see [`Session::set_user_id`](crate::Session::set_user_id).
    pub fn user(id: impl Into<String>) -> Self {
        Self::User(id.into())
    }

    /// The connection of the socket with this sid, with all its namespaces.
    pub fn session(sid: &(impl fmt::Display + ?Sized)) -> Self {
        Self::Session(sid.to_string())
    }
}

/// For logs: a sid is a credential, so only its beginning is shown.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("everybody"),
            Self::User(id) => write!(f, "user {id:?}"),
            Self::Session(sid) => write!(f, "session {:?}…", sid.get(..6).unwrap_or_default()),
        }
    }
}

/// For logs, as above.
impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whose access is taken away, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    pub(crate) who: Who,
    /// The server, where it is no room.
    pub(crate) from: Option<Place>,
}

/// A room of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) namespace: String,
    pub(crate) room: RoomName,
}

impl Revocation {
    /// Off the server: clients are told, and their connections closed.
    pub fn new(who: Who) -> Self {
        Self { who, from: None }
    }

    /// Out of a room of a namespace instead; the connections stay.
    ///
    /// # Errors
    ///
    /// When no room can have this name.
    pub fn from_room(self, namespace: &str, room: &str) -> Result<Self, InvalidRoomName> {
        let from = Place {
            namespace: namespace.to_owned(),
            room: RoomName::new(room)?,
        };
        Ok(Self {
            from: Some(from),
            ..self
        })
    }
}

/// What came of a revocation: it holds everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// How many sockets were taken out, on all workers.
    pub sockets: usize,
    /// How many managers of FastApp have confirmed it, this one included.
    pub workers: usize,
}

/// Why a revocation may not hold everywhere. In this process it does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// Other workers could not be told.
    #[error("other workers could not be told of the revocation")]
    Bus(#[from] BusError),
    /// The bus has not said in time whether it took the message: other workers may have been told.
    #[error("the bus did not say in time whether other workers are told of the revocation")]
    Unanswered,
    /// Some workers were told and did not answer in time.
    #[error("{confirmed} of {workers} workers have confirmed the revocation in time")]
    Unconfirmed {
        /// How many have confirmed.
        confirmed: usize,
        /// How many were told.
        workers: usize,
    },
    /// Workers were told, and the bus cannot count them: there may be some that have not confirmed.
    #[error(
        "{confirmed} workers have confirmed the revocation; how many there are the bus does not tell"
    )]
    Uncounted {
        /// How many have confirmed until the end of the time.
        confirmed: usize,
    },
}

impl Manager {
    /// Takes access away on every worker that hears the bus, and returns when each of them has confirmed it: an event that is
    /// emitted after that, on any of them, does not reach whoever lost access, and a guard or an `on_connect` that was
    /// running refuses. Clients get an `error` event `{"type":"revoked"}`, with the `room` if it is one.
    ///
    /// It does not remember: who may join or connect afterwards, guards and `on_connect` decide as always. So first change
    /// what they ask, then revoke. A worker that does not hear the bus at the moment is not waited for. When it hears again
    /// it asks for what it has missed; from then until that is repeated, some round trips later, it delivers to whoever lost
    /// access, and while it is deaf what is emitted on the worker itself. Who has connected to it since the revocation stays;
    /// who has joined the room again on an older connection is taken out. Workers with python-socketio know no users; they
    /// obey for a session and for everybody in a room, without confirming it.
    ///
    /// What a worker was cut off from, any manager that has heard of it repeats, with a server or without one. What nobody
    /// else has heard of ends with the process that revoked it: a job that exits at once leaves nobody to repeat it.
    ///
    /// When it is dropped it holds in this process, and other workers may not have been told.
    ///
    /// ```no_run
    /// # use fast_app_socketio::{Manager, Revocation, Who};
    /// # async fn example(manager: Manager) -> Result<(), Box<dyn std::error::Error>> {
    /// let out = Revocation::new(Who::user("alice")).from_room("/", "chat|1")?;
    /// let revoked = manager.revoke(out).await?;
    /// println!("{} sockets on {} workers", revoked.sockets, revoked.workers);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When not every worker has confirmed it within 5 s, or a bus of your own cannot tell how many there are; it may be done
    /// again. In this process it holds in any case.
    pub async fn revoke(&self, revocation: Revocation) -> Result<Revoked, RevokeError> {
        self.revoke_within(revocation, TIMEOUT).await
    }

    /// [`Manager::revoke`] with another limit of time.
    ///
    /// # Errors
    ///
    /// As [`Manager::revoke`].
    pub async fn revoke_within(
        &self,
        revocation: Revocation,
        timeout: Duration,
    ) -> Result<Revoked, RevokeError> {
        let deadline = deadline(timeout);
        let shared = self.shared();
        let confirming = shared.confirmations.expect();
        let message = Message::Revoke {
            revocation,
            id: confirming.id(),
            again: None,
        };
        let local = self.apply(&message).await;
        self.hear(deadline).await?;
        shared
            .revocations
            .lock()
            .renew(&shared.host, confirming.id());
        let envelope = Envelope {
            host: shared.host.clone(),
            message,
        };
        let publishing = shared.bus.publish(&envelope, OnOutage::Raise);
        let published = timeout_at(deadline, publishing).await;
        let workers = match published.map_err(|_| RevokeError::Unanswered)?? {
            Published::Heard(workers) => workers,
            Published::Spooled => None,
        };
        // We listen ourselves: where Redis knows of nobody, something is wrong.
        let workers = workers.map(|workers| workers.max(1));
        let expected = workers.unwrap_or(usize::MAX);
        let (confirmed, elsewhere) = confirming.wait(expected, deadline).await;
        match workers {
            None => Err(RevokeError::Uncounted { confirmed }),
            Some(workers) if confirmed < workers => {
                Err(RevokeError::Unconfirmed { confirmed, workers })
            }
            // The numbers are others' words.
            Some(_) => Ok(Revoked {
                sockets: local.saturating_add(elsewhere),
                workers: confirmed,
            }),
        }
    }
}

impl SocketIo {
    /// [`Manager::revoke`] through the manager of this server.
    ///
    /// # Errors
    ///
    /// As [`Manager::revoke`].
    pub async fn revoke(&self, revocation: Revocation) -> Result<Revoked, RevokeError> {
        self.manager().revoke(revocation).await
    }
}

#[cfg(test)]
mod tests {
    use fast_app_engineio::Sid;

    use super::*;

    #[test]
    fn debug_hides_most_of_a_sid() {
        let sid = Sid::random().to_string();
        let revocation = Revocation::new(Who::session(&sid));
        let message = Message::Revoke {
            revocation: revocation.clone(),
            id: 7,
            again: None,
        };
        for shown in [format!("{revocation:?}"), format!("{message:#?}")] {
            assert!(
                shown.contains(&sid[..6]) && !shown.contains(&sid[6..]),
                "{shown}"
            );
        }
        assert_eq!(format!("{:?}", Who::session("é")), "session \"\"…");
    }
}
