//! One client.
//!
//! ```text
//!            GET                      2probe, 5
//!  ─open─► Polling ─────────────────────────────► WebSocket ─┐
//!     └────────────── GET with upgrade ──────────────┘       │
//!                        │                                   │
//!                        └────────────► close ◄──────────────┘
//! ```
//!
//! What is to be sent waits in the outbox: see `writing`.

mod polling;
mod writing;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::Mutex;
use tracing::Span;

use self::{polling::Polling, writing::Flush};
pub(crate) use self::{
    polling::{Begun, Ending, Polled},
    writing::Pushed,
};
use crate::{
    config::Config,
    engine::Engine,
    flusher::Shard,
    frame::Frame,
    handler::{CloseReason, Connection},
    outbox::Outbox,
    packet::PacketError,
    sid::Sid,
    transport::Socket,
};

/// How long a closed WebSocket may take to say goodbye.
pub(crate) const LINGER: Duration = Duration::from_secs(3);

/// A client's session, from its first request to its close.
pub struct Session {
    sid: Sid,
    engine: Arc<Engine>,
    shard: Arc<Shard>,
    connection: OnceLock<Box<dyn Connection>>,
    /// What is logged about the session belongs to it. Boxed, as there is none unless somebody listens to debug logs.
    span: Option<Box<Span>>,
    state: Mutex<State>,
}

struct State {
    closed: Option<CloseReason>,
    /// Whether the connection knows that the session is over.
    told: Told,
    /// Nothing more is to be said to the client.
    gone: bool,
    transport: Transport,
    flush: Flush,
    outbox: Outbox,
    /// Bytes of frames that the task of a blocked socket has taken out of the outbox, unsent as far as we know.
    borrowed: usize,
    awaits_pong: bool,
    /// Nothing is read from the client until the connection takes more: a pong may be there and not be seen.
    paused: bool,
}

enum Transport {
    Polling(Polling),
    WebSocket(Arc<Socket>),
}

/// Whether the connection knows that the session is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    No,
    /// It is being told.
    Now,
    Yes,
}

/// What a session's alarm is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alarm {
    /// Time to send a ping.
    Ping,
    /// Time for its pong to be there.
    Pong,
    /// The connection asked for it.
    Connection,
}

impl Session {
    /// A session that begins by polling.
    pub(crate) fn polling(sid: Sid, engine: Arc<Engine>, shard: Arc<Shard>) -> Self {
        Self::new(sid, engine, shard, Transport::Polling(Polling::default()))
    }

    /// A session that begins on a WebSocket.
    pub(crate) fn websocket(
        sid: Sid,
        engine: Arc<Engine>,
        shard: Arc<Shard>,
        socket: Arc<Socket>,
    ) -> Self {
        Self::new(sid, engine, shard, Transport::WebSocket(socket))
    }

    fn new(sid: Sid, engine: Arc<Engine>, shard: Arc<Shard>, transport: Transport) -> Self {
        let state = State {
            closed: None,
            told: Told::No,
            gone: false,
            transport,
            flush: Flush::Idle,
            outbox: Outbox::default(),
            borrowed: 0,
            awaits_pong: false,
            paused: false,
        };
        Self {
            sid,
            engine,
            shard,
            connection: OnceLock::new(),
            span: span(sid),
            state: Mutex::new(state),
        }
    }

    /// Gives the session its receiving end and starts its heartbeat.
    pub(crate) fn start(self: &Arc<Self>, connection: Box<dyn Connection>) {
        let first = self.connection.set(connection).is_ok();
        debug_assert!(first, "a session is started once");
        self.engine
            .wake_at(self.engine.ping_delay(), self, Alarm::Ping);
        self.tell_closed();
    }

    /// The session's id.
    pub fn sid(&self) -> Sid {
        self.sid
    }

    /// The span of the session, for what is logged about it; none when nobody listens to debug logs.
    pub fn span(&self) -> Span {
        self.span.as_deref().cloned().unwrap_or_else(Span::none)
    }

    /// Does something in the span of the session.
    pub(crate) fn in_span<T>(&self, action: impl FnOnce() -> T) -> T {
        match &self.span {
            None => action(),
            Some(span) => span.in_scope(action),
        }
    }

    /// What the client sent is no packet.
    pub(crate) fn packet_refused(&self, error: &PacketError) {
        self.in_span(|| tracing::debug!(sid = ?self.sid, %error, "packet refused"));
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed.is_some()
    }

    /// Whether nothing that was sent before is still waiting for the client.
    pub fn is_ready(&self) -> bool {
        let state = self.state.lock();
        let listening = match &state.transport {
            Transport::Polling(polling) => polling.held.is_some(),
            Transport::WebSocket(_) => state.flush != Flush::Blocked,
        };
        state.closed.is_none() && listening && state.outbox.is_empty()
    }

    /// Bytes that wait to be sent.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.state.lock().queued_bytes()
    }

    /// Queues frames; they stay together. Returns whether the session was still open.
    pub fn send(self: &Arc<Self>, frames: &[Frame]) -> bool {
        match self.push(frames) {
            Pushed::Queued => true,
            Pushed::Full => {
                self.flush();
                true
            }
            Pushed::List => {
                self.shard.list([self.clone()]);
                true
            }
            Pushed::Overflow => {
                self.overflowed();
                false
            }
            Pushed::Closed => false,
        }
    }

    /// Calls [`Connection::alarm`] after `delay`.
    pub fn alarm(self: &Arc<Self>, delay: Duration) {
        self.engine.wake_at(delay, self, Alarm::Connection);
    }

    /// Ends the session, after what is queued has been sent. Only the first call counts.
    ///
    /// Every end goes through here, whoever wanted it.
    pub fn close(self: &Arc<Self>, reason: CloseReason) {
        self.close_with(reason, reason.websocket_code());
    }

    /// Like [`Session::close`], with a WebSocket close code that says more than the reason does.
    pub(crate) fn close_with(self: &Arc<Self>, reason: CloseReason, code: u16) {
        let Some(forget) = self.state.lock().close(reason, code) else {
            return;
        };
        self.closed(reason, forget);
    }

    /// Ends what [`Pushed::Overflow`] has begun.
    pub(crate) fn overflowed(self: &Arc<Self>) {
        self.closed(CloseReason::SlowConsumer, Forget::Now);
    }

    fn closed(self: &Arc<Self>, reason: CloseReason, forget: Forget) {
        self.engine.count_close(reason);
        self.in_span(|| tracing::debug!(sid = ?self.sid, %reason, "session closed"));
        match forget {
            Forget::Now => self.forget(),
            Forget::AfterGoodbye => {}
        }
        self.engine.cut_after(LINGER, self);
        self.shard.list([self.clone()]);
        self.tell_closed();
    }

    /// Tells the connection that the session is over, as soon as both are there, and once.
    fn tell_closed(&self) {
        let Some(connection) = self.connection() else {
            return;
        };
        let reason = {
            let mut state = self.state.lock();
            match (state.closed, state.told) {
                (Some(reason), Told::No) => {
                    state.told = Told::Now;
                    reason
                }
                _ => return,
            }
        };
        self.in_span(|| connection.closed(reason));
        let gone = {
            let mut state = self.state.lock();
            state.told = Told::Yes;
            state.gone
        };
        if gone {
            self.engine.forget(self.sid);
        }
    }

    /// Nothing more is to be said to the client. The id becomes unknown, but not before the connection was told: where no
    /// session is left, each has ended.
    fn forget(&self) {
        let told = {
            let mut state = self.state.lock();
            state.gone = true;
            state.told
        };
        if told == Told::Yes {
            self.engine.forget(self.sid);
        }
    }

    /// Like [`Session::close`], unless the session has gone over to a WebSocket.
    pub(crate) fn close_if_polling(self: &Arc<Self>, reason: CloseReason) {
        let polling = matches!(self.state.lock().transport, Transport::Polling(_));
        if polling {
            self.close(reason);
        }
    }

    pub(crate) fn config(&self) -> &Config {
        self.engine.config()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    pub(crate) fn connection(&self) -> Option<&dyn Connection> {
        self.connection.get().map(Box::as_ref)
    }

    /// A deadline has come.
    pub(crate) fn ring(self: &Arc<Self>, alarm: Alarm) {
        match alarm {
            Alarm::Ping => self.ping(),
            Alarm::Pong if self.state.lock().misses_pong() => self.close(CloseReason::PingTimeout),
            Alarm::Pong => {
                let config = self.config();
                let rest = self.engine.ping_delay().saturating_sub(config.ping_timeout);
                self.engine.wake_at(rest, self, Alarm::Ping);
            }
            Alarm::Connection => {
                if let Some(connection) = self.connection() {
                    self.in_span(|| connection.alarm());
                }
            }
        }
    }

    /// The session has ended and has had its time to say goodbye.
    pub(crate) fn cut(&self) {
        self.forget();
        if let Transport::WebSocket(socket) = &self.state.lock().transport {
            socket.shutdown();
        }
    }

    fn ping(self: &Arc<Self>) {
        self.state.lock().awaits_pong = true;
        if self.send(std::slice::from_ref(self.engine.ping())) {
            self.engine
                .wake_at(self.config().ping_timeout, self, Alarm::Pong);
        }
    }

    /// The client has answered a ping.
    pub(crate) fn pong(&self) {
        self.state.lock().awaits_pong = false;
    }

    /// Reading stops, because the connection takes no more for now.
    pub(crate) fn pause_reading(&self) {
        self.state.lock().paused = true;
    }

    /// Reading goes on. A pong that could not be seen is not missed.
    pub(crate) fn resume_reading(&self) {
        let mut state = self.state.lock();
        state.paused = false;
        state.awaits_pong = false;
    }
}

impl State {
    fn misses_pong(&self) -> bool {
        self.awaits_pong && !self.paused
    }

    /// Begins the end, if it has not begun; says what is left to do.
    fn close(&mut self, reason: CloseReason, code: u16) -> Option<Forget> {
        if self.closed.is_some() {
            return None;
        }
        self.closed = Some(reason);
        if reason == CloseReason::SlowConsumer {
            self.outbox = Outbox::default();
        }
        Some(match &mut self.transport {
            Transport::Polling(polling) => {
                let goodbye = if reason == CloseReason::Client {
                    "6"
                } else {
                    "1"
                };
                self.outbox.push(Frame::control(goodbye));
                polling.wake();
                match reason.is_the_servers() {
                    true => {
                        polling.end_upgrade();
                        Forget::AfterGoodbye
                    }
                    false => Forget::Now,
                }
            }
            Transport::WebSocket(_) => {
                self.outbox
                    .push(Frame::close(code, reason.websocket_text()));
                if self.flush == Flush::Idle {
                    self.flush = Flush::Listed;
                }
                match reason {
                    CloseReason::SlowConsumer => Forget::Now,
                    _ => Forget::AfterGoodbye,
                }
            }
        })
    }
}

/// A span of its own, not a part of that of the request that happens to open the session.
fn span(sid: Sid) -> Option<Box<Span>> {
    let span = tracing::debug_span!(parent: None, "session", ?sid);
    (!span.is_disabled()).then(|| Box::new(span))
}

/// When the id of a closed session becomes unknown.
enum Forget {
    Now,
    /// The client still has to get what is queued, and the close. [`LINGER`] is the limit.
    AfterGoodbye,
}
