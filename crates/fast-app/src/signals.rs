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
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::{self, Handle},
    low_level,
};
use tokio::sync::oneshot;

/// Signals that come within this time are one order: a terminal sends its own to a whole group of processes, and a
/// supervisor passes it on to each of them.
const ONE_ORDER: Duration = Duration::from_millis(250);

/// How often the thread looks whether it is time, once the process was told to end.
const LOOK: Duration = Duration::from_millis(20);

/// How long the log may take to take the last line: it may be what the process hangs on.
const LOG_LIMIT: Duration = Duration::from_secs(1);

/// The signals to end, from its creation on. When it is dropped before one has come they are no longer heard.
pub(crate) struct Signals {
    handle: Handle,
    told: oneshot::Receiver<()>,
}

impl Signals {
    /// Hears the signals; the process ends this long after the first one at the latest.
    pub(crate) fn listen(hard_limit: Duration) -> io::Result<Self> {
        let signals = iterator::Signals::new([SIGTERM, SIGINT])?;
        let handle = signals.handle();
        let (tell, told) = oneshot::channel();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || listen(signals, tell, hard_limit))?;
        Ok(Self { handle, told })
    }

    /// Waits for the first.
    pub(crate) async fn told(mut self) {
        let _ = (&mut self.told).await;
    }
}

impl Drop for Signals {
    /// Ends the thread, unless it has been told to end: then it goes on for as long as the process does.
    fn drop(&mut self) {
        self.handle.close();
    }
}

fn listen(mut signals: iterator::Signals, tell: oneshot::Sender<()>, hard_limit: Duration) {
    if signals.forever().next().is_none() {
        return;
    }
    let begun = Instant::now();
    let _ = tell.send(());
    loop {
        thread::sleep(LOOK.min(hard_limit.saturating_sub(begun.elapsed())));
        let again = signals.pending().last();
        match again {
            Some(signal) if begun.elapsed() >= ONE_ORDER => end(128 + signal, move || {
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
