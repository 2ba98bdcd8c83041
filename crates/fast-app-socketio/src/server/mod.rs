//! All of it together.

mod builder;

use std::{
    collections::{HashMap, HashSet},
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
    Connection, Engine, EngineIoLayer, Fanout, Handler, Session as Transport, Sid, Unfinished,
};
use http::request::Parts;
use parking_lot::{Mutex, RwLock};
use tokio::task::coop::consume_budget;
use tracing::Instrument as _;

pub(crate) use self::builder::Limits;
pub use self::builder::SocketIoBuilder;
use crate::{
    bus::{Callback, HostId, Message},
    client::{Client, Receiver},
    emit::{Delivery, Emit, Recipients},
    ending::Running,
    error::EmitError,
    manager::Manager,
    meter,
    name::RoomName,
    namespace::Namespace,
    packet,
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
        SocketIoBuilder::new()
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
        &self.manager.shared().revocations
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
    ///
    /// Asking takes the lock of a socket, which comes before that of the rooms: who is to be asked is decided first, and
    /// whoever has left meanwhile gets nothing.
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
        let frames = [Some(id), None]
            .map(|id| packet::encode_event(&emit.namespace, id, &emit.event, &emit.payload));
        let [mut asking, mut telling] = frames.each_ref().map(|frames| match emit.volatile {
            true => Fanout::new(frames).volatile(),
            false => Fanout::new(frames),
        });
        let sids = |sockets: Vec<Socket>| sockets.iter().map(Socket::sid).collect();
        let (asked, rest): (HashSet<Sid>, HashSet<Sid>) = (sids(asked), sids(rest));
        endpoint
            .rooms
            .read()
            .visit(&emit.to, &emit.except, |socket| {
                if asked.contains(&socket.sid()) {
                    asking.push(socket.transport());
                } else if rest.contains(&socket.sid()) {
                    telling.push(socket.transport());
                }
            });
        for fanout in [&asking, &telling] {
            meter::delivered(fanout.delivered(), fanout.skipped());
        }
        asking.finish().await + telling.finish().await
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
            // Managers do it, with a server or without one.
            Message::Revoke { .. } => {}
            Message::Callback { .. } | Message::Revoked { .. } | Message::Missed { .. } => {}
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
    if sockets.is_empty() {
        return;
    }
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
