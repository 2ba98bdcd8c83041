//! All sessions of one server.

mod ending;

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::request::Parts;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::MissedTickBehavior};
use tokio_util::task::TaskTracker;

use crate::{
    config::Config,
    error::RequestError,
    flusher::Shard,
    frame::Frame,
    handler::{CloseReason, Handler, contain},
    meter,
    session::{Alarm, Session},
    sid::Sid,
    transport::Socket,
    wheel::Wheel,
};

/// Slots of the timer wheel: with the default pace it goes round in 51 s, a little more than a heartbeat takes.
const WHEEL_SLOTS: usize = 512;

/// A server: its settings, its handler, its sessions and the tasks that serve them.
pub struct Engine {
    config: Config,
    handler: Box<dyn Handler>,
    sessions: Mutex<HashMap<Sid, Arc<Session>>>,
    emptied: Notify,
    websockets: TaskTracker,
    /// Deadlines by id: a session that has ended is freed, however far away its deadlines are.
    wheel: Mutex<Wheel<(Sid, Alarm)>>,
    /// Sessions that have ended, until they have had the time to say goodbye.
    lingering: Mutex<Wheel<Weak<Session>>>,
    shards: OnceLock<Box<[Arc<Shard>]>>,
    opened: AtomicUsize,
    slow_consumers: AtomicUsize,
    shutting_down: AtomicBool,
    ping: Frame,
}

impl Engine {
    /// A server whose sessions `handler` receives. Its tasks start with the first session and end with the server.
    pub fn new(config: Config, handler: impl Handler) -> Arc<Self> {
        let config = config.bounded();
        let resolution = pace(&config);
        Arc::new(Self {
            config,
            handler: Box::new(handler),
            sessions: Mutex::default(),
            emptied: Notify::new(),
            websockets: ending::tracker(),
            wheel: Mutex::new(Wheel::new(WHEEL_SLOTS, resolution)),
            lingering: Mutex::new(Wheel::new(WHEEL_SLOTS, resolution)),
            shards: OnceLock::new(),
            opened: AtomicUsize::new(0),
            slow_consumers: AtomicUsize::new(0),
            shutting_down: AtomicBool::new(false),
            ping: Frame::control("2"),
        })
    }

    /// The settings of the server.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many sessions there are, those included that still have to tell their client that they are over.
    pub fn sessions(&self) -> usize {
        self.sessions.lock().len()
    }

    /// How many sessions have been closed because their client did not read what was sent to it.
    pub fn slow_consumers(&self) -> usize {
        self.slow_consumers.load(Ordering::Relaxed)
    }

    /// Tells the recorder of the facade `metrics` how many sessions there are and what waits to be sent to them; counters
    /// need no telling. It looks at every session: call it when somebody asks, or every few seconds.
    pub fn record_metrics(&self) {
        meter::describe();
        let sessions = self.all();
        let queued = sessions.iter().map(|session| session.queued_bytes());
        meter::sessions(sessions.len(), queued.sum());
    }

    /// Whether a new session may be opened now.
    pub(crate) fn admit(&self) -> Result<(), RequestError> {
        match self.is_shutting_down() {
            true => Err(RequestError::ShuttingDown),
            false => Ok(()),
        }
    }

    /// Opens a session that polls, and returns it with its open packet.
    pub(crate) fn open_polling(self: &Arc<Self>, request: &Parts) -> (Arc<Session>, Frame) {
        let session = Arc::new(Session::polling(
            Sid::random(),
            self.clone(),
            self.next_shard(),
        ));
        let open = self.open_packet(session.sid(), &["websocket"]);
        self.register(&session, request);
        (session, open)
    }

    /// Opens a session on a WebSocket; its open packet is on the way, behind the `head` of its connection.
    pub(crate) fn open_websocket(
        self: &Arc<Self>,
        socket: Arc<Socket>,
        head: Bytes,
        request: &Parts,
    ) -> Arc<Session> {
        let session = Arc::new(Session::websocket(
            Sid::random(),
            self.clone(),
            self.next_shard(),
            socket,
        ));
        let open = self.open_packet(session.sid(), &[]);
        match head.is_empty() {
            true => session.send(&[open]),
            false => session.send(&[Frame::raw(&head), open]),
        };
        self.register(&session, request);
        session
    }

    pub(crate) fn find(&self, sid: &str) -> Result<Arc<Session>, RequestError> {
        let sid = Sid::parse(sid).ok_or(RequestError::UnknownSid)?;
        self.sessions
            .lock()
            .get(&sid)
            .cloned()
            .ok_or(RequestError::UnknownSid)
    }

    pub(crate) fn forget(&self, sid: Sid) {
        let mut sessions = self.sessions.lock();
        sessions.remove(&sid);
        if sessions.is_empty() {
            self.emptied.notify_waiters();
        }
    }

    /// The sessions of this moment; nothing else may be done with them under the lock.
    fn all(&self) -> Vec<Arc<Session>> {
        self.sessions.lock().values().cloned().collect()
    }

    pub(crate) fn count_close(&self, reason: CloseReason) {
        meter::session_closed(reason);
        if reason == CloseReason::SlowConsumer {
            self.slow_consumers.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Rings `session` after `delay`.
    pub(crate) fn wake_at(&self, delay: Duration, session: &Session, alarm: Alarm) {
        self.wheel.lock().insert(delay, (session.sid(), alarm));
    }

    /// Cuts `session`, which has ended, after `delay`.
    pub(crate) fn cut_after(&self, delay: Duration, session: &Arc<Session>) {
        self.lingering.lock().insert(delay, Arc::downgrade(session));
    }

    /// How long before the next ping. Less than the interval, so that a silent client is gone after interval and timeout, as
    /// it was told: the ping and the end of its timeout are up to two ticks late each, and one is for a wheel that turns late.
    pub(crate) fn ping_delay(&self) -> Duration {
        self.config
            .ping_interval
            .saturating_sub(5 * pace(&self.config))
    }

    pub(crate) fn ping(&self) -> &Frame {
        &self.ping
    }

    fn register(&self, session: &Arc<Session>, request: &Parts) {
        self.sessions.lock().insert(session.sid(), session.clone());
        meter::session_opened();
        session.in_span(|| {
            tracing::debug!(sid = ?session.sid(), "session opened");
            session.start(self.handler.open(session, request));
        });
        if self.admit().is_err() {
            // The shutdown may have looked before the session was there.
            session.close(CloseReason::Shutdown);
        }
    }

    /// `0{"sid":…}` (Engine.IO protocol v4, "Handshake").
    fn open_packet(&self, sid: Sid, upgrades: &[&str]) -> Frame {
        let Config {
            ping_interval,
            ping_timeout,
            max_payload,
            ..
        } = &self.config;
        let upgrades = upgrades
            .iter()
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .join(",");
        Frame::control(&format!(
            r#"0{{"sid":"{sid}","upgrades":[{upgrades}],"pingInterval":{},"pingTimeout":{},"maxPayload":{max_payload}}}"#,
            ping_interval.as_millis(),
            ping_timeout.as_millis(),
        ))
    }

    fn next_shard(self: &Arc<Self>) -> Arc<Shard> {
        let shards = self.shards.get_or_init(|| {
            tokio::spawn(turn_wheel(Arc::downgrade(self), pace(&self.config)));
            let workers = tokio::runtime::Handle::current().metrics().num_workers();
            (0..workers).map(|_| Shard::start()).collect()
        });
        let next = self.opened.fetch_add(1, Ordering::Relaxed);
        shards[next % shards.len()].clone()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shards
            .get()
            .into_iter()
            .flatten()
            .for_each(|shard| shard.end());
    }
}

/// How often the wheel turns: a deadline is kept to a twentieth of the shortest one, between 1 and 100 ms.
fn pace(config: &Config) -> Duration {
    let shortest = config.ping_interval.min(config.ping_timeout);
    (shortest / 20).clamp(Duration::from_millis(1), Duration::from_millis(100))
}

/// The longest pause of a busy process, in ticks. What is longer is a standstill.
const MAX_PAUSE: u128 = 10;

/// How many ticks the wheel turns when this time has passed since it last turned.
///
/// Short pauses are made up for, or the deadlines of a busy server would drift. After a standstill deadlines are late,
/// never early: clients have stood still with us.
fn ticks_in(passed: Duration, pace: Duration) -> u128 {
    match passed.as_nanos() / pace.as_nanos() {
        ticks @ ..=MAX_PAUSE => ticks,
        _ => 1,
    }
}

/// What is left of this time behind its last whole tick.
fn remainder(passed: Duration, pace: Duration) -> Duration {
    let nanos = passed.as_nanos() % pace.as_nanos();
    Duration::from_nanos(u64::try_from(nanos).expect("it is less than a tick"))
}

async fn turn_wheel(engine: Weak<Engine>, pace: Duration) {
    let mut ticks = tokio::time::interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut due, mut gone) = (Vec::new(), Vec::new());
    let mut turned = ticks.tick().await;
    loop {
        ticks.tick().await;
        // Not since that tick was due: what rings late sets its next deadline by a wheel that is not behind.
        let passed = turned.elapsed();
        turned += passed - remainder(passed, pace);
        let Some(engine) = engine.upgrade() else {
            return;
        };
        for _ in 0..ticks_in(passed, pace) {
            engine.wheel.lock().tick(&mut due);
            engine.lingering.lock().tick(&mut gone);
        }
        for (sid, alarm) in due.drain(..) {
            let session = engine.sessions.lock().get(&sid).cloned();
            if let Some(session) = session {
                contain(move || session.ring(alarm));
            }
        }
        drop(engine);
        for session in gone.drain(..) {
            if let Some(session) = session.upgrade() {
                contain(move || session.cut());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_keeps_its_deadlines_and_a_standstill_moves_them() {
        let pace = Duration::from_millis(10);
        for (passed, ticks) in [(0, 0), (10, 1), (29, 2), (109, 10), (110, 1), (60_000, 1)] {
            let passed = Duration::from_millis(passed);
            assert_eq!(ticks_in(passed, pace), ticks, "{passed:?}");
        }
    }
}
