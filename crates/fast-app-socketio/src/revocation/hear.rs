//! What workers tell each other of revocations.

use std::{sync::Weak, time::Duration};

use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::Instant};

use super::log::Entry;
use crate::{
    bus::{BusError, Envelope, Message, OnOutage},
    manager::Shared,
};

/// How much longer ago than a worker says a revocation may be that it has missed.
const MARGIN: Duration = Duration::from_secs(10);
/// How many confirmations may wait for the bus to take them.
pub(crate) const CONFIRMING: usize = 4_096;
/// How often revocations are repeated, whoever asks.
const REPEAT_EVERY: Duration = Duration::from_millis(250);

/// When to ask for what was missed after having heard something again: the bus may not take the first question, and who
/// knows may not hear it yet.
const ASK_AT: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_secs(2),
    Duration::from_secs(8),
];
/// How long to try to repeat what the bus does not take.
const RETRY_FOR: Duration = Duration::from_secs(10);

/// Questions that are not all asked yet.
pub(crate) struct Asking {
    /// How long nothing was heard before.
    deaf: Duration,
    since: Instant,
    task: AbortHandle,
}

impl Asking {
    /// How long ago that began which may have been missed.
    fn missed(&self) -> Duration {
        self.deaf.saturating_add(self.since.elapsed())
    }
}

/// Whether revocations were repeated a moment ago, and how far back somebody has asked for since then.
#[derive(Default)]
pub(crate) struct Repeating(Mutex<Option<Option<Duration>>>);

impl Shared {
    /// A revocation has come: it is done, then confirmed. Our own was done before it was published.
    pub(crate) async fn hear_revocation(&self, envelope: &Envelope, own: bool) {
        let Message::Revoke { id, again, .. } = envelope.message else {
            return;
        };
        let sockets = match own {
            true => 0,
            false => self.apply(&envelope.host, &envelope.message).await,
        };
        match (again, own) {
            (Some(_), _) => return,
            (None, true) => return self.confirmations.confirm(id, 0),
            (None, false) => {}
        }
        let confirmation = Envelope {
            host: envelope.host.clone(),
            message: Message::Revoked { id, sockets },
        };
        let bus = self.bus.clone();
        let Ok(permit) = self.confirming.clone().try_acquire_owned() else {
            tracing::warn!(
                "too many confirmations wait: the worker that revoked access is not told that it is"
            );
            return;
        };
        // The next message waits for this one, and must not wait for a bus that is slow to take something.
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = bus.publish(&confirmation, OnOutage::Raise).await {
                tracing::warn!(%error, "a confirmation did not reach the worker that revoked access");
            }
        });
    }

    /// Nothing was heard for a while: others are asked for what was revoked meanwhile.
    pub(crate) fn ask_for_revocations(&self, deaf: Duration) {
        if self.server().is_none() {
            return;
        }
        let mut asking = self.asking.lock();
        let deaf = match asking.take() {
            // Not everybody may have heard what was asked.
            Some(earlier) => {
                earlier.task.abort();
                deaf.max(earlier.missed())
            }
            None => deaf,
        };
        let (weak, since) = (self.weak.clone(), Instant::now());
        let task = tokio::spawn(async move {
            for (number, at) in ASK_AT.into_iter().enumerate() {
                tokio::time::sleep_until(since + at).await;
                let Some(shared) = weak.upgrade() else { return };
                if number > 0 && !shared.bus.stats().listening {
                    // The rest is asked when it hears again.
                    return;
                }
                shared.ask(deaf.saturating_add(since.elapsed())).await;
            }
            if let Some(shared) = weak.upgrade() {
                shared.asking.lock().take_if(|asking| asking.since == since);
            }
        });
        *asking = Some(Asking {
            deaf,
            since,
            task: task.abort_handle(),
        });
    }

    async fn ask(&self, since: Duration) {
        let question = Envelope {
            host: self.host.clone(),
            message: Message::Missed { since },
        };
        if let Err(error) = self.bus.publish(&question, OnOutage::Raise).await {
            tracing::warn!(%error, "other workers could not be asked for revocations that were missed");
        }
    }

    /// A worker has missed what was sent for a while. Who has a revocation already takes no notice of it, so one answer
    /// serves all who ask in a while. The first is not let wait: until then it delivers to whoever lost access.
    pub(crate) fn repeat_revocations(&self, since: Duration) {
        let since = since.saturating_add(MARGIN);
        if self.repeating.hold(since) {
            return;
        }
        let weak = self.weak.clone();
        tokio::spawn(async move {
            let mut asked = Some(since);
            while let Some(since) = asked {
                let entries = weak
                    .upgrade()
                    .map(|shared| shared.revocations.lock().recent(since));
                repeat(&weak, entries.unwrap_or_default()).await;
                tokio::time::sleep(REPEAT_EVERY).await;
                asked = weak.upgrade().and_then(|shared| shared.repeating.next());
            }
        });
    }
}

impl Repeating {
    /// Whether whoever asks must wait for [`Repeating::next`]; if not, it must be called.
    fn hold(&self, since: Duration) -> bool {
        let Self(held) = self;
        match &mut *held.lock() {
            Some(longest) => {
                *longest = (*longest).max(Some(since));
                true
            }
            idle => {
                *idle = Some(None);
                false
            }
        }
    }

    /// The longest that was asked for meanwhile, if anything was.
    fn next(&self) -> Option<Duration> {
        let Self(held) = self;
        let mut held = held.lock();
        let asked = held.take().flatten();
        if asked.is_some() {
            *held = Some(None);
        }
        asked
    }
}

/// Publishes what it can; what the bus does not take is tried again.
async fn repeat(weak: &Weak<Shared>, entries: Vec<Entry>) {
    let deadline = Instant::now() + RETRY_FOR;
    for entry in entries {
        loop {
            let Some(shared) = weak.upgrade() else { return };
            let envelope = entry.again();
            let published = shared.bus.publish(&envelope, OnOutage::Raise).await;
            drop(shared);
            let Err(error) = published else { break };
            if let BusError::TooLarge { .. } = error {
                // Its age was too much for it, and always will be.
                tracing::warn!(%error, "a revocation could not be repeated for a worker that missed it");
                break;
            }
            if Instant::now() >= deadline {
                tracing::warn!(%error, "revocations could not be repeated for a worker that missed them");
                return;
            }
            tokio::time::sleep(REPEAT_EVERY).await;
        }
    }
}
