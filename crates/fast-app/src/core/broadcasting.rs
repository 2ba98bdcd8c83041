//! From an event to its receipt.
//!
//! ```text
//!  broadcast(event) ─► when? ─► on which rooms ─► as what ─► one emit for each namespace ─► Receipt
//! ```

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
};

use fast_app_socketio::{Emit, EmitError, Manager, SocketIo, bus::BusError};

use crate::contracts::{
    Cause, broadcast_event::BroadcastEvent, payload::PayloadError, room::RoomNameError,
};

/// Tells an event to every client in its rooms, on every worker. Nothing happens until it is awaited.
///
/// It goes through the manager of this process: that of its server or, in a process without one (a job, a command), one
/// that the environment describes (`REDIS_SOCKETIO_URL`).
///
/// ```
/// # use fast_app::prelude::*;
/// # #[derive(Event, Serialize)] struct UpdateChat { id: u64 }
/// # impl BroadcastEvent for UpdateChat {}
/// # async fn example(socket_id: String) -> Result<(), BroadcastError> {
/// let receipt = broadcast(UpdateChat { id: 1 }).await?;
/// println!("{} clients here, rooms {:?}", receipt.local, receipt.rooms);
/// broadcast(UpdateChat { id: 1 }).to_others(&socket_id).await?;
/// # Ok(())
/// # }
/// ```
pub fn broadcast<E: BroadcastEvent>(event: E) -> Broadcast<E> {
    Broadcast {
        event,
        manager: None,
        except: Vec::new(),
    }
}

/// Broadcasts without the manager of the process: for tests, and for several servers in one process.
pub trait Broadcaster {
    /// Like [`broadcast`], through this manager.
    fn broadcast<E: BroadcastEvent>(&self, event: E) -> Broadcast<E>;
}

impl Broadcaster for Manager {
    fn broadcast<E: BroadcastEvent>(&self, event: E) -> Broadcast<E> {
        Broadcast {
            event,
            manager: Some(self.clone()),
            except: Vec::new(),
        }
    }
}

impl Broadcaster for SocketIo {
    fn broadcast<E: BroadcastEvent>(&self, event: E) -> Broadcast<E> {
        self.manager().broadcast(event)
    }
}

/// A broadcast that is made when it is awaited.
#[must_use = "nothing is broadcast before `.await`"]
#[derive(Debug)]
pub struct Broadcast<E> {
    event: E,
    manager: Option<Manager>,
    except: Vec<String>,
}

/// What became of a broadcast.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The names of the rooms it was sent to.
    pub rooms: Vec<String>,
    /// `broadcast_when` said no: nothing was sent.
    pub skipped: bool,
    /// How many clients of this process it was queued for.
    pub local: usize,
    /// How many workers heard it, this process included; `None` when nothing was sent.
    pub workers: Option<usize>,
}

/// Why an event was not broadcast, or not everywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The event's own method failed.
    #[error("{method} failed")]
    Event {
        /// The method.
        method: &'static str,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// One of its rooms has no valid name. Nothing was sent.
    #[error("event is for a room without a valid name")]
    Room(#[from] RoomNameError),
    /// It could not become JSON. Nothing was sent.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Other workers could not be told. Clients of this process have got it.
    #[error("event did not reach the other workers")]
    Bus(#[source] BusError),
    /// It could not be emitted. Nothing was sent.
    #[error(transparent)]
    Emit(EmitError),
}

impl BroadcastError {
    fn event(method: &'static str) -> impl Fn(Cause) -> Self {
        move |cause| Self::Event {
            method,
            cause: cause.into_source(),
        }
    }
}

impl From<EmitError> for BroadcastError {
    fn from(error: EmitError) -> Self {
        match error {
            EmitError::Bus(error) => Self::Bus(error),
            error => Self::Emit(error),
        }
    }
}

impl<E: BroadcastEvent> Broadcast<E> {
    /// Leaves out the client with this sid: usually whoever caused the event.
    pub fn to_others(mut self, sid: &(impl fmt::Display + ?Sized)) -> Self {
        self.except.push(sid.to_string());
        self
    }

    async fn send(self) -> Result<Receipt, BroadcastError> {
        let Self {
            event,
            manager,
            except,
        } = self;
        if !event
            .try_broadcast_when()
            .await
            .map_err(BroadcastError::event("broadcast_when"))?
        {
            return Ok(Receipt {
                skipped: true,
                ..Receipt::default()
            });
        }
        let channels = event
            .try_broadcast_on()
            .await
            .map_err(BroadcastError::event("broadcast_on"))?;
        let channels = channels.by_namespace()?;
        let mut receipt = Receipt::default();
        if channels.is_empty() {
            return Ok(receipt);
        }
        let payload = event
            .try_broadcast_as()
            .await
            .map_err(BroadcastError::event("broadcast_as"))?;
        let payload = payload.resolve().await?;
        let manager = match manager {
            Some(manager) => manager,
            None => Manager::of_process().await.map_err(BroadcastError::Bus)?,
        };
        let mut failed = None;
        for (namespace, rooms) in channels {
            receipt.rooms.extend(rooms.iter().map(ToString::to_string));
            let rooms = rooms.iter().map(|room| room.as_str());
            let emit = Emit {
                except: except.clone(),
                ..Emit::new(E::NAME, payload.clone())
            };
            // One namespace's failure is no reason to keep the event from another.
            match manager.emit(emit.in_namespace(namespace).to(rooms)).await {
                Ok(delivery) => {
                    receipt.local += delivery.local;
                    receipt.workers = receipt.workers.max(delivery.workers);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(receipt),
        }
    }
}

impl<E: BroadcastEvent + 'static> IntoFuture for Broadcast<E> {
    type Output = Result<Receipt, BroadcastError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
