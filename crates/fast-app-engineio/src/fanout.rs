//! One message to many sessions.

use std::{mem, sync::Arc};

use tokio::task::coop::consume_budget;

use crate::{
    flusher::Shard,
    frame::Frame,
    session::{Pushed, Session},
};

/// How many sessions count as one step of a task, of which tokio lets it take 128 before others have their turn.
const SESSIONS_PER_STEP: usize = 256;

/// Sends the same frames to any number of sessions.
///
/// [`Fanout::push`] only queues, so it may be called under a lock; [`Fanout::finish`] (or dropping it) hands the sessions
/// to their flushers and must be called without one, because it may close sessions that do not read.
pub struct Fanout<'a> {
    frames: &'a [Frame],
    volatile: bool,
    delivered: usize,
    skipped: usize,
    listed: Vec<(Arc<Shard>, Vec<Arc<Session>>)>,
    full: Vec<Arc<Session>>,
    overflowed: Vec<Arc<Session>>,
}

impl<'a> Fanout<'a> {
    /// A fan-out of these frames, which stay together on every connection.
    pub fn new(frames: &'a [Frame]) -> Self {
        Self {
            frames,
            volatile: false,
            delivered: 0,
            skipped: 0,
            listed: Vec::new(),
            full: Vec::new(),
            overflowed: Vec::new(),
        }
    }

    /// The same fan-out, but passing over sessions that have not taken what was sent to them before.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Queues the frames for one session.
    pub fn push(&mut self, session: &Arc<Session>) {
        if self.volatile && !session.is_ready() {
            self.skipped += 1;
            return;
        }
        match session.push(self.frames) {
            Pushed::Closed => return,
            Pushed::Overflow => {
                self.overflowed.push(session.clone());
                return;
            }
            Pushed::Queued => {}
            Pushed::Full => self.full.push(session.clone()),
            Pushed::List => self.list(session),
        }
        self.delivered += 1;
    }

    /// How many sessions have taken the frames.
    pub fn delivered(&self) -> usize {
        self.delivered
    }

    /// How many sessions were passed over because the fan-out is volatile.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Lets the flushers write. Where a session's outbox has grown long, this waits until it was written once: a
    /// publisher that is faster than the sockets is slowed down here instead of filling memory.
    ///
    /// Cancel-safe: what was queued is written all the same.
    pub async fn finish(mut self) -> usize {
        let delivered = self.delivered;
        let full = mem::take(&mut self.full);
        drop(self);
        for session in full {
            session.flush();
            tokio::task::yield_now().await;
        }
        // A publisher that never has to wait would keep its thread to itself.
        for _ in 0..=delivered / SESSIONS_PER_STEP {
            consume_budget().await;
        }
        delivered
    }

    fn list(&mut self, session: &Arc<Session>) {
        let shard = session.shard();
        match self
            .listed
            .iter_mut()
            .find(|(known, _)| Arc::ptr_eq(known, shard))
        {
            Some((_, sessions)) => sessions.push(session.clone()),
            None => self.listed.push((shard.clone(), vec![session.clone()])),
        }
    }
}

impl Drop for Fanout<'_> {
    fn drop(&mut self) {
        for (shard, sessions) in self.listed.drain(..) {
            shard.list(sessions);
        }
        for session in self.overflowed.drain(..) {
            session.overflowed();
        }
    }
}
