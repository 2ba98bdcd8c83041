//! Being told to end by a signal, and ending a process that does not.
//!
//! ```text
//!  SIGTERM, SIGINT ─► told ─► the server ends ─► the process ends by itself: 0
//!                       ├─ another signal ─────► at once: 128 and its number
//!                       └─ the hard limit ─────► with an error in the log: 1
//! ```
//!
//! A thread of the operating system does it, not a task: a handler that blocks its thread keeps tokio from running tasks,
//! and its runtime from ending.

use std::{
    io,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator, low_level,
};
use tokio::sync::oneshot;

/// Signals that come within this time are one order: a terminal sends its own to a whole group of processes, and a
/// supervisor passes it on to each of them.
const ONE_ORDER: Duration = Duration::from_millis(250);

/// How often the thread looks whether it is time, once the process was told to end.
const LOOK: Duration = Duration::from_millis(20);

/// How much of the time between two looks counts for [`ONE_ORDER`]: when the process stands still, signals wait with it.
const LONGEST_LOOK: Duration = Duration::from_millis(50);

/// How long the log may take to take the last line: it may be what the process hangs on.
const LOG_LIMIT: Duration = Duration::from_secs(1);

/// How many [`Signals`] there are in this process.
static LISTENING: AtomicUsize = AtomicUsize::new(0);

/// The signals to end, from its creation on. Once all are dropped before one has come, a signal does what it does to a process
/// that does not listen: the handler of the system cannot be taken back.
pub(crate) struct Signals {
    told: oneshot::Receiver<()>,
}

impl Signals {
    /// Hears the signals; the process ends this long after the first one at the latest.
    pub(crate) fn listen(hard_limit: Duration) -> io::Result<Self> {
        let signals = iterator::Signals::new([SIGTERM, SIGINT])?;
        let (tell, told) = oneshot::channel();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || listen(signals, tell, hard_limit))?;
        LISTENING.fetch_add(1, Ordering::Relaxed);
        Ok(Self { told })
    }

    /// Waits for the first.
    pub(crate) async fn told(mut self) {
        let _ = (&mut self.told).await;
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        LISTENING.fetch_sub(1, Ordering::Relaxed);
    }
}

fn listen(mut signals: iterator::Signals, tell: oneshot::Sender<()>, hard_limit: Duration) {
    let Some(signal) = signals.forever().next() else {
        return;
    };
    let begun = Instant::now();
    if tell.send(()).is_err() {
        if LISTENING.load(Ordering::Relaxed) == 0 {
            let _ = low_level::emulate_default_handler(signal);
        }
        return;
    }
    let (mut looked, mut passed) = (begun, Duration::ZERO);
    loop {
        thread::sleep(LOOK.min(hard_limit.saturating_sub(begun.elapsed())));
        // What is found now may have come right after the last look.
        let earliest = passed;
        passed += looked.elapsed().min(LONGEST_LOOK);
        looked = Instant::now();
        let again = signals.pending().last();
        match again {
            Some(signal) if earliest >= ONE_ORDER => end(128 + signal, move || {
                tracing::warn!(signal, "told to end again: ending at once");
            }),
            _ if begun.elapsed() >= hard_limit => end(1, move || {
                tracing::error!(?hard_limit, "the process did not end by itself: ending it");
            }),
            _ => {}
        }
    }
}

/// Ends the process without a further word to anything in it.
fn end(code: i32, log: impl FnOnce() + Send + 'static) -> ! {
    let (done, logged) = mpsc::channel::<()>();
    let logger = thread::Builder::new().spawn(move || {
        log();
        drop(done);
    });
    if logger.is_ok() {
        let _ = logged.recv_timeout(LOG_LIMIT);
    }
    low_level::exit(code)
}
