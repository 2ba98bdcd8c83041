//! Redis pub/sub.
//!
//! [`publisher`] sends, [`listener`] hears, one for each manager on the bus: tasks with a connection each, which they replace
//! when it is lost.

pub(crate) mod listener;
mod publisher;
mod retry;
mod stats;
mod target;

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::task::AbortHandle;

use self::{
    listener::Ear,
    publisher::Publisher,
    stats::{Hearing, Stats},
    target::Target,
};
pub use super::python::Profile;
use super::{
    BoxFuture, Bus, BusError, BusStats, Envelope, Listener, Message, OnOutage, Published, python,
    workers,
};

/// The channel of python-socketio. The number of a database does not separate channels.
pub(super) const DEFAULT_CHANNEL: &str = "socketio";

/// A channel of a Redis server, shared with python-socketio's workers.
pub struct RedisBus {
    target: Arc<Target>,
    options: Options,
    stats: Arc<Stats>,
    publisher: Arc<Publisher>,
    listeners: Mutex<Vec<AbortHandle>>,
}

/// Settings of a [`RedisBus`].
///
/// ```
/// # use fast_app_socketio::{Manager, bus::RedisBus};
/// # fn example() -> Result<(), fast_app_socketio::bus::BusError> {
/// let bus = RedisBus::builder("redis://localhost:6379/14").channel("shop").build()?;
/// let manager = Manager::new(std::sync::Arc::new(bus));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a bus is made by `build`"]
pub struct RedisBusBuilder {
    url: String,
    options: Options,
}

#[derive(Clone, Debug)]
struct Options {
    channel: String,
    profile: Profile,
    beat: Duration,
    max_message: usize,
    max_spool: usize,
}

/// What a message may have, and what may wait, in bytes, if nothing else is said.
pub(crate) const MAX_MESSAGE: usize = 8 << 20;
pub(crate) const MAX_SPOOL: usize = 8 << 20;

/// A channel of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    /// Shared with python-socketio.
    Events,
    /// Where workers of FastApp are among themselves.
    Workers,
}

impl Options {
    fn name(&self, channel: Channel) -> Cow<'_, str> {
        match channel {
            Channel::Events => Cow::Borrowed(&self.channel),
            Channel::Workers => Cow::Owned(format!("{}:workers", self.channel)),
        }
    }

    /// The largest message, in bytes.
    fn limit(&self, channel: Channel) -> usize {
        match channel {
            Channel::Events => self.max_message,
            Channel::Workers => self.max_message.min(workers::MAX_MESSAGE),
        }
    }
}

impl RedisBus {
    /// The schemes of URLs that lead to a Redis.
    pub(super) const SCHEMES: [&str; 9] = [
        "redis",
        "rediss",
        "redis+sentinel",
        "redis+unix",
        "unix",
        "valkey",
        "valkeys",
        "valkey+sentinel",
        "valkey+unix",
    ];

    /// A bus over the server of this URL, with the default settings. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When it is no URL of a Redis.
    pub fn new(url: &str) -> Result<Self, BusError> {
        Self::builder(url).build()
    }

    /// A bus over the server of this URL: `redis://`, `rediss://`, `unix://`, `valkey://`, `valkeys://` or
    /// `redis+sentinel://[user:password@]host:port,host:port/db/service`.
    ///
    /// Not of a Redis Cluster. Its `PUBLISH` counts only those who listen at the same node, so
    /// [`Manager::revoke`](crate::Manager::revoke) and [`Manager::emit_with_acks`](crate::Manager::emit_with_acks) would return
    /// before workers at other nodes have answered.
    pub fn builder(url: impl Into<String>) -> RedisBusBuilder {
        RedisBusBuilder {
            url: url.into(),
            options: Options {
                channel: DEFAULT_CHANNEL.to_owned(),
                profile: Profile::default(),
                beat: Duration::from_secs(5),
                max_message: MAX_MESSAGE,
                max_spool: MAX_SPOOL,
            },
        }
    }
}

impl RedisBusBuilder {
    /// The channel, `socketio` by default. Whoever is to hear each other must use the same. On a second one, `<channel>:workers`,
    /// workers of FastApp tell each other what python-socketio does not know.
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.options.channel = channel.into();
        self
    }

    /// Which versions of python-socketio share the channel, by default 5.15.1 and later.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.options.profile = profile;
        self
    }

    /// How often a worker checks that it hears itself. Default 5 s; after three beats that were not heard it connects
    /// again. Much less is for tests: a publisher whose connection died without a word takes 5 s to notice, and sends no
    /// beat until then. At most an hour.
    pub fn beat(mut self, interval: Duration) -> Self {
        self.options.beat = interval.clamp(Duration::from_millis(1), Duration::from_secs(3_600));
        self
    }

    /// The largest message, in bytes: a larger one is not sent, and dropped when another program has sent it. Default
    /// 8 MiB. Redis itself gives up a subscriber that is 32 MB behind.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.options.max_message = bytes;
        self
    }

    /// How many bytes of messages with [`OnOutage::Spool`] are kept while Redis is away. Default 8 MiB.
    pub fn max_spool(mut self, bytes: usize) -> Self {
        self.options.max_spool = bytes;
        self
    }

    /// The bus. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When the URL is none of a Redis.
    pub fn build(self) -> Result<RedisBus, BusError> {
        let Self { url, options } = self;
        let target = Target::parse(&url, &options.channel).map_err(|error| BusError::Url {
            origin: "the argument",
            problem: error.to_string(),
        })?;
        let (target, stats) = (Arc::new(target), Arc::<Stats>::default());
        let publisher = Publisher::new(target.clone(), options.clone(), stats.clone());
        Ok(RedisBus {
            target,
            options,
            stats,
            publisher: Arc::new(publisher),
            listeners: Mutex::default(),
        })
    }
}

impl Bus for RedisBus {
    fn publish<'a>(
        &'a self,
        envelope: &'a Envelope,
        on_outage: OnOutage,
    ) -> BoxFuture<'a, Result<Published, BusError>> {
        Box::pin(async move {
            if let Some(text) = python::encode(envelope, self.options.profile) {
                return self.send(Channel::Events, text, on_outage).await;
            }
            let text = workers::encode(envelope).expect("python-socketio knows all other messages");
            let published = self.send(Channel::Workers, text, on_outage).await?;
            // Python would do again what it has done, when it is repeated for somebody else.
            if let Message::Revoke {
                revocation,
                again: None,
                ..
            } = &envelope.message
                && let Some(text) = python::encode_revocation(revocation, &envelope.host)
            {
                self.send(Channel::Events, text, on_outage).await?;
            }
            Ok(published)
        })
    }

    fn listen(&self, listener: Weak<dyn Listener>) {
        let ear = Ear {
            target: self.target.clone(),
            options: self.options.clone(),
            stats: self.stats.clone(),
            publisher: self.publisher.clone(),
        };
        // From now on, not from when the task has started.
        let hearing = Hearing::new(self.stats.clone());
        let task = tokio::spawn(listener::listen_forever(ear, hearing, listener));
        let mut listeners = self.listeners.lock();
        listeners.retain(|task| !task.is_finished());
        listeners.push(task.abort_handle());
    }

    fn stats(&self) -> BusStats {
        self.stats.read(self.publisher.waiting())
    }

    fn flushed(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.publisher.flushed())
    }
}

impl RedisBus {
    async fn send(
        &self,
        channel: Channel,
        text: String,
        on_outage: OnOutage,
    ) -> Result<Published, BusError> {
        let (bytes, limit) = (text.len(), self.options.limit(channel));
        match bytes > limit {
            true => {
                self.stats.failed("too_large");
                Err(BusError::TooLarge { bytes, limit })
            }
            false => self.publisher.publish(channel, text, on_outage).await,
        }
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.listeners.lock().iter().for_each(AbortHandle::abort);
    }
}

impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBus")
            .field("address", &self.target.address())
            .field("channel", &self.options.channel)
            .finish_non_exhaustive()
    }
}
