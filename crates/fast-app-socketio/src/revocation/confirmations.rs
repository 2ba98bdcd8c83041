//! Revocations of this manager that wait for the workers' confirmations.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// How many workers have confirmed, and how many sockets they took out.
type Count = (usize, usize);

#[derive(Default)]
pub(crate) struct Confirmations {
    last_id: AtomicU64,
    waiting: Arc<Mutex<HashMap<u64, watch::Sender<Count>>>>,
}

impl Confirmations {
    /// The number of a new revocation, and who waits for it.
    pub(crate) fn expect(&self) -> Confirming {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, count) = watch::channel((0, 0));
        self.waiting.lock().insert(id, sender);
        Confirming {
            id,
            count,
            waiting: self.waiting.clone(),
        }
    }

    /// A worker has done it; one that nobody waits for any more is ignored.
    pub(crate) fn confirm(&self, id: u64, sockets: usize) {
        if let Some(sender) = self.waiting.lock().get(&id) {
            sender.send_modify(|(workers, all)| {
                *workers += 1;
                *all = all.saturating_add(sockets);
            });
        }
    }
}

pub(crate) struct Confirming {
    id: u64,
    count: watch::Receiver<Count>,
    waiting: Arc<Mutex<HashMap<u64, watch::Sender<Count>>>>,
}

impl Confirming {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Waits until so many workers have confirmed, or the time is over; says how many have.
    pub(crate) async fn wait(mut self, workers: usize, deadline: Instant) -> Count {
        let all = self.count.wait_for(|(confirmed, _)| *confirmed >= workers);
        let _ = timeout_at(deadline, all).await;
        *self.count.borrow()
    }
}

impl Drop for Confirming {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.id);
    }
}
