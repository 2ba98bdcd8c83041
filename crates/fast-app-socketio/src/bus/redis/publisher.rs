//! The task that publishes: one connection, messages in the order in which they came.
//!
//! ```text
//!  publish ──► queue ──► PUBLISH, as many at once as there are ──► answer to each caller
//!                │ no Redis: an error at once, or
//!                └► spool ── Redis is back: sent before anything else ──►
//! ```
//!
//! Redis is back when as many listen as before, since what is published before they do is lost to them; or, as some may
//! be gone for good, 1.5 s after it answers again.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use redis::{RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::{
    Channel, Options, Stats,
    retry::Retry,
    target::{CONNECT_TIMEOUT, Target},
};
use crate::{
    bus::{BusError, OnOutage, Published},
    meter,
};

/// How long Redis may take to answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was not used for so long is asked whether it is still there, before a message is lost on it.
const IDLE: Duration = Duration::from_secs(1);
/// How long those who listened may take to come back.
const GRACE: Duration = Duration::from_millis(1_500);
/// How often to look whether they have.
const LOOK: Duration = Duration::from_millis(50);
/// Callers that may wait before the next one waits for a place.
const QUEUE: usize = 1_024;
/// Messages, and bytes, that leave at once.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 1 << 20;

type Answer = oneshot::Sender<Result<Published, BusError>>;

/// A message and who waits for its answer, if anybody does.
struct Job {
    channel: Channel,
    text: String,
    on_outage: OnOutage,
    answer: Option<Answer>,
    waiting: Option<Waiting>,
}

/// Counts a message for as long as it waits to be sent. A beat is none.
type Waiting = TaskTrackerToken;

/// The queue of the task, which is started with the first message and again if its runtime has ended.
pub(super) struct Publisher {
    shared: Arc<Shared>,
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    waiting: TaskTracker,
}

struct Shared {
    target: Arc<Target>,
    options: Options,
    stats: Arc<Stats>,
}

impl Publisher {
    pub(super) fn new(target: Arc<Target>, options: Options, stats: Arc<Stats>) -> Self {
        let shared = Shared {
            target,
            options,
            stats,
        };
        let waiting = TaskTracker::new();
        waiting.close();
        Self {
            shared: Arc::new(shared),
            queue: Mutex::default(),
            waiting,
        }
    }

    pub(super) async fn publish(
        &self,
        channel: Channel,
        text: String,
        on_outage: OnOutage,
    ) -> Result<Published, BusError> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            channel,
            text,
            on_outage,
            answer: Some(answer),
            waiting: Some(self.waiting.token()),
        };
        let queue = self.queue();
        queue.send(job).await.map_err(|_| BusError::Ended)?;
        answered.await.map_err(|_| BusError::Ended)?
    }

    /// Publishes without waiting and for nobody: it is no failure when it does not arrive.
    pub(super) fn publish_soon(&self, text: String) {
        let queue = self.queue();
        let job = Job {
            channel: Channel::Events,
            text,
            on_outage: OnOutage::Raise,
            answer: None,
            waiting: None,
        };
        if let Err(TrySendError::Full(job)) = queue.try_send(job) {
            // In its turn: a place that becomes free is given to whoever waits for one, so trying would be in vain.
            tokio::spawn(async move { queue.send(job).await });
        }
    }

    /// How many messages wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Waits until none does.
    pub(super) async fn flushed(&self) {
        self.waiting.wait().await;
    }

    fn queue(&self) -> mpsc::Sender<Job> {
        let mut queue = self.queue.lock();
        if let Some(queue) = queue.as_ref().filter(|queue| !queue.is_closed()) {
            return queue.clone();
        }
        let (sender, jobs) = mpsc::channel(QUEUE);
        tokio::spawn(Task::new(self.shared.clone()).run(jobs));
        queue.insert(sender).clone()
    }
}

/// The task. It ends when nobody can publish any more and what was accepted is sent.
struct Task {
    shared: Arc<Shared>,
    connection: Option<Connection>,
    retry: Retry,
    failure: Option<Failure>,
    /// How many listened to the last message.
    audience: usize,
    spool: Spool,
}

/// Why there is no connection.
struct Failure {
    error: RedisError,
    /// When to try again; until then callers get the same error, unless a listener has found Redis meanwhile.
    retry_at: Instant,
    /// How often the listener had connected by then.
    connects: u64,
    /// When Redis was there again, though not everybody who had listened.
    back_since: Option<Instant>,
}

struct Connection {
    redis: MultiplexedConnection,
    used: Instant,
}

impl Task {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            spool: Spool::new(shared.options.max_spool),
            shared,
            connection: None,
            retry: Retry::new(),
            failure: None,
            audience: 0,
        }
    }

    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(jobs) = self.next(&mut jobs).await {
            let sent = match self.connected().await {
                Ok(()) => self.send(jobs).await,
                Err(error) => Err((jobs, error)),
            };
            if let Err((jobs, error)) = sent {
                self.fail(jobs, &error);
            }
        }
        if !self.spool.is_empty() && self.connected().await.is_err() {
            meter::messages_failed("spool_lost", self.spool.messages.len() as u64);
            tracing::error!(
                lost = self.spool.messages.len(),
                "spooled messages are lost: the process ends and redis is not there"
            );
        }
    }

    /// What is to be sent next: nothing but the spool, when it is time to try. `None` at the end.
    async fn next(&self, jobs: &mut mpsc::Receiver<Job>) -> Option<Vec<Job>> {
        let first = match &self.failure {
            Some(failure) if !self.spool.is_empty() => {
                tokio::select! {
                    job = jobs.recv() => job?,
                    () = tokio::time::sleep_until(failure.retry_at.into()) => return Some(Vec::new()),
                }
            }
            _ => jobs.recv().await?,
        };
        let mut bytes = first.text.len();
        let mut batch = vec![first];
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Ok(job) = jobs.try_recv() else { break };
            bytes += job.text.len();
            batch.push(job);
        }
        Some(batch)
    }

    /// Sees to it that there is a connection that works, and that the spool has been sent on it.
    async fn connected(&mut self) -> RedisResult<()> {
        if let Some(connection) = &mut self.connection
            && connection.used.elapsed() >= IDLE
            && let Err(error) = ping(&mut connection.redis).await
            && error.is_io_error()
        {
            tracing::debug!(%error, "an idle connection to redis was lost");
            self.connection = None;
            self.connect().await?;
            self.expect_audience().await?;
        }
        if self.connection.is_none() {
            self.connect().await?;
        }
        if self.failure.is_some() {
            self.wait_for_audience().await?;
        }
        self.send_spool().await?;
        if self.failure.take().is_some() {
            tracing::info!(address = self.shared.target.address(), "redis is back");
        }
        self.retry.reset();
        Ok(())
    }

    async fn connect(&mut self) -> RedisResult<()> {
        if let Some(failure) = &self.failure
            && Instant::now() < failure.retry_at
            && failure.connects == self.shared.stats.connects()
        {
            return Err(failure.error.clone());
        }
        let connected = self.shared.target.connect(RESPONSE_TIMEOUT).await;
        let redis = connected.inspect_err(|error| self.lost(error))?;
        self.connection = Some(Connection {
            redis,
            used: Instant::now(),
        });
        Ok(())
    }

    /// Fails with the old error for as long as it would be lost to somebody if a message were published now.
    async fn wait_for_audience(&mut self) -> RedisResult<()> {
        let all = self.has_audience().await?;
        let Some(failure) = &mut self.failure else {
            return Ok(());
        };
        let back_since = *failure.back_since.get_or_insert_with(Instant::now);
        if all || back_since.elapsed() >= GRACE {
            return Ok(());
        }
        failure.retry_at = Instant::now() + LOOK;
        Err(failure.error.clone())
    }

    /// Redis may have been away while nothing was published, and callers do not know of it: they wait.
    async fn expect_audience(&mut self) -> RedisResult<()> {
        let back_since = Instant::now();
        while !self.has_audience().await? && back_since.elapsed() < GRACE {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Whether as many listen as before, if Redis says how many do.
    async fn has_audience(&mut self) -> RedisResult<bool> {
        let connection = self.connection.as_mut().expect("it was connected before");
        let answer = redis::cmd("PUBSUB")
            .arg("NUMSUB")
            .arg(&self.shared.options.channel)
            .query_async::<(String, usize)>(&mut connection.redis)
            .await;
        match answer {
            Ok((_, listeners)) => Ok(listeners >= self.audience),
            Err(error) if error.is_io_error() => {
                self.lost(&error);
                Err(error)
            }
            // A user who may not ask.
            Err(_) => Ok(false),
        }
    }

    /// What was spooled leaves first and in its order. A message whose answer was lost is sent again.
    async fn send_spool(&mut self) -> RedisResult<()> {
        while !self.spool.is_empty() {
            let batch = self.spool.batch();
            let texts = batch.iter().map(|text| (Channel::Events, text.as_str()));
            let answers = self.pipeline(texts).await?;
            for answer in answers {
                self.spool.sent();
                if let Err(error) = answer {
                    self.shared.stats.failed("refused");
                    tracing::error!(%error, "redis refused a spooled message, which is lost");
                }
            }
        }
        Ok(())
    }

    async fn send(&mut self, jobs: Vec<Job>) -> Result<(), (Vec<Job>, RedisError)> {
        if jobs.is_empty() {
            return Ok(());
        }
        let answers = match self
            .pipeline(jobs.iter().map(|job| (job.channel, job.text.as_str())))
            .await
        {
            Ok(answers) => answers,
            Err(error) => return Err((jobs, error)),
        };
        for (job, answer) in jobs.into_iter().zip(answers) {
            let answer = match answer {
                Ok(listeners) => {
                    if job.channel == Channel::Events {
                        self.audience = listeners;
                    }
                    Ok(Published::Heard(Some(listeners)))
                }
                Err(error) => Err(error.into()),
            };
            self.answer(job.answer, answer);
        }
        Ok(())
    }

    /// Publishes texts at once. An answer each, or one error when the connection is gone.
    async fn pipeline<'a>(
        &mut self,
        texts: impl Iterator<Item = (Channel, &'a str)>,
    ) -> RedisResult<Vec<RedisResult<usize>>> {
        let connection = self.connection.as_mut().expect("it was connected before");
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for (channel, text) in texts {
            let channel = self.shared.options.name(channel);
            pipeline.cmd("PUBLISH").arg(&*channel).arg(text);
        }
        connection.used = Instant::now();
        let answers = pipeline.query_async(&mut connection.redis).await;
        answers.inspect_err(|error| self.lost(error))
    }

    fn lost(&mut self, error: &RedisError) {
        self.connection = None;
        if self.failure.is_none() {
            let address = self.shared.target.address();
            tracing::error!(%error, address, "redis takes no messages; trying again");
        }
        self.failure = Some(Failure {
            error: error.clone(),
            retry_at: Instant::now() + self.retry.next_delay(),
            connects: self.shared.stats.connects(),
            back_since: None,
        });
    }

    fn fail(&mut self, jobs: Vec<Job>, error: &RedisError) {
        for job in jobs {
            let answer = match job.on_outage {
                OnOutage::Spool if job.channel == Channel::Events => {
                    self.spool.push(job.text, job.waiting).map(|()| {
                        meter::message_spooled();
                        Published::Spooled
                    })
                }
                _ => Err(BusError::from(error.clone())),
            };
            self.answer(job.answer, answer);
        }
    }

    /// Tells whoever published what became of it.
    fn answer(&self, publisher: Option<Answer>, answer: Result<Published, BusError>) {
        let Some(publisher) = publisher else { return };
        if let Err(error) = &answer {
            self.shared.stats.failed(match error {
                BusError::SpoolFull { .. } => "spool_full",
                _ => "redis",
            });
        }
        let _ = publisher.send(answer);
    }
}

async fn ping(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let ping = redis::cmd("PING");
    tokio::time::timeout(CONNECT_TIMEOUT, ping.exec_async(connection))
        .await
        .unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

/// Messages that wait for Redis, in order and bounded.
struct Spool {
    messages: VecDeque<(String, Option<Waiting>)>,
    bytes: usize,
    max_bytes: usize,
}

impl Spool {
    fn new(max_bytes: usize) -> Self {
        Self {
            messages: VecDeque::new(),
            bytes: 0,
            max_bytes,
        }
    }

    fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn push(&mut self, text: String, waiting: Option<Waiting>) -> Result<(), BusError> {
        if self.bytes + text.len() > self.max_bytes {
            return Err(BusError::SpoolFull {
                limit: self.max_bytes,
            });
        }
        self.bytes += text.len();
        self.messages.push_back((text, waiting));
        Ok(())
    }

    /// The oldest messages, which stay until they are sent.
    fn batch(&self) -> Vec<String> {
        let mut bytes = 0;
        let fits = |text: &&String| {
            let first = bytes == 0;
            bytes += text.len();
            first || bytes <= BATCH_BYTES
        };
        self.messages
            .iter()
            .map(|(text, _)| text)
            .take(BATCH)
            .take_while(fits)
            .cloned()
            .collect()
    }

    fn sent(&mut self) {
        if let Some((text, _)) = self.messages.pop_front() {
            self.bytes -= text.len();
        }
    }
}
