//! Numbered events through an outage, and what became of each.

use std::{sync::Arc, time::Duration};

use fast_app_socketio::{Emit, Manager, Payload, bus::OnOutage};
use parking_lot::Mutex;
use testkit::Tally;
use tokio::{
    sync::{Mutex as Gate, MutexGuard},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};

/// Emits the numbers 0, 1, 2… to everybody, each after the receipt of the one before.
pub(crate) struct Stream {
    emitted: Arc<Mutex<Vec<Instant>>>,
    receipts: Arc<Mutex<Vec<Receipt>>>,
    gate: Arc<Gate<()>>,
    task: JoinHandle<()>,
}

/// What the caller was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Receipt {
    /// So many workers were listening.
    Heard(usize),
    Spooled,
    Failed,
}

impl Stream {
    /// One number every `interval`, or fewer while receipts take longer.
    pub(crate) fn start(manager: Manager, interval: Duration, on_outage: OnOutage) -> Self {
        let (emitted, receipts) = (
            Arc::<Mutex<Vec<_>>>::default(),
            Arc::<Mutex<Vec<_>>>::default(),
        );
        let begun = emitted.clone();
        let gate = Arc::new(Gate::new(()));
        let (written, open) = (receipts.clone(), gate.clone());
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            for number in 0_u64.. {
                ticks.tick().await;
                let _open = open.lock().await;
                let payload = Payload::new(&number).expect("a number is JSON");
                let emit = Emit::new("n", payload).on_outage(on_outage);
                begun.lock().push(Instant::now());
                let receipt = match manager.emit(emit).await {
                    Ok(delivery) if delivery.spooled => Receipt::Spooled,
                    Ok(delivery) => Receipt::Heard(delivery.workers.expect("redis tells how many")),
                    Err(_) => Receipt::Failed,
                };
                written.lock().push(receipt);
            }
        });
        Self {
            emitted,
            receipts,
            gate,
            task,
        }
    }

    /// Emits nothing while the guard lives, and nothing is under way.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().await
    }

    /// When each number was emitted.
    #[allow(
        dead_code,
        reason = "the long faults measure what it takes, the tests do not"
    )]
    pub(crate) fn emitted(&self) -> Vec<Instant> {
        self.emitted.lock().clone()
    }

    /// What became of each number.
    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        self.receipts.lock().clone()
    }

    /// The number that was emitted last, with its receipt.
    pub(crate) fn last(&self) -> Option<(u64, Receipt)> {
        let receipts = self.receipts.lock();
        let receipt = *receipts.last()?;
        Some((receipts.len() as u64 - 1, receipt))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What one client of each worker did not hear.
#[derive(Debug, PartialEq)]
pub(crate) struct Loss {
    /// Numbers that were not heard.
    pub(crate) missed: usize,
    /// Numbers of which the emitter was told that they would not be.
    pub(crate) told: usize,
    /// Numbers that were heard twice or too late.
    pub(crate) disorder: usize,
}

/// Compares the receipts with what one client of each worker heard.
pub(crate) fn loss<'a>(receipts: &[Receipt], clients: impl IntoIterator<Item = &'a Tally>) -> Loss {
    let (mut missed, mut disorder, mut workers) = (0, 0, 0);
    for client in clients {
        let numbers = client.numbers();
        disorder += numbers.windows(2).filter(|pair| pair[0] >= pair[1]).count();
        missed += receipts.len().saturating_sub(numbers.len());
        workers += 1;
    }
    let told = receipts.iter().map(|receipt| match receipt {
        Receipt::Heard(heard) => workers.max(*heard) - heard,
        Receipt::Spooled => 0,
        Receipt::Failed => workers,
    });
    let told = told.sum();
    Loss {
        missed,
        told,
        disorder,
    }
}
