//! One connection and the sockets on it.

use std::{
    mem,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use fast_app_engineio::{CloseReason, Connection, Message, Session as Transport};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use crate::{
    error::ConnectionRefused,
    extract::{Args, Auth},
    packet::{self, Packet, PacketError, Partial},
    server::Server,
    socket::Socket,
    values::Values,
};

/// A connection.
pub(crate) struct Client {
    server: Arc<Server>,
    transport: Weak<Transport>,
    values: Mutex<Values>,
    /// Connects, events and disconnects that the application has not handled yet.
    backlog: AtomicUsize,
    /// Whoever waits for the backlog to shrink.
    reader: AtomicWaker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sockets: Vec<Socket>,
    /// A packet whose attachments have not all come, and when it came.
    partial: Option<(Partial, Instant)>,
    /// An alarm will look at `partial`.
    watched: bool,
    progress: Progress,
}

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
        transport.alarm(server.limits().connect_timeout);
        Arc::new(Self {
            server,
            transport: Arc::downgrade(transport),
            values: Mutex::default(),
            backlog: AtomicUsize::new(0),
            reader: AtomicWaker::new(),
            state: Mutex::default(),
        })
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    pub(crate) fn values(&self) -> &Mutex<Values> {
        &self.values
    }

    /// Something is to be handled by the application; [`Client::handled`] ends it.
    pub(crate) fn queued(&self) {
        self.backlog.fetch_add(1, Ordering::AcqRel);
    }

    /// What was queued has been handled.
    pub(crate) fn handled(&self) {
        self.backlog.fetch_sub(1, Ordering::AcqRel);
        self.reader.wake();
    }

    /// A socket is no longer on this connection.
    pub(crate) fn remove(&self, socket: &Socket) {
        self.state.lock().sockets.retain(|other| other != socket);
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
                    self.remove(&socket);
                    socket.close(crate::DisconnectReason::Client);
                }
            }
            Packet::Event { id, event, .. } => {
                if let Some(socket) = socket {
                    socket.receive(id, event);
                }
            }
            Packet::Ack {
                id,
                args,
                attachments,
                ..
            } => {
                if let Some(socket) = socket {
                    socket.receive_ack(id, Args::of_ack(args, attachments));
                }
            }
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
        if !mem::replace(&mut state.watched, true)
            && let Some(transport) = self.transport.upgrade()
        {
            transport.alarm(delay);
        }
    }

    fn socket(&self, namespace: &str) -> Option<Socket> {
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
        let refuse = |message: &str| {
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
                refuse("Already connected");
            }
            _ if full => {
                drop(state);
                refuse("Too many namespaces");
            }
            None => {
                drop(state);
                refuse("Invalid namespace");
            }
            Some(endpoint) => {
                let socket = Socket::new(endpoint, transport.clone(), self.clone());
                state.sockets.reserve_exact(1);
                state.sockets.push(socket.clone());
                drop(state);
                let client = self.clone();
                self.queued();
                tokio::spawn(async move {
                    socket.connect(Auth::new(auth)).await;
                    client.handled();
                });
            }
        }
    }
}

/// The client as the transport sees it.
pub(crate) struct Receiver(pub(crate) Arc<Client>);

impl Connection for Receiver {
    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let client = &self.0;
        let limit = client.server.limits().backlog;
        if client.backlog.load(Ordering::Acquire) < limit {
            return Poll::Ready(());
        }
        client.reader.register(cx.waker());
        match client.backlog.load(Ordering::Acquire) < limit {
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
            let waited = state.partial.as_ref().map(|(_, since)| since.elapsed());
            state.watched = false;
            if let Some(rest) = waited.and_then(|waited| limit.checked_sub(waited)) {
                self.0.watch(&mut state, rest);
            }
            let joined = state.progress == Progress::Joined;
            if !joined
                && !state.sockets.is_empty()
                && let Some(transport) = self.0.transport.upgrade()
            {
                // It is being decided about: look again, in case it is refused.
                transport.alarm(self.0.server.limits().connect_timeout);
            }
            let stranger = state.sockets.is_empty() && !joined;
            stranger || waited.is_some_and(|waited| waited > limit)
        };
        if late && let Some(transport) = self.0.transport.upgrade() {
            transport.close(CloseReason::ProtocolError);
        }
    }

    fn closed(&self, reason: CloseReason) {
        let sockets = {
            let mut state = self.0.state.lock();
            state.partial = None;
            mem::take(&mut state.sockets)
        };
        for socket in sockets {
            socket.close(reason.into());
        }
    }
}
