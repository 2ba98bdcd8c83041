//! Where events are emitted.

use std::{
    fmt,
    sync::{Arc, OnceLock, Weak},
};

use parking_lot::Mutex;

use crate::{
    bus::{self, Bus, BusError, Envelope, HostId, MemoryBus, Message},
    emit::{Delivery, Emit},
    error::EmitError,
    name::is_reserved_event,
    server::Server,
};

/// Emits events to the clients of every worker. It needs no server in its own process, only a bus. A clone is the same
/// manager.
///
/// ```
/// # use fast_app_socketio::{Emit, Manager, Payload};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = Manager::from_url("memory://")?;
/// manager.emit(Emit::new("news", Payload::new("hello")?).to(["readers"])).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Manager(Arc<Shared>);

struct Shared {
    bus: Arc<dyn Bus>,
    host: HostId,
    server: Mutex<Weak<Server>>,
}

/// The manager of this process, for code that has no other at hand.
static OF_PROCESS: OnceLock<Manager> = OnceLock::new();

impl Manager {
    /// A manager over a bus.
    pub fn new(bus: Arc<dyn Bus>) -> Self {
        Self(Arc::new(Shared {
            bus,
            host: HostId::random(),
            server: Mutex::new(Weak::new()),
        }))
    }

    /// A manager over the bus of this URL: `redis://…`, `unix://…` or `memory://`.
    ///
    /// It does not wait for the bus: a server starts without one, serves the clients it has, and keeps trying.
    ///
    /// # Errors
    ///
    /// When the URL is none of these.
    pub fn from_url(url: &str) -> Result<Self, BusError> {
        bus::from_url(url).map(Self::new)
    }

    /// A manager over the bus of `REDIS_SOCKETIO_URL`, which is looked up in the environment, then in a `.env` file,
    /// and is `redis://localhost:6379/14` by default.
    ///
    /// # Errors
    ///
    /// When the variable is no such URL; the error names it.
    pub async fn from_env() -> Result<Self, BusError> {
        bus::from_env().map(Self::new)
    }

    /// The manager of the process's first server; without one, a manager from the environment.
    ///
    /// # Errors
    ///
    /// As [`Manager::from_env`].
    pub async fn of_process() -> Result<Self, BusError> {
        match OF_PROCESS.get() {
            Some(manager) => Ok(manager.clone()),
            None => {
                let manager = Self::from_env().await?;
                Ok(OF_PROCESS.get_or_init(|| manager).clone())
            }
        }
    }

    /// Emits an event to its recipients on every worker, this one first.
    ///
    /// # Errors
    ///
    /// [`EmitError::Bus`] when other workers could not be told; clients of this process have got it all the same.
    pub async fn emit(&self, emit: Emit) -> Result<Delivery, EmitError> {
        if is_reserved_event(&emit.event) {
            return Err(EmitError::ReservedEvent(emit.event));
        }
        if emit.to.is_nobody() {
            return Ok(Delivery::default());
        }
        if emit.local {
            let server = self.0.server.lock().upgrade();
            let local = match server {
                Some(server) => server.deliver(&emit).await,
                None => 0,
            };
            return Ok(Delivery {
                local,
                workers: None,
            });
        }
        Ok(self.send(Message::Emit(emit)).await?)
    }

    /// Disconnects a socket from its namespace, wherever it is.
    ///
    /// # Errors
    ///
    /// When other workers could not be told.
    pub async fn disconnect(&self, namespace: &str, sid: &str) -> Result<(), BusError> {
        let message = Message::Disconnect {
            sid: sid.to_owned(),
            namespace: namespace.to_owned(),
        };
        self.send(message).await.map(drop)
    }

    /// Puts a socket into a room, wherever it is.
    ///
    /// # Errors
    ///
    /// When other workers could not be told.
    pub async fn enter_room(&self, namespace: &str, sid: &str, room: &str) -> Result<(), BusError> {
        let (sid, room, namespace) = (sid.to_owned(), room.to_owned(), namespace.to_owned());
        self.send(Message::EnterRoom {
            sid,
            room,
            namespace,
        })
        .await
        .map(drop)
    }

    /// Takes a socket out of a room, wherever it is.
    ///
    /// # Errors
    ///
    /// When other workers could not be told.
    pub async fn leave_room(&self, namespace: &str, sid: &str, room: &str) -> Result<(), BusError> {
        let (sid, room, namespace) = (sid.to_owned(), room.to_owned(), namespace.to_owned());
        self.send(Message::LeaveRoom {
            sid,
            room,
            namespace,
        })
        .await
        .map(drop)
    }

    /// Takes every socket out of a room.
    ///
    /// # Errors
    ///
    /// When other workers could not be told.
    pub async fn close_room(&self, namespace: &str, room: &str) -> Result<(), BusError> {
        let message = Message::CloseRoom {
            room: room.to_owned(),
            namespace: namespace.to_owned(),
        };
        self.send(message).await.map(drop)
    }

    /// Whether this manager hears the other workers right now.
    pub fn is_listening(&self) -> bool {
        self.0.bus.is_listening()
    }

    /// A manager whose server is the only one.
    pub(crate) fn alone() -> Self {
        Self::new(Arc::new(MemoryBus::private()))
    }

    pub(crate) fn host(&self) -> &HostId {
        &self.0.host
    }

    /// Lets `server` hear what other managers send, and deliver what this one emits.
    pub(crate) fn attach(&self, server: &Arc<Server>) {
        *self.0.server.lock() = Arc::downgrade(server);
        let listener: Weak<Server> = Arc::downgrade(server);
        self.0.bus.listen(listener);
    }

    /// Becomes the manager of the process, if it is the first.
    pub(crate) fn adopt(self) {
        let _ = OF_PROCESS.set(self);
    }

    async fn send(&self, message: Message) -> Result<Delivery, BusError> {
        let server = self.0.server.lock().upgrade();
        let local = match server {
            Some(server) => server.apply(&message).await,
            None => 0,
        };
        let envelope = Envelope {
            host: self.0.host.clone(),
            message,
        };
        let workers = self.0.bus.publish(&envelope).await?;
        Ok(Delivery { local, workers })
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager")
            .field("bus", &self.0.bus)
            .finish_non_exhaustive()
    }
}
