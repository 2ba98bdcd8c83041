//! What is counted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use super::python::DecodeError;
use crate::{bus::BusStats, meter};

#[derive(Default)]
pub(super) struct Stats {
    ears: AtomicUsize,
    hearing: AtomicUsize,
    connects: AtomicU64,
    outages: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    pickled: AtomicU64,
}

impl Stats {
    /// A listener has subscribed.
    pub(super) fn connected(&self) {
        self.connects.fetch_add(1, Ordering::Release);
    }

    /// How often one has.
    pub(super) fn connects(&self) -> u64 {
        self.connects.load(Ordering::Acquire)
    }

    /// A message was not sent.
    pub(super) fn failed(&self, reason: &'static str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        meter::messages_failed(reason, 1);
    }

    /// Every message that is none is counted; the first, the second, the fourth and so on are logged, and the first
    /// pickle, because it is a known fault with a known cure.
    pub(super) fn dropped(&self, error: &DecodeError) {
        meter::message_dropped(error.reason());
        let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        if let DecodeError::Pickle = error {
            if self.pickled.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!("{error}; this is not said again");
            }
        } else if dropped.is_power_of_two() {
            tracing::warn!(%error, at = error.column(), dropped, "a message on the channel was dropped");
        }
    }

    /// With so many messages that wait to be sent.
    pub(super) fn read(&self, waiting: usize) -> BusStats {
        let ears = self.ears.load(Ordering::Acquire);
        BusStats {
            listening: ears > 0 && self.hearing.load(Ordering::Acquire) == ears,
            outages: self.outages.load(Ordering::Relaxed),
            waiting,
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            pickled: self.pickled.load(Ordering::Relaxed),
        }
    }
}

/// Whether one of those who listen hears something; it counts for as long as it lives.
pub(super) struct Hearing {
    stats: Arc<Stats>,
    hears: bool,
}

impl Hearing {
    pub(super) fn new(stats: Arc<Stats>) -> Self {
        stats.ears.fetch_add(1, Ordering::AcqRel);
        let hears = false;
        Self { stats, hears }
    }

    pub(super) fn hears(&self) -> bool {
        self.hears
    }

    pub(super) fn begin(&mut self) {
        if !std::mem::replace(&mut self.hears, true) {
            self.stats.hearing.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// It hears nothing any more; whether it did.
    pub(super) fn lose(&mut self) -> bool {
        let heard = self.end();
        if heard {
            self.stats.outages.fetch_add(1, Ordering::Relaxed);
            meter::bus_outage();
        }
        heard
    }

    fn end(&mut self) -> bool {
        let heard = std::mem::take(&mut self.hears);
        if heard {
            self.stats.hearing.fetch_sub(1, Ordering::AcqRel);
        }
        heard
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.end();
        self.stats.ears.fetch_sub(1, Ordering::AcqRel);
    }
}
