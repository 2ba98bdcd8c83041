//! A client like any other, which connects again and again while a job attacks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::peer::Peer;
use super::report::Report;
use crate::histogram::Histogram;
use crate::{Error, Result};

/// How long it takes at most for one in a hundred.
const LIMIT: Duration = Duration::from_millis(100);
/// When a visit has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// From one visit's time to the next one's.
const PAUSE: Duration = Duration::from_millis(10);
/// The first of its numbers, so that its ports are not those of the attackers.
const FIRST: usize = 63;

/// The visitor, on a thread of its own: what it measures is the server, not how busy the attackers are.
#[derive(Debug)]
pub struct Visitor {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<Visits>>,
}

/// What it has seen.
#[derive(Debug, Default)]
struct Visits {
    latency: Histogram,
    count: u64,
    failed: u64,
}

impl Visits {
    fn add(&mut self, took: Option<Duration>) {
        match took {
            Some(took) => self.latency.record(took.as_nanos() as u64),
            None => self.failed += 1,
        }
        self.count += 1;
    }
}

impl Visitor {
    /// Begins to visit.
    pub fn start(address: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        let thread = std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(Error::io("starting a runtime"))?;
            runtime.block_on(visit(address, &ended))
        });
        Self { over, thread }
    }

    /// Ends it and reports how long its visits took.
    pub fn end(self, report: &mut Report, meanwhile: &str) -> Result<()> {
        self.over.store(true, Relaxed);
        let visits = self.thread.join();
        let visits = visits.map_err(|_| Error::Answer("the visitor panicked".into()))??;
        let count = visits.count;
        report.within(
            format!("{meanwhile}: a client connects, p99 of {count}"),
            (count > 0).then(|| visits.latency.quantile(0.99)),
            LIMIT,
        );
        report.exactly(format!("{meanwhile}: visits that failed"), visits.failed, 0);
        Ok(())
    }
}

/// Visits by a schedule, whether those before have been answered or not: while a server stands still, visits pile up.
async fn visit(address: SocketAddr, over: &AtomicBool) -> Result<Visits> {
    let (mut visits, mut open, mut next) = (Visits::default(), JoinSet::new(), Instant::now());
    while !over.load(Relaxed) {
        open.spawn(async move {
            // TCP, the WebSocket, the open packet, CONNECT and its answer.
            let visit = timeout(PATIENCE, Peer::connect(address, FIRST, &json!({}))).await;
            matches!(visit, Ok(Ok(_))).then(|| next.elapsed())
        });
        next += PAUSE;
        sleep_until(next).await;
        while let Some(ended) = open.try_join_next() {
            visits.add(ended.unwrap_or_default());
        }
    }
    let last = open.join_all().await;
    last.into_iter().for_each(|took| visits.add(took));
    Ok(visits)
}
