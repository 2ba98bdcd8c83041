//! One connection and the sockets on it.

use std::{
    mem,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use fast_app_engineio::{CloseReason, Connection, Message, Session as Transport};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use serde_json::{json, value::RawValue};

use crate::{
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
    /// Events that have come and not been handled.
    backlog: AtomicUsize,
    /// Whoever waits for the backlog to shrink.
    reader: AtomicWaker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sockets: Vec<Socket>,
    partial: Option<(Partial, Instant)>,
    /// The client has tried to connect to a namespace.
    greeted: bool,
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

    /// An event has been handled, or will not be.
    pub(crate) fn handled(&self) {
        self.backlog.fetch_sub(1, Ordering::AcqRel);
        self.reader.wake();
    }

    /// A socket is no longer on this connection.
    pub(crate) fn remove(&self, socket: &Socket) {
        self.state.lock().sockets.retain(|other| other != socket);
    }

    fn receive(self: &Arc<Self>, message: Message) -> Result<(), PacketError> {
        let partial = self.state.lock().partial.take();
        match (message, partial) {
            (Message::Text(text), None) => self.dispatch(Packet::decode(&text)?),
            (Message::Binary(bytes), Some((partial, _))) => self.attach(partial, bytes),
            (Message::Text(_), Some(_)) => Err(PacketError::MissingAttachment),
            (Message::Binary(_), None) => Err(PacketError::UnexpectedAttachment),
        }
    }

    fn attach(self: &Arc<Self>, partial: Partial, attachment: Bytes) -> Result<(), PacketError> {
        self.dispatch(partial.attach(attachment, self.server.max_payload())?)
    }

    fn dispatch(self: &Arc<Self>, packet: Packet) -> Result<(), PacketError> {
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
                // Counted first: it may be handled before this goes on.
                self.backlog.fetch_add(1, Ordering::AcqRel);
                if !socket.is_some_and(|socket| socket.receive(id, event)) {
                    self.handled();
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
            Packet::Partial(partial) => return self.keep(partial),
        }
        Ok(())
    }

    /// Waits for attachments, but not for a client that has never connected, and not for long.
    fn keep(&self, partial: Partial) -> Result<(), PacketError> {
        let mut state = self.state.lock();
        if !state.greeted {
            return Err(PacketError::Attachments);
        }
        state.partial = Some((partial, Instant::now()));
        drop(state);
        if let Some(transport) = self.transport.upgrade() {
            transport.alarm(self.server.limits().attachment_timeout);
        }
        Ok(())
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
            transport.send(&[packet::encode_refused(
                namespace,
                &json!({ "message": message }),
            )]);
        };
        let mut state = self.state.lock();
        state.greeted = true;
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
                tokio::spawn(socket.connect(Auth::new(auth)));
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
        let late = {
            let state = self.0.state.lock();
            let limit = self.0.server.limits().attachment_timeout;
            let waits_too_long = state
                .partial
                .as_ref()
                .is_some_and(|(_, since)| since.elapsed() >= limit);
            state.sockets.is_empty() && !state.greeted || waits_too_long
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
