//! Who writes: one task per shard of sessions.
//!
//! ```text
//!  fan-out ──push──► outbox of each member        (no task woken, no system call)
//!     └────list──► shard ──one wake──► flusher ──one vectored write each──► sockets
//!                                          └─would block─► a task of that session waits
//! ```
//!
//! While the flusher walks its list, broadcasts that come meanwhile join the outboxes it has not reached yet, so that
//! under load several frames leave in one system call.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{handler::contain, meter, session::Session};

/// After so many sockets the flusher lets other tasks of its thread run.
const SOCKETS_PER_TURN: usize = 32;

/// The sessions of one flusher that have something to write.
#[derive(Default)]
pub(crate) struct Shard {
    list: Mutex<Vec<Arc<Session>>>,
    wake: Notify,
    ended: AtomicBool,
}

impl Shard {
    /// Starts a flusher; it ends with [`Shard::end`].
    pub(crate) fn start() -> Arc<Self> {
        let shard = Arc::new(Self::default());
        tokio::spawn(flush_forever(shard.clone()));
        shard
    }

    /// Puts sessions onto the flush list.
    pub(crate) fn list(&self, sessions: impl IntoIterator<Item = Arc<Session>>) {
        self.list.lock().extend(sessions);
        self.wake.notify_one();
    }

    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

async fn flush_forever(shard: Arc<Shard>) {
    let mut turn = Vec::new();
    while !shard.ended.load(Ordering::Acquire) {
        mem::swap(&mut *shard.list.lock(), &mut turn);
        if turn.is_empty() {
            turn = Vec::new();
            shard.wake.notified().await;
            continue;
        }
        let flush = meter::Flush::begin();
        for (index, session) in turn.drain(..).enumerate() {
            contain(move || session.flush());
            if index % SOCKETS_PER_TURN == SOCKETS_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        flush.end();
    }
}
