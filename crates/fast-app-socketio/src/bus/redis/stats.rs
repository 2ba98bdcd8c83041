//! What is counted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::python::DecodeError;
use crate::bus::BusStats;

#[derive(Default)]
pub(super) struct Stats {
    listening: AtomicBool,
    connects: AtomicU64,
    outages: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    pickled: AtomicU64,
}

impl Stats {
    pub(super) fn started_listening(&self) {
        self.connects.fetch_add(1, Ordering::Release);
        self.listening.store(true, Ordering::Release);
    }

    /// How often it has started to listen.
    pub(super) fn connects(&self) -> u64 {
        self.connects.load(Ordering::Acquire)
    }

    /// Whether it was listening.
    pub(super) fn stopped_listening(&self) -> bool {
        let was_listening = self.listening.swap(false, Ordering::AcqRel);
        if was_listening {
            self.outages.fetch_add(1, Ordering::Relaxed);
        }
        was_listening
    }

    pub(super) fn failed(&self, messages: u64) {
        self.failed.fetch_add(messages, Ordering::Relaxed);
    }

    /// Every message that is none is counted; the first, the second, the fourth and so on are logged, and the first
    /// pickle, because it is a known fault with a known cure.
    pub(super) fn dropped(&self, error: &DecodeError) {
        let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        if let DecodeError::Pickle = error {
            if self.pickled.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::warn!("{error}; this is not said again");
            }
        } else if dropped.is_power_of_two() {
            tracing::warn!(%error, dropped, "a message on the channel was dropped");
        }
    }

    pub(super) fn read(&self) -> BusStats {
        BusStats {
            listening: self.listening.load(Ordering::Acquire),
            outages: self.outages.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            pickled: self.pickled.load(Ordering::Relaxed),
        }
    }
}
