//! The task that listens, and the watchdog that notices when nothing is heard any more.
//!
//! ```text
//!  redis ──► reader ──► queue ──► worker ──► Listener
//!              │ every 5 s: publish a beat, which must come back; after 15 s without one, or when
//!              └ the connection ends: 100 ms … 1 s ──► connect, SUBSCRIBE
//! ```
//!
//! It counts as listening when its first beat has come back: a connection that hears nothing is none.

use std::{
    collections::VecDeque,
    fmt,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::{FutureExt as _, StreamExt as _};
use redis::{Msg, RedisError};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use super::{
    Channel, Options, Stats, publisher::Publisher, python, retry::Retry, stats::Hearing,
    target::Target,
};
use crate::bus::{HostId, Listener, python::DecodeError, workers};

/// Beats that may be missed.
const MISSED_BEATS: u32 = 3;
/// Beats that are remembered until they come back: more than are sent while one may be on its way.
const MOST_BEATS: usize = 1_024;
/// Time between beats until the first has come back.
const FIRST_BEATS: Duration = Duration::from_millis(100);
/// A connection that held for so long is replaced without a delay.
const HEALTHY: Duration = Duration::from_secs(1);
/// Bytes that may wait for the worker. Redis itself gives up a subscriber that is 32 MB behind.
pub(crate) const MAX_BACKLOG: usize = 64 << 20;
/// What a waiting message takes besides its bytes, so that a flood of small ones is bounded, too.
const OVERHEAD: usize = 512;

/// What the task needs.
pub(super) struct Ear {
    pub(super) target: Arc<Target>,
    pub(super) options: Options,
    pub(super) stats: Arc<Stats>,
    pub(super) publisher: Arc<Publisher>,
}

/// Why listening ended.
enum Ended {
    Redis(RedisError),
    Closed,
    Silent,
    Overrun,
}

/// Listens until the listener is dropped.
pub(super) async fn listen_forever(ear: Ear, mut hearing: Hearing, listener: Weak<dyn Listener>) {
    let backlog = Backlog::default();
    let (queue, messages) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(work(
        messages,
        backlog.clone(),
        ear.stats.clone(),
        ear.options.clone(),
        listener.clone(),
    ));
    let queue = Queue { queue, backlog };
    let mut retry = Retry::new();
    // Until then everything was heard, and before the beginning there was nothing to hear.
    let mut heard_until = Moment::now();
    let mut deaf_since = None;
    while listener.strong_count() > 0 {
        let started = Instant::now();
        let resumed = |ear: &Ear, deaf: Duration| {
            ear.announce(deaf_since);
            ear.resumed(deaf, &listener);
        };
        let wanted = || listener.strong_count() > 0;
        let listening = ear.listen_once(&queue, &mut hearing, &mut heard_until, resumed, wanted);
        let Some(ended) = listening.await else { return };
        let heard = hearing.lose();
        report(&ear, &ended, heard || deaf_since.is_none());
        if heard {
            deaf_since = None;
            retry.reset();
        }
        deaf_since.get_or_insert_with(Instant::now);
        if !heard || started.elapsed() < HEALTHY {
            tokio::time::sleep(retry.next_delay()).await;
        }
    }
}

fn report(ear: &Ear, ended: &Ended, first: bool) {
    let (address, channel) = (ear.target.address(), &ear.options.channel);
    match first {
        true => tracing::error!(
            address,
            channel,
            error = %ended,
            "redis cannot be heard: clients of this process are served, what other workers send is lost; trying again"
        ),
        false => tracing::debug!(address, channel, error = %ended, "redis still cannot be heard"),
    }
}

impl Ear {
    /// Listens on one connection until it ends; `None` when nobody wants to hear any more.
    async fn listen_once(
        &self,
        queue: &Queue,
        hearing: &mut Hearing,
        heard_until: &mut Moment,
        resumed: impl Fn(&Self, Duration),
        wanted: impl Fn() -> bool,
    ) -> Option<Ended> {
        let channels =
            [Channel::Events, Channel::Workers].map(|channel| self.options.name(channel));
        let mut messages = match self
            .target
            .subscribe(&channels.each_ref().map(|name| &**name))
            .await
        {
            Ok(pubsub) => pubsub.into_on_message(),
            Err(error) => return Some(Ended::Redis(error)),
        };
        self.stats.connected();
        let mut beats = Beats::default();
        let (every, patience) = (self.options.beat, self.options.beat * MISSED_BEATS);
        let mut beat_at = Instant::now();
        let mut silent_at = beat_at + patience;
        loop {
            tokio::select! {
                message = messages.next() => match message {
                    None => return Some(Ended::Closed),
                    Some(message) => match beats.sent_at(message.get_payload_bytes()) {
                        Some(sent_at) => {
                            silent_at = Instant::now() + patience;
                            let deaf = std::mem::replace(heard_until, sent_at).elapsed();
                            if !hearing.hears() {
                                hearing.begin();
                                beat_at = Instant::now() + every;
                                resumed(self, deaf);
                            }
                        }
                        None => if let Err(overrun) = queue.push(message) {
                            return Some(overrun);
                        },
                    },
                },
                () = tokio::time::sleep_until(beat_at) => {
                    if !wanted() {
                        return None;
                    }
                    self.publisher.publish_soon(beats.next());
                    if beat_at.elapsed() >= every {
                        // Nobody has looked for a while: this one may well come back.
                        silent_at = silent_at.max(Instant::now() + every);
                    }
                    let wait = if hearing.hears() { every } else { every.min(FIRST_BEATS) };
                    beat_at = Instant::now() + wait;
                }
                () = tokio::time::sleep_until(silent_at) => if Instant::now() < beat_at {
                    return Some(Ended::Silent);
                },
            }
        }
    }

    /// Tells the listener that it may have missed something.
    fn resumed(&self, deaf: Duration, listener: &Weak<dyn Listener>) {
        if let Some(listener) = listener.upgrade() {
            tokio::spawn(async move { listener.resumed(deaf).await });
        }
    }

    fn announce(&self, deaf_since: Option<Instant>) {
        let (address, channel) = (self.target.address(), &self.options.channel);
        match deaf_since.map(|since| since.elapsed().as_millis()) {
            None => tracing::info!(address, channel, "listening to redis"),
            Some(deaf_ms) => tracing::warn!(
                address,
                channel,
                deaf_ms,
                "listening to redis; what was published meanwhile is lost to the clients of this process"
            ),
        }
    }
}

/// The beats of a connection that have not come back. What was published before one was sent is heard before it comes.
#[derive(Default)]
struct Beats(VecDeque<(String, Moment)>);

impl Beats {
    fn next(&mut self) -> String {
        let beat = python::encode_beat(&HostId::random());
        self.0.truncate(MOST_BEATS);
        self.0.push_front((beat.clone(), Moment::now()));
        beat
    }

    /// When this was sent, if it is one of them.
    fn sent_at(&mut self, bytes: &[u8]) -> Option<Moment> {
        let is = |(beat, _): &(String, Moment)| beat.as_bytes() == bytes;
        let index = self.0.iter().position(is)?;
        let sent_at = self.0[index].1;
        self.0.truncate(index);
        Some(sent_at)
    }
}

/// A time by both clocks: one may stand while the machine does, the other may be set.
#[derive(Clone, Copy)]
struct Moment(Instant, SystemTime);

impl Moment {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    /// By the clock that says more.
    fn elapsed(self) -> Duration {
        let Self(instant, time) = self;
        instant.elapsed().max(time.elapsed().unwrap_or_default())
    }
}

/// Bytes that wait for the worker.
type Backlog = Arc<AtomicUsize>;

struct Queue {
    queue: mpsc::UnboundedSender<Msg>,
    backlog: Backlog,
}

impl Queue {
    /// Bounded in bytes: what is too much is not dropped one by one, the connection ends instead and the loss is logged.
    fn push(&self, message: Msg) -> Result<(), Ended> {
        if python::is_not_for_us(message.get_payload_bytes()) {
            return Ok(());
        }
        let bytes = weight(&message);
        if self.backlog.fetch_add(bytes, Ordering::AcqRel) + bytes > MAX_BACKLOG {
            self.backlog.fetch_sub(bytes, Ordering::AcqRel);
            return Err(Ended::Overrun);
        }
        let _ = self.queue.send(message);
        Ok(())
    }
}

/// What a message counts for in the [`Backlog`].
fn weight(message: &Msg) -> usize {
    message.get_payload_bytes().len() + OVERHEAD
}

/// Tells the listener, one message after the other.
async fn work(
    mut messages: mpsc::UnboundedReceiver<Msg>,
    backlog: Backlog,
    stats: Arc<Stats>,
    options: Options,
    listener: Weak<dyn Listener>,
) {
    let channel = options.name(Channel::Workers).into_owned();
    while let Some(message) = messages.recv().await {
        let Some(listener) = listener.upgrade() else {
            return;
        };
        let bytes = message.get_payload_bytes();
        let handled = async {
            let envelope = match message.get_channel_name() == channel {
                true => workers::decode(bytes, options.limit(Channel::Workers))?,
                false => python::decode(bytes, options.profile, options.max_message)?,
            };
            listener.receive(envelope).await;
            Ok(())
        };
        // A worker without this task would be deaf without a sign of it.
        let handled = AssertUnwindSafe(handled).catch_unwind().await;
        if let Err(error) = handled.unwrap_or(Err(DecodeError::Panic)) {
            stats.dropped(&error);
        }
        backlog.fetch_sub(weight(&message), Ordering::AcqRel);
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(error) => error.fmt(f),
            Self::Closed => f.write_str("the connection was closed"),
            Self::Silent => f.write_str("this worker's own beat was not heard three times"),
            Self::Overrun => f.write_str("messages come faster than they are handled"),
        }
    }
}

#[cfg(test)]
mod tests {
    use redis::{PushInfo, PushKind, Value};

    use super::*;

    #[test]
    fn a_beat_may_come_back_behind_many_others() {
        let mut beats = Beats::default();
        let first = beats.next();
        // As many as are sent in 15 s.
        let last = (0..150).map(|_| beats.next()).last().expect("many");
        assert!(beats.sent_at(first.as_bytes()).is_some());
        assert!(beats.sent_at(first.as_bytes()).is_none(), "once");
        assert!(beats.sent_at(last.as_bytes()).is_some());
        assert!(beats.0.is_empty());
    }

    #[test]
    fn a_flood_of_small_messages_is_bounded() {
        let (queue, _messages) = mpsc::unbounded_channel();
        let backlog = Backlog::default();
        let queue = Queue { queue, backlog };
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let message = Msg::from_push_info(PushInfo {
            kind: PushKind::Message,
            data: vec![text("socketio"), text("")],
        })
        .expect("a channel and a payload are a message");
        let most = MAX_BACKLOG / OVERHEAD;
        let pushed = (0..=most).take_while(|_| queue.push(message.clone()).is_ok());
        assert_eq!(pushed.count(), most);
    }
}
