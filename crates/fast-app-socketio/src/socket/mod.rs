//! One client in one namespace.
//!
//! ```text
//!  CONNECT ─► Connecting ──on_connect: ok──► Connected ──41, close, disconnect()──► Closed
//!                 └──────on_connect: refused─────────────────────────────────────────┘
//! ```

mod acks;
mod broadcast;
mod entry;
mod work;

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    iter, mem,
    pin::Pin,
    sync::{Arc, Weak},
};

pub use broadcast::Broadcast;
pub use entry::Entry;
use fast_app_engineio::{CloseReason, Fanout, Frame, Session as Transport, Sid};
use parking_lot::Mutex;
use serde::Serialize;

use self::{acks::Acks, work::Work};
use crate::{
    client::Client,
    error::{ConnectionRefused, SocketError},
    extract::Auth,
    manager::Manager,
    meter::{self, Handler},
    name::{InvalidRoomName, RoomName, is_reserved_event},
    packet,
    payload::Payload,
    reason::DisconnectReason,
    revocation::{Notice, Position},
    server::{Endpoint, forget_room},
    session::Session,
    values::Values,
};

/// A client in a namespace. A clone is the same socket.
#[derive(Clone)]
pub struct Socket(Arc<Shared>);

struct Shared {
    sid: Sid,
    endpoint: Arc<Endpoint>,
    transport: Arc<Transport>,
    client: Arc<Client>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// What has come and not been handled.
    work: VecDeque<Work>,
    /// A task is handling it.
    working: bool,
    hooks: Vec<(RoomName, LeaveHook)>,
    acks: Option<Box<Acks>>,
    values: Values,
}

pub(crate) enum Phase {
    /// What is sent and entered now takes effect with the confirmation.
    Connecting {
        held: Vec<Frame>,
        rooms: Vec<RoomName>,
    },
    Connected,
    Closed(DisconnectReason),
}

/// What is to happen when a socket leaves a room.
pub(crate) type LeaveHook = Box<
    dyn FnOnce(Socket, Option<DisconnectReason>) -> Pin<Box<dyn Future<Output = ()> + Send>>
        + Send
        + Sync,
>;

impl Socket {
    pub(crate) fn new(
        endpoint: Arc<Endpoint>,
        transport: Arc<Transport>,
        client: Arc<Client>,
    ) -> Self {
        let state = State {
            phase: Phase::Connecting {
                held: Vec::new(),
                rooms: Vec::new(),
            },
            work: VecDeque::new(),
            working: false,
            hooks: Vec::new(),
            acks: None,
            values: Values::default(),
        };
        Self(Arc::new(Shared {
            sid: Sid::random(),
            endpoint,
            transport,
            client,
            state: Mutex::new(state),
        }))
    }

    /// The socket's id, which is not that of the connection and differs between namespaces.
    pub fn sid(&self) -> Sid {
        self.0.sid
    }

    /// The path of the namespace.
    pub fn namespace(&self) -> &str {
        &self.0.endpoint.path
    }

    /// What is known of the connection, in every namespace of it.
    pub fn session(&self) -> Session {
        Session::new(self.0.client.clone())
    }

    /// Whether the client is connected to the namespace.
    pub fn is_connected(&self) -> bool {
        matches!(self.0.state.lock().phase, Phase::Connected)
    }

    /// Sends an event to this client. It arrives in order, or the connection ends.
    ///
    /// # Errors
    ///
    /// [`SocketError::Disconnected`] when the client has gone, [`SocketError::Payload`] when the value is no JSON,
    /// [`SocketError::ReservedEvent`] when no packet may carry the name.
    pub fn emit(&self, event: &str, value: &(impl Serialize + ?Sized)) -> Result<(), SocketError> {
        self.emit_payload(event, &Payload::new(value)?)
    }

    /// Sends an event with a ready payload, such as several arguments.
    ///
    /// # Errors
    ///
    /// As [`Socket::emit`].
    pub fn emit_payload(&self, event: &str, payload: &Payload) -> Result<(), SocketError> {
        check_event(event)?;
        self.send(&packet::encode_event(
            self.namespace(),
            None,
            event,
            payload,
        ))
    }

    /// Sends an event if the client has taken what was sent to it before; whether it was sent.
    ///
    /// # Errors
    ///
    /// As [`Socket::emit`].
    pub fn emit_volatile(
        &self,
        event: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<bool, SocketError> {
        if !self.0.transport.is_ready() {
            return Ok(false);
        }
        self.emit(event, value).map(|()| true)
    }

    /// Enters a room; whether the socket was not in it before. Whoever is in a room gets what is sent to it; nothing
    /// else follows from it.
    ///
    /// Put something of your own before a name that a client chose. This process keeps its sockets' sids out of the names;
    /// a socket of another worker also has a sid, 20 characters of `A-Za-z0-9-_`, and on the bus both are one text.
    ///
    /// # Errors
    ///
    /// When the name is no room name or some socket's sid, the socket is in too many rooms, or it has gone.
    pub fn enter_room(&self, room: &str) -> Result<bool, SocketError> {
        self.enter(room, None, &[], None)
    }

    /// Enters a room, unless access to it was revoked since a position of the log. These frames come before anything that
    /// is sent to the room; the hook is for this membership.
    fn enter(
        &self,
        room: &str,
        since: Option<Position>,
        first: &[Frame],
        hook: Option<LeaveHook>,
    ) -> Result<bool, SocketError> {
        let mut fanout = Fanout::new(first);
        let room = RoomName::new(room)?;
        let limits = self.0.client.server().limits();
        if room.as_str().len() > limits.room_name {
            return Err(InvalidRoomName::TooLong(room.as_str().len()).into());
        }
        let mut state = self.0.state.lock();
        let mut rooms = self.0.endpoint.rooms.write();
        if Sid::parse(room.as_str())
            .is_some_and(|sid| sid == self.0.sid || rooms.get(&sid).is_some())
        {
            return Err(SocketError::SidAsRoom);
        }
        let entered = match &state.phase {
            Phase::Connecting { rooms, .. } => rooms,
            Phase::Connected => rooms.rooms_of(&self.0.sid),
            Phase::Closed(_) => return Err(SocketError::Disconnected),
        };
        if since.is_some_and(|since| self.is_revoked(since, Some(&room))) {
            return Err(SocketError::Revoked);
        }
        let is_new = !entered.contains(&room);
        if is_new && entered.len() >= limits.rooms {
            return Err(SocketError::TooManyRooms);
        }
        if is_new && let Some(hook) = hook {
            state.hooks.reserve_exact(1);
            state.hooks.push((room.clone(), hook));
        }
        match &mut state.phase {
            Phase::Connecting { rooms, held } => {
                held.extend_from_slice(first);
                rooms.extend(is_new.then_some(room));
            }
            _ => {
                if !first.is_empty() {
                    fanout.push(&self.0.transport);
                }
                rooms.enter(&self.0.sid, room);
            }
        }
        Ok(is_new)
    }

    /// Leaves a room; whether the socket was in it.
    pub fn leave_room(&self, room: &str) -> bool {
        let Ok(room) = RoomName::new(room) else {
            return false;
        };
        let mut state = self.0.state.lock();
        match &mut state.phase {
            Phase::Closed(_) => false,
            Phase::Connecting { rooms, .. } => {
                let before = rooms.len();
                rooms.retain(|name| *name != room);
                rooms.len() < before
            }
            Phase::Connected => self.0.endpoint.rooms.write().leave(&self.0.sid, &room),
        }
    }

    /// The rooms the socket is in; in `on_connect`, those it is going to be in.
    pub fn rooms(&self) -> Vec<RoomName> {
        let state = self.0.state.lock();
        match &state.phase {
            Phase::Connecting { rooms, .. } => rooms.clone(),
            _ => self.0.endpoint.rooms.read().rooms_of(&self.0.sid).to_vec(),
        }
    }

    /// The sockets of this process that are in a room of this namespace, or have this sid.
    pub fn occupants(&self, room: &str) -> Vec<Socket> {
        self.0.endpoint.occupants(room)
    }

    /// The manager of the server, which also closes rooms and reaches other namespaces.
    pub fn manager(&self) -> &Manager {
        self.0.client.server().manager()
    }

    /// Disconnects the client from the namespace; its connection stays.
    ///
    /// In `on_connect` the client is connected first, gets what was emitted to it, and then is disconnected; return an
    /// error there to refuse it instead.
    pub fn disconnect(&self) {
        let mut frames = match self.close(DisconnectReason::Server) {
            Phase::Connecting { held, .. } => self.greeting(held),
            Phase::Connected => Vec::new(),
            Phase::Closed(_) => return,
        };
        frames.push(packet::encode_disconnect(self.namespace()));
        // First: on hearing it the client may connect again.
        self.0.client.remove(self);
        self.0.transport.send(&frames);
    }

    /// Ends the client's connection, with all its namespaces.
    pub fn disconnect_client(&self) {
        self.0.transport.close(CloseReason::Server);
    }

    /// Keeps a value for this namespace alone, in place of an earlier one of its type. What belongs to the client in
    /// every namespace goes into its [`Socket::session`].
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) {
        let earlier = self.0.state.lock().values.insert(value);
        drop(earlier);
    }

    /// The value of this type that was kept for this namespace.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.state.lock().values.get()
    }

    /// Lets `hook` run when the socket leaves `room`, also by disconnecting; the reason is `None` when it just leaves.
    /// One hook a room: a second one is ignored.
    pub fn on_leave<F>(
        &self,
        room: RoomName,
        hook: impl FnOnce(Socket, Option<DisconnectReason>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut state = self.0.state.lock();
        if !state.hooks.iter().any(|(name, _)| *name == room) {
            state.hooks.reserve_exact(1);
            state.hooks.push((room, leave_hook(hook)));
        }
    }

    /// Runs what [`Socket::on_leave`] registered for `room`.
    pub async fn left(&self, room: &RoomName) {
        let hook = {
            let mut state = self.0.state.lock();
            let index = state.hooks.iter().position(|(name, _)| name == room);
            // The oldest: the socket may have entered the room again by now, with another.
            index.map(|index| state.hooks.remove(index).1)
        };
        if let Some(hook) = hook {
            self.guard(Handler::Leave, hook(self.clone(), None)).await;
        }
    }

    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.0.client
    }

    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.0.transport
    }

    pub(crate) fn send(&self, frames: &[Frame]) -> Result<(), SocketError> {
        {
            let mut state = self.0.state.lock();
            match &mut state.phase {
                Phase::Connecting { held, .. } => {
                    held.extend_from_slice(frames);
                    return Ok(());
                }
                Phase::Connected => {}
                Phase::Closed(_) => return Err(SocketError::Disconnected),
            }
        }
        if self.0.transport.send(frames) {
            Ok(())
        } else {
            Err(SocketError::Disconnected)
        }
    }

    /// Asks the application whether the client may connect, and tells the client.
    pub(crate) async fn connect(self, auth: Auth) {
        let since = self.0.client.server().revocations().lock().position();
        let allowed = match &self.0.endpoint.handlers.connect {
            None => Ok(()),
            Some(handler) => self
                .guard(Handler::Connect, handler(self.clone(), auth))
                .await
                .unwrap_or_else(|| Err(ConnectionRefused::new("Internal server error"))),
        };
        match allowed {
            Ok(()) => {
                if let Err(reason) = self.accept(since) {
                    if reason == DisconnectReason::Revoked {
                        self.refuse(&ConnectionRefused::new("Access revoked"));
                        // With its other namespaces: whose it is may not have been known when the revocation looked for it.
                        self.0.client.end(CloseReason::Revoked);
                    }
                    self.disconnected(reason).await;
                }
            }
            Err(refused) => {
                self.refuse(&refused);
                if self.is_revoked(since, None) {
                    self.0.client.end(CloseReason::Revoked);
                }
            }
        }
    }

    /// Tells the client that it may not connect, unless it has gone meanwhile: it may be connecting again by now.
    fn refuse(&self, refused: &ConnectionRefused) {
        if matches!(
            self.close(DisconnectReason::Server),
            Phase::Connecting { .. }
        ) {
            meter::connect_refused("on_connect");
            self.0.client.remove(self);
            self.0
                .transport
                .send(&[packet::encode_refused(self.namespace(), refused)]);
        }
        // They belong to rooms that it was never in.
        let hooks = mem::take(&mut self.0.state.lock().hooks);
        drop(hooks);
    }

    /// Confirms the connection: first the packet, then what was held back, then the rooms. Those that were revoked since
    /// this position of the log are left at once, and the client is told. Fails when it has gone meanwhile, or its access to
    /// the server was revoked since then.
    fn accept(&self, since: Position) -> Result<(), DisconnectReason> {
        let mut state = self.0.state.lock();
        let mut rooms = self.0.endpoint.rooms.write();
        let (held, entered) = match &mut state.phase {
            Phase::Connecting { .. } if self.is_revoked(since, None) => {
                return Err(DisconnectReason::Revoked);
            }
            Phase::Connecting { held, rooms } => (mem::take(held), mem::take(rooms)),
            Phase::Connected => return Ok(()),
            Phase::Closed(reason) => return Err(*reason),
        };
        state.phase = Phase::Connected;
        let (revoked, entered): (Vec<_>, Vec<_>) = entered
            .into_iter()
            .partition(|room| self.is_revoked(since, Some(room)));
        let mut frames = self.greeting(held);
        for room in &revoked {
            let notice = Notice::out_of(room.as_str()).payload();
            frames.extend(packet::encode_event(
                self.namespace(),
                None,
                "error",
                &notice,
            ));
        }
        let mut fanout = Fanout::new(&frames);
        fanout.push(&self.0.transport);
        rooms.insert(self.0.sid, self.clone());
        entered
            .into_iter()
            .for_each(|room| rooms.enter(&self.0.sid, room));
        drop((rooms, state));
        self.0.client.joined();
        // As far as the application knows it has entered them.
        for room in &revoked {
            forget_room(self.clone(), room.as_str());
        }
        Ok(())
    }

    /// Whether access to the server or to a room was revoked since then. It is asked under the lock of the rooms: a
    /// revocation writes into the log first and then looks who is in them, so it is seen here or sees this socket there.
    fn is_revoked(&self, since: Position, room: Option<&RoomName>) -> bool {
        let log = self.0.client.server().revocations().lock();
        let room = room.map(|room| (self.namespace(), room));
        log.revoked_since(since, room, |who| self.0.client.is(who))
    }

    /// The confirmation, and behind it what was sent while the socket was connecting.
    fn greeting(&self, held: Vec<Frame>) -> Vec<Frame> {
        let confirmation = packet::encode_connected(self.namespace(), self.0.sid.as_str());
        iter::once(confirmation).chain(held).collect()
    }

    /// The client has left the namespace, or was made to. Only the first call counts; returns what was before it.
    pub(crate) fn close(&self, reason: DisconnectReason) -> Phase {
        let mut state = self.0.state.lock();
        if let Phase::Closed(first) = state.phase {
            return Phase::Closed(first);
        }
        let before = mem::replace(&mut state.phase, Phase::Closed(reason));
        state.acks = None;
        self.0.endpoint.rooms.write().remove(&self.0.sid);
        // While it is connecting, the task that does it will see.
        if let Phase::Connected = before {
            self.enqueue(&mut state, Work::Disconnected(reason));
        }
        before
    }

    pub(crate) fn downgrade(&self) -> WeakSocket {
        WeakSocket(Arc::downgrade(&self.0))
    }
}

/// A socket that may be gone.
pub(crate) struct WeakSocket(Weak<Shared>);

impl WeakSocket {
    pub(crate) fn upgrade(&self) -> Option<Socket> {
        self.0.upgrade().map(Socket)
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("sid", &self.0.sid)
            .field("namespace", &self.namespace())
            .finish()
    }
}

fn leave_hook<F>(
    hook: impl FnOnce(Socket, Option<DisconnectReason>) -> F + Send + Sync + 'static,
) -> LeaveHook
where
    F: Future<Output = ()> + Send + 'static,
{
    // Called inside of the future, so that a panic of either is caught.
    Box::new(move |socket, reason| Box::pin(async move { hook(socket, reason).await }))
}

/// The clients' libraries take an event of such a name for their own, or close the connection over it.
fn check_event(name: &str) -> Result<(), SocketError> {
    match is_reserved_event(name) {
        true => Err(SocketError::ReservedEvent(name.to_owned())),
        false => Ok(()),
    }
}
