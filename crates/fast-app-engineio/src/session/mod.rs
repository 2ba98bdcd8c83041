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
//! What is to be sent waits in the outbox. On a WebSocket exactly one party writes at a time, and `Flush` says who: a
//! flusher for a moment, or, where the socket would block, a task that waits for it.

mod polling;

use std::{
    io::ErrorKind,
    mem,
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::timeout;
use tracing::Span;

use self::polling::Polling;
pub(crate) use self::polling::{Begun, Ending, Polled};

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

/// From so many queued bytes on, whoever queues more also writes.
const FULL: usize = 256 * 1024;

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

/// Who writes to the WebSocket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flush {
    /// Nobody: nothing waits.
    Idle,
    /// A flusher will.
    Listed,
    /// A task of its own, which waits until the socket takes more.
    Blocked,
    /// Nobody any more: the socket is broken.
    Broken,
}

/// What became of frames that were to be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Queued; somebody sends them already.
    Queued,
    /// Queued; the caller puts the session onto the flush list.
    List,
    /// Queued, and so much is there that the caller should flush.
    Full,
    /// Not queued, and the session is over: the client does not read. The caller calls [`Session::overflowed`].
    Overflow,
    /// Not queued: the session is over.
    Closed,
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

/// What came of writing without waiting.
enum Flushed {
    /// All is written, or somebody else writes.
    Rest,
    /// All is written, and nothing will follow.
    Finished,
    /// The socket takes no more for now: a task must wait with what is left.
    Blocked(Arc<Socket>, Outbox),
    /// The socket takes nothing any more.
    Broken,
}

/// What a task does once it has written all that it had.
enum Next {
    Write(Outbox),
    /// Nothing waits.
    Rest,
    /// Nothing will follow.
    Finish,
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

    /// Queues frames without sending them.
    pub(crate) fn push(&self, frames: &[Frame]) -> Pushed {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.closed.is_some() {
            return Pushed::Closed;
        }
        let length: usize = frames.iter().map(Frame::len).sum();
        let stuck = match &state.transport {
            Transport::Polling(polling) => polling.held.is_none(),
            Transport::WebSocket(_) => state.flush == Flush::Blocked,
        };
        let waiting = state.queued_bytes();
        if stuck && waiting > 0 && waiting + length > self.config().max_outbox {
            // At once, so that nothing is sent behind the gap.
            let reason = CloseReason::SlowConsumer;
            state.close(reason, reason.websocket_code());
            return Pushed::Overflow;
        }
        frames
            .iter()
            .for_each(|frame| state.outbox.push(frame.clone()));
        match &mut state.transport {
            Transport::Polling(polling) => {
                polling.wake();
                Pushed::Queued
            }
            Transport::WebSocket(_) => match state.flush {
                Flush::Idle => {
                    state.flush = Flush::Listed;
                    Pushed::List
                }
                Flush::Listed if state.outbox.bytes() > FULL => Pushed::Full,
                _ => Pushed::Queued,
            },
        }
    }

    /// Writes what is queued to the WebSocket now, as far as it can be written without waiting. A flusher does it soon in
    /// any case.
    pub fn flush(self: &Arc<Self>) {
        let flushed = self.state.lock().flush();
        match flushed {
            Flushed::Rest => {}
            Flushed::Finished => self.forget(),
            Flushed::Blocked(socket, outbox) => {
                tokio::spawn(drain(self.clone(), socket, outbox));
            }
            Flushed::Broken => self.broken(),
        }
    }

    /// All that the task had is written: it takes what has come meanwhile or stops writing.
    fn next(&self) -> Next {
        let mut state = self.state.lock();
        state.borrowed = 0;
        if state.outbox.is_empty() {
            state.flush = Flush::Idle;
            return match state.closed {
                None => Next::Rest,
                Some(_) => Next::Finish,
            };
        }
        let more = mem::take(&mut state.outbox);
        state.borrowed = more.bytes();
        Next::Write(more)
    }

    /// The socket cannot be written to any more.
    fn broken(self: &Arc<Self>) {
        self.close(CloseReason::TransportClose);
        self.forget();
        let mut state = self.state.lock();
        state.outbox = Outbox::default();
        if let Transport::WebSocket(socket) = &state.transport {
            socket.shutdown();
        }
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
    /// Writes what is queued, if that is a flusher's to do. The lock is held for it: a write that does not wait is shorter
    /// than letting go of the outbox and coming back.
    fn flush(&mut self) -> Flushed {
        let Transport::WebSocket(socket) = &self.transport else {
            return Flushed::Rest;
        };
        if self.flush != Flush::Listed {
            return Flushed::Rest;
        }
        while !self.outbox.is_empty() {
            match socket.try_write(&self.outbox) {
                Ok(count) => self.outbox.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.flush = Flush::Blocked;
                    self.borrowed = self.outbox.bytes();
                    return Flushed::Blocked(socket.clone(), mem::take(&mut self.outbox));
                }
                Err(_) => {
                    self.flush = Flush::Broken;
                    return Flushed::Broken;
                }
            }
        }
        self.flush = Flush::Idle;
        match self.closed {
            None => Flushed::Rest,
            Some(_) => {
                socket.shutdown_write();
                Flushed::Finished
            }
        }
    }

    fn queued_bytes(&self) -> usize {
        self.outbox.bytes() + self.borrowed
    }

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

/// Waits for a socket that would block and writes on, until everything is written or the client has taken nothing for
/// the configured time.
async fn drain(session: Arc<Session>, socket: Arc<Socket>, mut outbox: Outbox) {
    let limit = session.config().write_timeout;
    loop {
        while !outbox.is_empty() {
            match timeout(limit, socket.write(&outbox)).await {
                Ok(Ok(count)) => outbox.advance(count),
                Ok(Err(_)) => return session.broken(),
                // The kernel says so only when a third of its buffer is free: what it takes now shows that the client reads.
                Err(_) => match socket.try_write(&outbox) {
                    Ok(count) => outbox.advance(count),
                    Err(_) => {
                        session.close(CloseReason::SlowConsumer);
                        return session.broken();
                    }
                },
            }
            session.state.lock().borrowed = outbox.bytes();
        }
        match session.next() {
            Next::Write(more) => outbox = more,
            Next::Rest => return,
            Next::Finish => {
                // A stream that cannot even end is ended by the alarm.
                let _ = timeout(limit, socket.finish()).await;
                return session.forget();
            }
        }
    }
}
