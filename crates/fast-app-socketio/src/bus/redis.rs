//! Redis pub/sub.
//!
//! ```text
//!  publish ──PUBLISH──► redis ──message──► listener task ──► Listener
//!  (the caller waits)               └── lost ──► 100 ms … 1 s ──► connect, SUBSCRIBE
//! ```

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use parking_lot::Mutex as SyncMutex;
use redis::{AsyncConnectionConfig, Client, RedisError, aio::MultiplexedConnection};
use tokio::{sync::Mutex, task::AbortHandle};

use super::{BoxFuture, Bus, BusError, Envelope, Listener, python};

/// The channel of python-socketio. The number of a database does not separate channels.
const CHANNEL: &str = "socketio";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// A channel of a Redis server, shared with python-socketio's workers.
pub struct RedisBus {
    client: Client,
    publisher: Mutex<Option<MultiplexedConnection>>,
    state: Arc<State>,
    listener: SyncMutex<Option<AbortHandle>>,
}

#[derive(Default)]
struct State {
    listening: AtomicBool,
    /// Messages that were no messages.
    dropped: AtomicU64,
}

impl RedisBus {
    /// A bus over the server of this URL. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When it is no Redis URL.
    pub fn new(url: &str) -> Result<Self, RedisError> {
        Ok(Self {
            client: Client::open(url)?,
            publisher: Mutex::default(),
            state: Arc::default(),
            listener: SyncMutex::default(),
        })
    }

    async fn publish_text(&self, text: String) -> Result<usize, RedisError> {
        let mut connection = self.connection().await?;
        let result = redis::cmd("PUBLISH")
            .arg(CHANNEL)
            .arg(text)
            .query_async(&mut connection)
            .await;
        if let Err(error) = &result {
            tracing::warn!(error = describe(error), "redis did not take a message");
            *self.publisher.lock().await = None;
        }
        result
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut publisher = self.publisher.lock().await;
        if let Some(connection) = &*publisher {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        Ok(publisher.insert(connection).clone())
    }
}

impl Bus for RedisBus {
    fn publish<'a>(
        &'a self,
        envelope: &'a Envelope,
    ) -> BoxFuture<'a, Result<Option<usize>, BusError>> {
        Box::pin(async move { Ok(Some(self.publish_text(python::encode(envelope)).await?)) })
    }

    fn listen(&self, listener: Weak<dyn Listener>) {
        let task = tokio::spawn(listen_forever(
            self.client.clone(),
            self.state.clone(),
            listener,
        ));
        if let Some(earlier) = self.listener.lock().replace(task.abort_handle()) {
            earlier.abort();
        }
    }

    fn is_listening(&self) -> bool {
        self.state.listening.load(Ordering::Acquire)
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.lock().take() {
            listener.abort();
        }
    }
}

impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.client.get_connection_info().addr();
        f.debug_struct("RedisBus")
            .field("address", &address.to_string())
            .finish_non_exhaustive()
    }
}

/// What went wrong, without the texts that may hold a URL.
pub(super) fn describe(error: &RedisError) -> String {
    error.to_string()
}

async fn listen_forever(client: Client, state: Arc<State>, listener: Weak<dyn Listener>) {
    let mut retry = FIRST_RETRY;
    let mut reported = false;
    while listener.strong_count() > 0 {
        let ended = listen_once(&client, &state, &listener, || retry = FIRST_RETRY).await;
        let heard = state.listening.swap(false, Ordering::AcqRel);
        match ended {
            Err(error) if heard || !reported => {
                tracing::error!(
                    address = %client.get_connection_info().addr(),
                    error = describe(&error),
                    "redis cannot be heard: clients of this process are served, other workers are not reached; trying again"
                );
                reported = true;
            }
            Err(error) => tracing::debug!(error = describe(&error), "redis still cannot be heard"),
            Ok(()) => tracing::warn!("the connection to redis has ended; connecting again"),
        }
        tokio::time::sleep(with_jitter(retry)).await;
        retry = (retry * 2).min(LAST_RETRY);
    }
}

/// Listens on one connection until it ends.
async fn listen_once(
    client: &Client,
    state: &State,
    listener: &Weak<dyn Listener>,
    connected: impl FnOnce(),
) -> Result<(), RedisError> {
    let mut pubsub = match tokio::time::timeout(CONNECT_TIMEOUT, client.get_async_pubsub()).await {
        Ok(pubsub) => pubsub?,
        Err(_) => return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    };
    pubsub.subscribe(CHANNEL).await?;
    connected();
    state.listening.store(true, Ordering::Release);
    tracing::info!(address = %client.get_connection_info().addr(), channel = CHANNEL, "listening to redis");
    let mut messages = pubsub.into_on_message();
    while let Some(message) = messages.next().await {
        let Some(listener) = listener.upgrade() else {
            return Ok(());
        };
        match python::decode(message.get_payload_bytes()) {
            Ok(envelope) => listener.receive(envelope).await,
            Err(error) => report_dropped(state, &error),
        }
    }
    Ok(())
}

/// Every dropped message is counted; the first, the second, the fourth and so on are logged.
fn report_dropped(state: &State, error: &python::DecodeError) {
    let dropped = state.dropped.fetch_add(1, Ordering::Relaxed) + 1;
    if dropped.is_power_of_two() {
        tracing::warn!(%error, dropped, "a message on the channel was dropped");
    }
}

/// Between half and all of a delay, so that workers do not come back all at once.
fn with_jitter(delay: Duration) -> Duration {
    let mut byte = [0];
    getrandom::fill(&mut byte).expect("the operating system provides random bytes");
    delay.mul_f64(0.5 + f64::from(byte[0]) / 510.0)
}
