//! Time on a busy machine.

use std::time::{Duration, Instant};

/// Measures how long this thread worked and waited for others, but not how long it waited for a processor, which on a busy
/// machine other programs have in between.
///
/// The clock of the processor alone would not see a server that only lets a client wait.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    start: Instant,
    queued: Duration,
}

impl Stopwatch {
    /// Starts to measure.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            queued: queued(),
        }
    }

    /// The time since the start. Only the thread that started it may ask.
    pub fn elapsed(&self) -> Duration {
        let queued = queued().saturating_sub(self.queued);
        self.start.elapsed().saturating_sub(queued)
    }
}

/// How long this thread was ready to run and did not, by Linux's `/proc` (Documentation/scheduler/sched-stats.rst); nothing
/// on a system that does not say.
fn queued() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().nth(1);
    Duration::from_nanos(nanos.map_or(0, |nanos| nanos.parse().expect("it is a number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_others_counts() {
        let watch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(20));
        assert!(watch.elapsed() >= Duration::from_millis(20));
    }

    /// Of so many threads some get no more than a quarter of their time.
    #[test]
    fn waiting_for_a_processor_does_not_count() {
        const WORK: Duration = Duration::from_millis(200);
        let threads = 4 * std::thread::available_parallelism().unwrap().get();
        let together = std::sync::Barrier::new(threads);
        let work = || {
            together.wait();
            let (start, watch) = (Instant::now(), Stopwatch::start());
            while start.elapsed() < WORK {}
            watch.elapsed()
        };
        let least = std::thread::scope(|scope| {
            let working: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let took = working.into_iter().map(|thread| thread.join().unwrap());
            took.min().unwrap()
        });
        assert!(least < WORK / 2, "{least:?}");
    }
}
