//! What is counted and measured, through the facade `metrics`: without a recorder nothing is.
//!
//! Nothing here is called for a single delivery. What can be computed is computed when somebody asks:
//! [`Engine::record_metrics`](crate::Engine::record_metrics).

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::{error::RequestError, handler::CloseReason};

const SESSIONS: &str = "fast_app_sessions";
const QUEUED_BYTES: &str = "fast_app_queued_bytes";
const SESSIONS_OPENED: &str = "fast_app_sessions_opened_total";
const SESSIONS_CLOSED: &str = "fast_app_sessions_closed_total";
const REQUESTS_REFUSED: &str = "fast_app_requests_refused_total";
const CONNECTIONS_REFUSED: &str = "fast_app_connections_refused_total";
const FLUSH: &str = "fast_app_flush_seconds";

/// Somebody has asked for metrics. Until then flushers do not look at the clock, which for a single socket takes a fortieth
/// of the write.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Says what the names mean, to the recorder that is installed now.
pub(crate) fn describe() {
    describe_gauge!(
        SESSIONS,
        "Sessions of clients, those included that still have to be told that they are over."
    );
    describe_gauge!(
        QUEUED_BYTES,
        Unit::Bytes,
        "Bytes that wait to be sent, and 64 for each message; what many clients share counts for each."
    );
    describe_counter!(SESSIONS_OPENED, "Sessions that were opened.");
    describe_counter!(SESSIONS_CLOSED, "Sessions that ended, by reason.");
    describe_counter!(
        REQUESTS_REFUSED,
        "HTTP requests of clients that were refused, by reason."
    );
    describe_counter!(
        CONNECTIONS_REFUSED,
        "TCP connections that were closed at once or could not be accepted, by reason."
    );
    describe_histogram!(
        FLUSH,
        Unit::Seconds,
        "How long a flusher took to write to all sessions on its list."
    );
}

pub(crate) fn sessions(count: usize, queued_bytes: usize) {
    ASKED.store(true, Ordering::Relaxed);
    gauge!(SESSIONS).set(count as f64);
    gauge!(QUEUED_BYTES).set(queued_bytes as f64);
    // From the start, so that the first one is seen to be more than none.
    counter!(SESSIONS_OPENED).increment(0);
}

pub(crate) fn session_opened() {
    counter!(SESSIONS_OPENED).increment(1);
}

pub(crate) fn session_closed(reason: CloseReason) {
    counter!(SESSIONS_CLOSED, "reason" => reason.as_str()).increment(1);
}

pub(crate) fn request_refused(error: RequestError) {
    counter!(REQUESTS_REFUSED, "reason" => error.as_str()).increment(1);
}

/// More bytes of headers than a request may have.
pub(crate) fn headers_refused() {
    counter!(REQUESTS_REFUSED, "reason" => "headers_too_large").increment(1);
}

/// Too few file descriptors were left for another client.
pub(crate) fn connection_refused() {
    counter!(CONNECTIONS_REFUSED, "reason" => "file_limit").increment(1);
}

/// The system gave none of the connections that wait.
pub(crate) fn accept_failed() {
    counter!(CONNECTIONS_REFUSED, "reason" => "accept_failed").increment(1);
}

/// A flusher, from when it takes its list to its end.
pub(crate) struct Flush(Option<Instant>);

impl Flush {
    pub(crate) fn begin() -> Self {
        Self(ASKED.load(Ordering::Relaxed).then(Instant::now))
    }

    pub(crate) fn end(self) {
        if let Some(begun) = self.0 {
            histogram!(FLUSH).record(begun.elapsed());
        }
    }
}
