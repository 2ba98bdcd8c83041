//! From an event to its receipt.
//!
//! ```text
//!  broadcast(event) ─► when? ─► on which rooms ─► as what ─► one emit for each namespace ─► Receipt
//! ```

mod receipt;

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use fast_app_socketio::{Collecting, Emit, EmitError, Manager, SocketIo, bus::BusError, deadline};
use futures_util::future::join_all;
use tracing::{Instrument as _, Span, field};

pub use self::receipt::{Acknowledged, BroadcastError, Receipt};
use crate::contracts::broadcast_event::BroadcastEvent;

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

impl<E: BroadcastEvent> Broadcast<E> {
    /// Leaves out the client with this sid: usually whoever caused the event.
    pub fn to_others(mut self, sid: &(impl fmt::Display + ?Sized)) -> Self {
        self.except.push(sid.to_string());
        self
    }

    /// Leaves out everybody in this room. Workers with python-socketio know no such thing: their clients get the event.
    pub fn except(mut self, room: impl Into<String>) -> Self {
        self.except.push(room.into());
        self
    }

    /// Collects what clients answer, for as long as `timeout`, or until all have answered when only clients of this process
    /// could. A process without a server can do it too.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use fast_app::prelude::*;
    /// # #[derive(Event, Serialize)] struct Ready { round: u64 }
    /// # impl BroadcastEvent for Ready {}
    /// # async fn example() -> Result<(), BroadcastError> {
    /// let mut acknowledged = broadcast(Ready { round: 1 }).expect_acks(Duration::from_secs(2)).await?;
    /// for answer in &mut acknowledged.answers {
    ///     let ready: bool = answer.take().unwrap_or(false);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn expect_acks(self, timeout: Duration) -> ExpectAcks<E> {
        ExpectAcks {
            broadcast: self,
            timeout,
        }
    }

    /// The span of the event, from here to the sockets.
    fn span() -> Span {
        tracing::debug_span!("broadcast", event = E::NAME, namespace = field::Empty)
    }

    async fn send(self, span: Span) -> Result<Receipt, BroadcastError> {
        let (mut receipt, emits) = self.prepare(&span).await?;
        let mut failed = None;
        // One namespace's failure is no reason to keep the event from another.
        for (manager, emit) in emits {
            match manager.emit(emit).await {
                Ok(delivery) => receipt.add(delivery),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(receipt),
        }
    }

    /// Asks the event when, where and as what: one emit for each namespace.
    async fn prepare(self, span: &Span) -> Result<(Receipt, Vec<(Manager, Emit)>), BroadcastError> {
        let Self {
            event,
            manager,
            except,
        } = self;
        let mut receipt = Receipt::default();
        let when = event.try_broadcast_when().await;
        if !when.map_err(BroadcastError::event("broadcast_when"))? {
            receipt.skipped = true;
            return Ok((receipt, Vec::new()));
        }
        let channels = event.try_broadcast_on().await;
        let channels = channels
            .map_err(BroadcastError::event("broadcast_on"))?
            .by_namespace()?;
        if channels.is_empty() {
            return Ok((receipt, Vec::new()));
        }
        if !span.is_disabled() {
            let namespaces: Vec<_> = channels.iter().map(|(path, _)| path.as_str()).collect();
            span.record("namespace", namespaces.join(","));
        }
        let payload = event.try_broadcast_as().await;
        let payload = payload
            .map_err(BroadcastError::event("broadcast_as"))?
            .resolve()
            .await?;
        let manager = match manager {
            Some(manager) => manager,
            None => {
                let manager = Manager::of_process().await;
                manager.map_err(|error| BroadcastError::Emit(error.into()))?
            }
        };
        let mut emits = Vec::with_capacity(channels.len());
        for (namespace, rooms) in channels {
            receipt.rooms.extend(rooms.iter().map(ToString::to_string));
            let emit = Emit {
                except: except.clone(),
                on_outage: event.on_outage(),
                ..Emit::new(E::NAME, payload.clone())
            };
            let rooms = rooms.iter().map(|room| room.as_str());
            emits.push((manager.clone(), emit.in_namespace(namespace).to(rooms)));
        }
        Ok((receipt, emits))
    }
}

impl<E: BroadcastEvent + 'static> IntoFuture for Broadcast<E> {
    type Output = Result<Receipt, BroadcastError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let span = Self::span();
        Box::pin(self.send(span.clone()).instrument(span))
    }
}

/// A broadcast whose acknowledgements are collected, from [`Broadcast::expect_acks`].
#[must_use = "nothing is broadcast before `.await`"]
#[derive(Debug)]
pub struct ExpectAcks<E> {
    broadcast: Broadcast<E>,
    timeout: Duration,
}

impl<E: BroadcastEvent> ExpectAcks<E> {
    async fn collect(self, span: Span) -> Result<Acknowledged, BroadcastError> {
        let deadline = deadline(self.timeout);
        let (mut receipt, emits) = self.broadcast.prepare(&span).await?;
        let mut collecting: Vec<Collecting> = Vec::new();
        let mut failed = None;
        for (manager, emit) in emits {
            match manager.emit_collecting(emit, deadline).await {
                Ok((delivery, answers)) => {
                    receipt.add(delivery);
                    collecting.push(answers);
                }
                Err(error @ EmitError::Bus(BusError::Deaf))
                    if collecting.is_empty() && failed.is_none() =>
                {
                    return Err(BroadcastError::Emit(error));
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(error.into());
        }
        let answers = collecting
            .into_iter()
            .map(|answers| answers.collect(deadline));
        let answers = join_all(answers).await.into_iter().flatten().collect();
        Ok(Acknowledged { receipt, answers })
    }
}

impl<E: BroadcastEvent + 'static> IntoFuture for ExpectAcks<E> {
    type Output = Result<Acknowledged, BroadcastError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let span = Broadcast::<E>::span();
        Box::pin(self.collect(span.clone()).instrument(span))
    }
}
