//! Settings and limits of a server, and how it is built.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use fast_app_engineio::{Config, Engine, Origins};
use parking_lot::RwLock;

use super::{Acceptor, Endpoint, Server, SocketIo};
use crate::{
    ending::Running, error::SocketIoError, manager::Manager, name::MAX_ROOM_NAME,
    namespace::Namespace, packet::PacketLimits, revocation::Users, rooms::Rooms, values::Values,
};

/// Settings of a server that is to be built.
pub struct SocketIoBuilder {
    config: Config,
    limits: Limits,
    manager: Option<Manager>,
    state: Values,
    namespaces: Vec<Namespace>,
}

/// Limits of this layer.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) connect_timeout: Duration,
    pub(crate) attachment_timeout: Duration,
    pub(crate) namespaces: usize,
    pub(crate) rooms: usize,
    pub(crate) room_name: usize,
    pub(crate) backlog: usize,
    pub(crate) acks: usize,
    pub(crate) ack_timeout: Duration,
    pub(crate) packet: PacketLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            attachment_timeout: Duration::from_secs(10),
            namespaces: 16,
            rooms: 512,
            room_name: MAX_ROOM_NAME,
            backlog: 64,
            acks: 1_024,
            ack_timeout: Duration::from_secs(60),
            packet: PacketLimits::default(),
        }
    }
}

impl SocketIoBuilder {
    pub(super) fn new() -> Self {
        Self {
            config: Config::default(),
            limits: Limits::default(),
            manager: None,
            state: Values::default(),
            namespaces: Vec::new(),
        }
    }

    /// Which web pages may connect; by default those of the same host. `*` alone means all.
    pub fn cors_allowed_origins(mut self, origins: impl Into<Origins>) -> Self {
        self.config.origins = origins.into();
        self
    }

    /// How this server reaches other workers; by default it is alone. A manager has one server: several servers of a process
    /// have a manager each, on the same bus.
    pub fn manager(mut self, manager: Manager) -> Self {
        self.manager = Some(manager);
        self
    }

    /// State of the application, for guards and handlers: [`Session::state`](crate::Session::state). One of each type.
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        drop(self.state.insert(state));
        self
    }

    /// A namespace that clients may connect to.
    pub fn namespace(mut self, namespace: impl Into<Namespace>) -> Self {
        self.namespaces.push(namespace.into());
        self
    }

    /// The path, `/socket.io/` by default.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.config.path = path.into();
        self
    }

    /// Time between two pings (default 25 s) and how long a client may take to answer (default 20 s); each at most 12 days.
    pub fn heartbeat(mut self, interval: Duration, timeout: Duration) -> Self {
        self.config.ping_interval = interval;
        self.config.ping_timeout = timeout;
        self
    }

    /// The largest message of a client, in bytes. Default 1,000,000.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.config.max_payload = bytes;
        self
    }

    /// Every other setting of the transport.
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// How long a client may take to connect to its first namespace. Default 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// How long the attachments of a packet may take. Default 10 s.
    pub fn attachment_timeout(mut self, timeout: Duration) -> Self {
        self.limits.attachment_timeout = timeout;
        self
    }

    /// How many namespaces one client may connect to. Default 16.
    pub fn max_namespaces(mut self, count: usize) -> Self {
        self.limits.namespaces = count;
        self
    }

    /// How many rooms one socket may enter. Default 512.
    pub fn max_rooms(mut self, count: usize) -> Self {
        self.limits.rooms = count;
        self
    }

    /// How long the name of a room may be that a socket enters, in bytes. Default 255, which is also the most.
    pub fn max_room_name(mut self, bytes: usize) -> Self {
        self.limits.room_name = bytes;
        self
    }

    /// How many events of one client (connects and disconnects count too) may wait to be handled before no more is read
    /// from it. Default 64. As many bytes of them as one payload may have stop reading as well.
    pub fn max_backlog(mut self, events: usize) -> Self {
        self.limits.backlog = events.max(1);
        self
    }

    /// How many attachments one packet of a client may have. Default 10; together they count as one payload.
    pub fn max_attachments(mut self, count: usize) -> Self {
        self.limits.packet.attachments = count;
        self
    }

    /// How long the name of a client's event may be, in bytes. Default 128.
    pub fn max_event_name(mut self, bytes: usize) -> Self {
        self.limits.packet.event_name = bytes;
        self
    }

    /// How long the name of a namespace may be that a client asks for, in bytes. Default 255.
    pub fn max_namespace_name(mut self, bytes: usize) -> Self {
        self.limits.packet.namespace = bytes;
        self
    }

    /// How deep the JSON of a client's packet may be nested. Default 128, which is also the most.
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.limits.packet.depth = levels.min(128);
        self
    }

    /// How many events of the server may wait for one client's acknowledgement. Default 1,024.
    pub fn max_acks(mut self, count: usize) -> Self {
        self.limits.acks = count;
        self
    }

    /// How long a client may take to acknowledge: what [`Socket::emit_with_ack`](crate::Socket::emit_with_ack) waits, and
    /// after what time answers to an event of another worker are ignored. Default 60 s.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.limits.ack_timeout = timeout;
        self
    }

    /// Builds the server and starts to listen to other workers. The first server of a process makes its manager the
    /// one that [`Manager::of_process`] returns.
    ///
    /// # Errors
    ///
    /// When the settings contradict each other, or there is no tokio runtime.
    pub fn build(self) -> Result<SocketIo, SocketIoError> {
        tokio::runtime::Handle::try_current().map_err(|_| SocketIoError::NoRuntime)?;
        if !(self.config.path.starts_with('/') && self.config.path.ends_with('/')) {
            return Err(SocketIoError::Path(self.config.path));
        }
        let mut endpoints = HashMap::new();
        for mut handlers in self.namespaces {
            handlers.check()?;
            let path = handlers.path.clone();
            let endpoint = Endpoint {
                path: path.clone(),
                handlers,
                rooms: RwLock::new(Rooms::new()),
            };
            if endpoints.insert(path.clone(), Arc::new(endpoint)).is_some() {
                return Err(SocketIoError::DuplicateNamespace(path));
            }
        }
        let server = Arc::new(Server {
            endpoints,
            manager: self.manager.unwrap_or_else(Manager::alone),
            state: self.state,
            limits: self.limits,
            max_payload: self.config.max_payload,
            ack_ids: AtomicU64::new(0),
            users: Users::default(),
            running: Running::default(),
        });
        server.manager.attach(&server)?;
        server.manager.clone().adopt();
        let engine = Engine::new(self.config, Acceptor(server.clone()));
        Ok(SocketIo { engine, server })
    }
}
