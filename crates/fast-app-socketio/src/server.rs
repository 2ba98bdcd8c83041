//! All of it together.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fast_app_engineio::{
    Config, Connection, Engine, EngineIoLayer, Fanout, Handler, Origins, Session as Transport, Sid,
    Unfinished,
};
use http::request::Parts;
use parking_lot::{Mutex, RwLock};
use tokio::task::coop::consume_budget;
use tracing::Instrument as _;

use crate::{
    bus::{Callback, HostId, Message},
    client::{Client, Receiver},
    emit::{Delivery, Emit, Recipients},
    ending::Running,
    error::{EmitError, SocketIoError},
    manager::Manager,
    meter,
    name::{MAX_ROOM_NAME, RoomName},
    namespace::Namespace,
    packet::{self, PacketLimits},
    revocation::{Log, Users},
    rooms::Rooms,
    socket::{Socket, WeakSocket},
    values::Values,
};

/// A Socket.IO server. A clone is the same server.
///
/// ```no_run
/// # use fast_app_socketio::{Namespace, SocketIo};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let socketio = SocketIo::builder().namespace(Namespace::new("/")).build()?;
/// let app: axum::Router = axum::Router::new().layer(socketio.layer());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SocketIo {
    engine: Arc<Engine>,
    server: Arc<Server>,
}

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

/// What every connection of a server shares.
pub(crate) struct Server {
    endpoints: HashMap<String, Arc<Endpoint>>,
    manager: Manager,
    state: Values,
    limits: Limits,
    max_payload: usize,
    /// Numbers of events to many whose acknowledgements are wanted.
    ack_ids: AtomicU64,
    users: Users,
    revocations: Mutex<Log>,
    running: Running,
}

/// What acknowledgements of an event are for: they go to the manager that emitted it.
#[derive(Debug)]
pub(crate) struct Answering {
    pub(crate) host: HostId,
    pub(crate) callback: Callback,
}

/// The numbers are the same for all recipients, so that one packet serves them all, and differ from those that a socket
/// gives to its own events. They fit into 31 bits, because some clients read no more.
const FIRST_ACK_ID: u64 = 1 << 30;

/// A namespace that is served: its handlers and who is in it.
pub(crate) struct Endpoint {
    pub(crate) path: String,
    pub(crate) handlers: Namespace,
    pub(crate) rooms: RwLock<Rooms<Socket>>,
}

impl Endpoint {
    pub(crate) fn occupants(&self, room: &str) -> Vec<Socket> {
        self.rooms.read().occupants(room)
    }

    pub(crate) fn members(&self) -> Vec<Socket> {
        self.rooms.read().members().cloned().collect()
    }
}

impl SocketIo {
    /// Settings with safe defaults.
    pub fn builder() -> SocketIoBuilder {
        SocketIoBuilder {
            config: Config::default(),
            limits: Limits::default(),
            manager: None,
            state: Values::default(),
            namespaces: Vec::new(),
        }
    }

    /// The server as a layer around a router.
    pub fn layer(&self) -> EngineIoLayer {
        EngineIoLayer::new(self.engine.clone())
    }

    /// The manager, through which any code emits.
    pub fn manager(&self) -> &Manager {
        &self.server.manager
    }

    /// The transport under this server, for [`serve`](fn@fast_app_engineio::serve).
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Emits an event here and on every other worker.
    ///
    /// # Errors
    ///
    /// As [`Manager::emit`].
    pub async fn emit(&self, emit: Emit) -> Result<Delivery, EmitError> {
        self.server.manager.emit(emit).await
    }

    /// The sockets of this process that are in a room, or have this sid.
    pub fn occupants(&self, namespace: &str, room: &str) -> Vec<Socket> {
        let endpoint = self.server.endpoints.get(namespace);
        endpoint.map_or(Vec::new(), |endpoint| endpoint.occupants(room))
    }

    /// Tells the recorder of the facade `metrics` what there is now: sessions and bytes that wait for them; sockets, rooms
    /// and memberships; whether the bus is heard. Counters need no telling.
    ///
    /// Call it before the metrics are read. The route of `fast_app::operations` does; with an exporter that pushes, a timer
    /// of the application must, as often as it pushes. It looks at every session. Of several servers in one process the
    /// gauges show the one that was asked last.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn example(socketio: fast_app_socketio::SocketIo) {
    /// tokio::spawn(async move {
    ///     let mut every = tokio::time::interval(Duration::from_secs(10));
    ///     loop {
    ///         every.tick().await;
    ///         socketio.record_metrics();
    ///     }
    /// });
    /// # }
    /// ```
    pub fn record_metrics(&self) {
        meter::describe();
        self.engine.record_metrics();
        for endpoint in self.server.endpoints.values() {
            let population = endpoint.rooms.read().population();
            meter::population(&endpoint.path, &population);
        }
        meter::bus_listening(self.server.manager.is_listening());
    }
}

impl fmt::Debug for SocketIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketIo")
            .field("namespaces", &self.server.endpoints.keys())
            .finish_non_exhaustive()
    }
}

impl SocketIoBuilder {
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

    /// Time between two pings (default 25 s) and how long a client may take to answer (default 20 s).
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
            revocations: Mutex::default(),
            running: Running::default(),
        });
        server.manager.attach(&server)?;
        server.manager.clone().adopt();
        let engine = Engine::new(self.config, Acceptor(server.clone()));
        Ok(SocketIo { engine, server })
    }
}

/// The server as the transport sees it.
struct Acceptor(Arc<Server>);

impl Handler for Acceptor {
    fn open(&self, session: &Arc<Transport>, _request: &Parts) -> Box<dyn Connection> {
        Box::new(Receiver(Client::new(self.0.clone(), session)))
    }

    fn ended(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.ended())
    }

    fn unfinished(&self) -> Unfinished {
        self.0.unfinished()
    }
}

impl Server {
    pub(crate) fn endpoint(&self, namespace: &str) -> Option<Arc<Endpoint>> {
        self.endpoints.get(namespace).cloned()
    }

    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.values().map(Arc::as_ref)
    }

    pub(crate) fn manager(&self) -> &Manager {
        &self.manager
    }

    pub(crate) fn users(&self) -> &Users {
        &self.users
    }

    pub(crate) fn revocations(&self) -> &Mutex<Log> {
        &self.revocations
    }

    pub(crate) fn state(&self) -> &Values {
        &self.state
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn max_payload(&self) -> usize {
        self.max_payload
    }

    pub(crate) fn running(&self) -> &Running {
        &self.running
    }

    /// Sends an event to the recipients in this process and returns how many there were.
    pub(crate) async fn deliver(&self, emit: &Emit) -> usize {
        let Some(endpoint) = self.endpoints.get(&emit.namespace) else {
            return 0;
        };
        if !endpoint.rooms.read().is_anybody(&emit.to) {
            // Whoever emits to nobody in a loop must not keep the thread either.
            consume_budget().await;
            return 0;
        }
        let frames = packet::encode_event(&emit.namespace, None, &emit.event, &emit.payload);
        let mut fanout = Fanout::new(&frames);
        if emit.volatile {
            fanout = fanout.volatile();
        }
        endpoint
            .rooms
            .read()
            .visit(&emit.to, &emit.except, |socket| {
                fanout.push(socket.transport())
            });
        meter::delivered(fanout.delivered(), fanout.skipped());
        let delivered = fanout.finish().await;
        tracing::debug!(clients = delivered, "delivered");
        delivered
    }

    /// The same for an event whose acknowledgements are wanted. A socket for which too many wait already gets the event
    /// without a number.
    async fn deliver_with_acks(&self, emit: &Emit, answering: Answering) -> usize {
        let Some(endpoint) = self.endpoints.get(&emit.namespace) else {
            return 0;
        };
        let mut sockets = Vec::new();
        endpoint
            .rooms
            .read()
            .visit(&emit.to, &emit.except, |socket| {
                sockets.push(socket.clone())
            });
        if sockets.is_empty() {
            return 0;
        }
        let id = FIRST_ACK_ID + self.ack_ids.fetch_add(1, Ordering::Relaxed) % FIRST_ACK_ID;
        let answering = Arc::new(answering);
        let (asked, rest): (Vec<_>, Vec<_>) = sockets
            .into_iter()
            .partition(|socket| socket.expect_answer(id, &answering));
        forget_answers(&asked, id, self.limits.ack_timeout);
        let mut delivered = 0;
        for (id, sockets) in [(Some(id), asked), (None, rest)] {
            let frames = packet::encode_event(&emit.namespace, id, &emit.event, &emit.payload);
            let mut fanout = Fanout::new(&frames);
            if emit.volatile {
                fanout = fanout.volatile();
            }
            sockets
                .iter()
                .for_each(|socket| fanout.push(socket.transport()));
            meter::delivered(fanout.delivered(), fanout.skipped());
            delivered += fanout.finish().await;
        }
        delivered
    }

    fn with_socket(&self, namespace: &str, sid: &str, action: impl FnOnce(&Socket)) {
        let socket = Sid::parse(sid).and_then(|sid| {
            self.endpoints
                .get(namespace)?
                .rooms
                .read()
                .get(&sid)
                .cloned()
        });
        if let Some(socket) = socket {
            action(&socket);
        }
    }

    /// Does here what was asked for, wherever it was asked.
    pub(crate) async fn apply(&self, host: &HostId, message: &Message) -> usize {
        match message {
            Message::Emit { emit, callback } => {
                let Some(callback) = callback.clone() else {
                    return self.deliver(emit).await;
                };
                let host = host.clone();
                let answering = Answering { host, callback };
                return self.deliver_with_acks(emit, answering).await;
            }
            Message::Callback { .. } | Message::Revoked { .. } | Message::Missed { .. } => {}
            Message::Revoke { revocation, id, .. } => return self.revoke(host, *id, revocation),
            Message::Disconnect { sid, namespace } => {
                self.with_socket(namespace, sid, Socket::disconnect)
            }
            Message::EnterRoom {
                sid,
                room,
                namespace,
            } => self.with_socket(namespace, sid, |socket| {
                if let Err(error) = socket.enter_room(room) {
                    meter::message_dropped("refused");
                    // Not the name: it may be a sid.
                    tracing::warn!(%error, namespace, "a worker's request to enter a room was refused");
                }
            }),
            Message::LeaveRoom {
                sid,
                room,
                namespace,
            } => self.with_socket(namespace, sid, |socket| {
                if socket.leave_room(room) {
                    forget_room(socket.clone(), room);
                }
            }),
            Message::CloseRoom { room, namespace } => {
                if let (Some(endpoint), Ok(name)) =
                    (self.endpoints.get(namespace), RoomName::new(room.as_str()))
                {
                    let occupants = endpoint.rooms.write().close(&name);
                    occupants
                        .into_iter()
                        .for_each(|socket| forget_room(socket, room));
                }
            }
        }
        0
    }
}

/// Stops waiting for answers after a time.
fn forget_answers(sockets: &[Socket], id: u64, timeout: Duration) {
    let sockets: Vec<WeakSocket> = sockets.iter().map(Socket::downgrade).collect();
    tokio::spawn(async move {
        tokio::time::sleep(timeout).await;
        for socket in sockets.iter().filter_map(WeakSocket::upgrade) {
            socket.forget_ack(id);
        }
    });
}

/// Runs what was to happen when a socket leaves a room, which it has.
pub(crate) fn forget_room(socket: Socket, room: &str) {
    if let Ok(room) = RoomName::new(room) {
        let span = socket.transport().span();
        let leaving = socket.clone();
        let left = async move { leaving.left(&room).await };
        socket.running().spawn(left.instrument(span));
    }
}

impl Recipients {
    /// Whether this is nobody, whoever is there.
    pub(crate) fn is_nobody(&self) -> bool {
        matches!(self, Self::Rooms(rooms) if rooms.is_empty())
    }
}
