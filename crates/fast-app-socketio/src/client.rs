//! One connection and the sockets on it.

use std::{
    mem,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant, SystemTime},
};

use fast_app_engineio::{CloseReason, Connection, Message, Session as Transport, Sid};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use tracing::Instrument as _;

use crate::{
    error::{AnotherUser, ConnectionRefused},
    extract::{Args, Auth},
    meter,
    packet::{self, Packet, PacketError, Partial},
    revocation::{Identity, Notice, Who},
    server::Server,
    socket::{Phase, Socket},
    values::Values,
};

/// A connection.
pub(crate) struct Client {
    server: Arc<Server>,
    transport: Weak<Transport>,
    since: Instant,
    values: Mutex<Values>,
    identity: Mutex<Identity>,
    /// Connects, events and disconnects that the application has not handled yet.
    backlog: AtomicUsize,
    /// The bytes of what came with them.
    backlog_bytes: AtomicUsize,
    /// Whoever waits for the backlog to shrink.
    reader: AtomicWaker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sockets: Vec<Socket>,
    /// Sids of sockets that have gone, those that a revocation has named.
    named: Vec<Sid>,
    /// A packet whose attachments have not all come, and when it came.
    partial: Option<(Partial, Instant)>,
    /// An alarm will look at `partial`.
    watched: bool,
    expiry: Expiry,
    progress: Progress,
}

/// How long the client has access.
#[derive(Default)]
struct Expiry {
    /// By the clock that people set, which tokens are about.
    ends: Option<SystemTime>,
    /// When an alarm will look at it.
    looked_at: Option<Instant>,
}

/// How often it is looked at whether access has ended before it does: the clock may be set, and alarms stand still while the
/// machine sleeps.
const EXPIRY_LOOK: Duration = Duration::from_secs(30);
/// How often it is looked at whether a client has connected: what an alarm keeps of a session that has ended is little, but
/// handshakes may be many.
const CONNECT_LOOK: Duration = Duration::from_secs(2);
/// How much too early an alarm may be.
const EARLY: Duration = Duration::from_millis(250);

/// How far a client has come.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    #[default]
    Silent,
    /// It has tried to connect to a namespace.
    Asked,
    /// It has been connected to one.
    Joined,
}

impl Client {
    pub(crate) fn new(server: Arc<Server>, transport: &Arc<Transport>) -> Arc<Self> {
        transport.alarm(server.limits().connect_timeout.min(CONNECT_LOOK));
        Arc::new(Self {
            server,
            transport: Arc::downgrade(transport),
            since: Instant::now(),
            values: Mutex::default(),
            identity: Mutex::default(),
            backlog: AtomicUsize::new(0),
            backlog_bytes: AtomicUsize::new(0),
            reader: AtomicWaker::new(),
            state: Mutex::default(),
        })
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// When it came.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    pub(crate) fn values(&self) -> &Mutex<Values> {
        &self.values
    }

    /// Whether this is the user, or one of the sockets is the session, or was when its access was revoked.
    pub(crate) fn is(&self, who: &Who) -> bool {
        match who {
            Who::Everybody => true,
            Who::User(user) => self.user().is_some_and(|own| *own == **user),
            Who::Session(sid) => {
                let state = self.state.lock();
                let sockets = state.sockets.iter().map(Socket::sid);
                let mut sids = sockets.chain(state.named.iter().copied());
                sids.any(|own| own.as_str() == sid)
            }
        }
    }

    pub(crate) fn user(&self) -> Option<Arc<str>> {
        self.identity.lock().user().cloned()
    }

    pub(crate) fn set_user(self: &Arc<Self>, user: Arc<str>) -> Result<(), AnotherUser> {
        let users = self.server.users();
        self.identity.lock().set(user, self, users)
    }

    /// Lets access end at this time, or never.
    pub(crate) fn set_expiry(&self, at: Option<SystemTime>) {
        let mut state = self.state.lock();
        state.expiry.ends = at;
        self.watch_expiry(&mut state.expiry);
    }

    /// Sees to it that an alarm comes when access ends, or before that.
    fn watch_expiry(&self, expiry: &mut Expiry) {
        let Some(ends) = expiry.ends else { return };
        let left = ends.duration_since(SystemTime::now()).unwrap_or_default();
        let delay = left.min(EXPIRY_LOOK);
        let look = Instant::now() + delay;
        if expiry.looked_at.is_none_or(|at| look < at) {
            expiry.looked_at = Some(look);
            self.look_after(delay);
        }
    }

    /// Whether the client has had its time to connect to a namespace, and is in none. Until it is in one an alarm looks
    /// again.
    fn is_stranger(&self, state: &State) -> bool {
        if state.progress == Progress::Joined {
            return false;
        }
        let limit = self.server.limits().connect_timeout;
        let rest = limit.saturating_sub(self.since.elapsed());
        if state.sockets.is_empty() && rest <= EARLY {
            return true;
        }
        // While it is being decided about, it may yet be refused.
        let rest = if rest > EARLY { rest } else { limit };
        self.look_after(rest.min(CONNECT_LOOK));
        false
    }

    fn look_after(&self, delay: Duration) {
        if let Some(transport) = self.transport.upgrade() {
            transport.alarm(delay);
        }
    }

    /// Whether access has ended.
    fn is_expired(&self, expiry: &mut Expiry) -> bool {
        let now = Instant::now();
        if expiry.looked_at.is_some_and(|at| at <= now + EARLY) {
            expiry.looked_at = None;
        }
        if expiry.ends.is_some_and(|ends| ends <= SystemTime::now()) {
            return true;
        }
        self.watch_expiry(expiry);
        false
    }

    /// Tells every namespace that the client has lost access, and ends the connection; how many there were.
    pub(crate) fn end(&self, reason: CloseReason) -> usize {
        let sockets = mem::take(&mut self.state.lock().sockets);
        let notice = Notice {
            kind: reason.as_str(),
            room: None,
        };
        let payload = notice.payload();
        let mut frames = Vec::new();
        for socket in &sockets {
            if let Phase::Connected = socket.close(reason.into()) {
                let namespace = socket.namespace();
                let notice = packet::encode_event(namespace, None, "error", &payload);
                frames.extend(notice);
                frames.push(packet::encode_disconnect(namespace));
            }
        }
        if let Some(transport) = self.transport.upgrade() {
            transport.send(&frames);
            transport.close(reason);
            transport.flush();
        }
        sockets.len()
    }

    /// Something of so many bytes is to be handled by the application; [`Client::handled`] ends it.
    pub(crate) fn queued(&self, bytes: usize) {
        self.backlog_bytes.fetch_add(bytes, Ordering::AcqRel);
        self.backlog.fetch_add(1, Ordering::AcqRel);
    }

    /// What was queued has been handled.
    pub(crate) fn handled(&self, bytes: usize) {
        self.backlog_bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.backlog.fetch_sub(1, Ordering::AcqRel);
        self.reader.wake();
    }

    /// Whether what waits is little enough to read on: in number, and in bytes less than one payload.
    fn takes_more(&self) -> bool {
        self.backlog.load(Ordering::Acquire) < self.server.limits().backlog
            && self.backlog_bytes.load(Ordering::Acquire) < self.server.max_payload()
    }

    /// A socket, which is closed, is no longer on this connection. A revocation that has found it there counts for what is
    /// being decided about another one.
    pub(crate) fn remove(&self, socket: &Socket) {
        let sid = socket.sid();
        let named = self.server.revocations().lock().names(sid.as_str());
        let mut state = self.state.lock();
        state.sockets.retain(|other| other != socket);
        state.named.extend(named.then_some(sid));
    }

    /// One of the client's sockets is connected.
    pub(crate) fn joined(&self) {
        self.state.lock().progress = Progress::Joined;
    }

    fn receive(self: &Arc<Self>, message: Message) -> Result<(), PacketError> {
        let partial = self.state.lock().partial.take();
        match (message, partial) {
            (Message::Text(text), None) => {
                let limits = &self.server.limits().packet;
                self.dispatch(Packet::decode(&text, limits)?, Instant::now())
            }
            (Message::Binary(bytes), Some((partial, since))) => {
                self.dispatch(partial.attach(bytes, self.server.max_payload())?, since)
            }
            (Message::Text(_), Some(_)) => Err(PacketError::MissingAttachment),
            (Message::Binary(_), None) => Err(PacketError::UnexpectedAttachment),
        }
    }

    /// Does what a packet asks for, the first part of which came at `since`.
    fn dispatch(self: &Arc<Self>, packet: Packet, since: Instant) -> Result<(), PacketError> {
        let socket = self.socket(packet.namespace());
        match packet {
            Packet::Connect { namespace, auth } => self.connect(&namespace, auth, socket.is_some()),
            Packet::Disconnect { .. } => {
                if let Some(socket) = socket {
                    socket.close(crate::DisconnectReason::Client);
                    self.remove(&socket);
                }
            }
            Packet::Event { id, event, .. } => match socket {
                Some(socket) => socket.receive(id, event),
                None => meter::event_dropped("not_connected"),
            },
            Packet::Ack {
                id,
                args,
                attachments,
                ..
            } => match socket {
                Some(socket) => socket.receive_ack(id, Args::of_ack(args, attachments)),
                None => meter::ack_dropped("unexpected"),
            },
            Packet::Partial(partial) => return self.keep(partial, since),
        }
        Ok(())
    }

    /// Waits for attachments, but not for a client that has never connected, and not for long.
    fn keep(&self, partial: Partial, since: Instant) -> Result<(), PacketError> {
        let mut state = self.state.lock();
        if state.progress == Progress::Silent {
            return Err(PacketError::Attachments);
        }
        state.partial = Some((partial, since));
        self.watch(&mut state, self.server.limits().attachment_timeout);
        Ok(())
    }

    /// Lets the alarm look at `partial` after `delay`. One alarm serves them all: a client that sends many small ones
    /// must not fill the timer.
    fn watch(&self, state: &mut State, delay: Duration) {
        if !mem::replace(&mut state.watched, true) {
            self.look_after(delay);
        }
    }

    pub(crate) fn socket(&self, namespace: &str) -> Option<Socket> {
        self.state
            .lock()
            .sockets
            .iter()
            .find(|socket| socket.namespace() == namespace)
            .cloned()
    }

    fn connect(self: &Arc<Self>, namespace: &str, auth: Option<Box<RawValue>>, connected: bool) {
        let Some(transport) = self.transport.upgrade() else {
            return;
        };
        let refuse = |reason: &'static str, message: &str| {
            meter::connect_refused(reason);
            let refused = ConnectionRefused::new(message);
            transport.send(&[packet::encode_refused(namespace, &refused)]);
        };
        let mut state = self.state.lock();
        if transport.is_closed() {
            // `closed` has been here, or waits for this lock: a socket made now would outlive its connection.
            return;
        }
        state.progress = state.progress.max(Progress::Asked);
        let full = state.sockets.len() >= self.server.limits().namespaces;
        match self.server.endpoint(namespace) {
            _ if connected => {
                drop(state);
                refuse("already_connected", "Already connected");
            }
            _ if full => {
                drop(state);
                refuse("too_many_namespaces", "Too many namespaces");
            }
            None => {
                drop(state);
                refuse("invalid_namespace", "Invalid namespace");
            }
            Some(endpoint) => {
                let socket = Socket::new(endpoint, transport.clone(), self.clone());
                state.sockets.reserve_exact(1);
                state.sockets.push(socket.clone());
                drop(state);
                let client = self.clone();
                let bytes = auth.as_ref().map_or(0, |auth| auth.get().len());
                self.queued(bytes);
                let connected = async move {
                    socket.connect(Auth::new(auth)).await;
                    client.handled(bytes);
                };
                let connected = connected.instrument(transport.span());
                self.server.running().spawn(connected);
            }
        }
    }
}

/// The client as the transport sees it.
pub(crate) struct Receiver(pub(crate) Arc<Client>);

impl Connection for Receiver {
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let client = &self.0;
        if client.takes_more() {
            return Poll::Ready(());
        }
        client.reader.register(cx.waker());
        match client.takes_more() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn message(&self, message: Message) {
        if let Err(error) = self.0.receive(message)
            && let Some(transport) = self.0.transport.upgrade()
        {
            tracing::debug!(sid = ?transport.sid(), %error, "packet refused");
            transport.close(CloseReason::ProtocolError);
        }
    }

    fn alarm(&self) {
        let limit = self.0.server.limits().attachment_timeout;
        let late = {
            let mut state = self.0.state.lock();
            if self.0.is_expired(&mut state.expiry) {
                drop(state);
                self.0.end(CloseReason::Expired);
                return;
            }
            let waited = state.partial.as_ref().map(|(_, since)| since.elapsed());
            state.watched = false;
            if let Some(rest) = waited.and_then(|waited| limit.checked_sub(waited)) {
                self.0.watch(&mut state, rest);
            }
            let stranger = self.0.is_stranger(&state);
            stranger || waited.is_some_and(|waited| waited > limit)
        };
        if late && let Some(transport) = self.0.transport.upgrade() {
            transport.close(CloseReason::ProtocolError);
        }
    }

    fn closed(&self, reason: CloseReason) {
        let users = self.0.server.users();
        self.0.identity.lock().end(&self.0, users);
        let sockets = {
            let mut state = self.0.state.lock();
            state.partial = None;
            mem::take(&mut state.sockets)
        };
        for socket in sockets {
            socket.close(reason.into());
        }
        self.0.reader.wake();
    }
}
