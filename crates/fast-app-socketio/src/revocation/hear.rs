//! What workers tell each other of revocations.

use std::time::Duration;

use parking_lot::Mutex;

use super::log::Entry;
use crate::{
    bus::{Bus, Envelope, Message, OnOutage},
    manager::Shared,
};

/// How much longer ago than a worker says a revocation may be that it has missed.
const MARGIN: Duration = Duration::from_secs(10);
/// How often revocations are repeated, whoever asks.
const REPEAT_EVERY: Duration = Duration::from_millis(250);

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
            (true, _) => return,
            (false, true) => return self.confirmations.confirm(id, 0),
            (false, false) => {}
        }
        let confirmation = Envelope {
            host: envelope.host.clone(),
            message: Message::Revoked { id, sockets },
        };
        if let Err(error) = self.bus.publish(&confirmation, OnOutage::Raise).await {
            tracing::warn!(%error, "a confirmation did not reach the worker that revoked access");
        }
    }

    /// Nothing was heard for a while: others are asked for what was revoked meanwhile.
    pub(crate) async fn ask_for_revocations(&self, deaf: Duration) {
        if self.server().is_none() {
            return;
        }
        let question = Envelope {
            host: self.host.clone(),
            message: Message::Missed { since: deaf },
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
                let Some(shared) = weak.upgrade() else { return };
                let entries = shared.revocations.lock().recent(since);
                repeat(&*shared.bus, entries).await;
                drop(shared);
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

async fn repeat(bus: &dyn Bus, entries: Vec<Entry>) {
    for Entry {
        host,
        id,
        revocation,
        ..
    } in entries
    {
        let message = Message::Revoke {
            revocation,
            id,
            again: true,
        };
        let envelope = Envelope { host, message };
        if let Err(error) = bus.publish(&envelope, OnOutage::Raise).await {
            // Who asked will ask again when it hears the bus again.
            tracing::warn!(%error, "revocations could not be repeated for a worker that missed them");
            return;
        }
    }
}
