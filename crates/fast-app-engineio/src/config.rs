//! Settings and limits of a server.

use std::time::Duration;

use crate::origin::Origins;

/// What is longer is as good as for ever, and not every clock could express it.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Timers of JavaScript end at once when they are to last 2^31 ms or more, and clients wait for both parts of a heartbeat.
const LONGEST_BEAT: Duration = Duration::from_secs(12 * 24 * 60 * 60);
/// As many as a `HeaderMap` holds.
const MOST_HEADERS: usize = 24_576;
/// As few as hyper can work with.
const FEWEST_HEADER_BYTES: usize = 8 * 1024;

/// How a server behaves. Every limit has a safe default. A time that is longer than a year counts as a year.
///
/// ```
/// # use fast_app_engineio::Config;
/// let config = Config { max_payload: 100_000, ..Config::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The path that is served, with a slash at both ends. Default `/socket.io/`.
    pub path: String,
    /// Time between two pings, and not less than the client has for its answer. Default 25 s, at most 12 days.
    pub ping_interval: Duration,
    /// How long a client may take to answer a ping. Default 20 s, at most 12 days.
    pub ping_timeout: Duration,
    /// How long a client may take from its WebSocket request to the end of the upgrade. Default 10 s.
    pub upgrade_timeout: Duration,
    /// The largest message or polling body that is accepted, in bytes. Default 1,000,000.
    pub max_payload: usize,
    /// How many frames one WebSocket message may be cut into, empty ones counted. Default 4,096.
    pub max_fragments: usize,
    /// How many packets one polling body may hold. Default 1,000.
    pub max_packets: usize,
    /// How long the body of a request may take to arrive, from the end of its headers on. Default 25 s.
    pub body_timeout: Duration,
    /// How many bytes may wait for one client that does not read; a message counts for 64 more than it has, which is about
    /// what it takes in memory. Default 1 MiB.
    pub max_outbox: usize,
    /// How long a client may take no byte of what waits for it on a WebSocket. Default 5 s.
    pub write_timeout: Duration,
    /// Which web pages may connect. Default [`Origins::SameOrigin`].
    pub origins: Origins,
    /// What [`serve`](fn@crate::serve) allows a connection before it is a session.
    pub http: HttpConfig,
}

/// Limits of [`serve`](fn@crate::serve). Another HTTP server has its own.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// How long the headers of a request may take to arrive. Default 10 s.
    pub header_timeout: Duration,
    /// How many headers a request may have. Default 100, at most 24,576.
    pub max_headers: usize,
    /// How many bytes the headers of a request may take, at least 8 KiB. Default 64 KiB.
    pub max_header_bytes: usize,
    /// How long a client may take no byte of an answer. Default 30 s.
    pub write_timeout: Duration,
    /// How many file descriptors are kept from clients: connections are closed at once when less than so many are left
    /// below the soft limit of the process. Default 64.
    pub reserved_files: u64,
    /// Over what time clients are closed, evenly, once a shutdown has begun; those that are not closed yet are served
    /// meanwhile. Default 0 s: all at once.
    pub drain_time: Duration,
    /// How long everything may take to end after that: what is queued for clients, open requests, handlers, messages to
    /// other servers. Default 10 s.
    pub shutdown_timeout: Duration,
    /// How long after the signal to end the process is made to end, whatever still runs; more than `drain_time` and
    /// `shutdown_timeout` together. `fast_app::serve` keeps it, which is told of signals; nothing in this crate does.
    /// Default 30 s.
    pub hard_limit: Duration,
}

impl Config {
    /// With values that everybody can work with.
    pub(crate) fn bounded(mut self) -> Self {
        for time in [&mut self.ping_interval, &mut self.ping_timeout] {
            *time = LONGEST_BEAT.min(*time);
        }
        for time in [
            &mut self.upgrade_timeout,
            &mut self.body_timeout,
            &mut self.write_timeout,
            &mut self.http.header_timeout,
            &mut self.http.write_timeout,
            &mut self.http.drain_time,
            &mut self.http.shutdown_timeout,
            &mut self.http.hard_limit,
        ] {
            *time = LONGEST.min(*time);
        }
        let http = &mut self.http;
        http.max_headers = MOST_HEADERS.min(http.max_headers);
        http.max_header_bytes = FEWEST_HEADER_BYTES.max(http.max_header_bytes);
        self
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            max_headers: 100,
            max_header_bytes: 64 * 1024,
            write_timeout: Duration::from_secs(30),
            reserved_files: 64,
            drain_time: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(10),
            hard_limit: Duration::from_secs(30),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io/".to_owned(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            max_payload: 1_000_000,
            max_fragments: 4_096,
            max_packets: 1_000,
            body_timeout: Duration::from_secs(25),
            max_outbox: 1 << 20,
            write_timeout: Duration::from_secs(5),
            origins: Origins::SameOrigin,
            http: HttpConfig::default(),
        }
    }
}
