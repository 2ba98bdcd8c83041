//! How a server ends: all at once or evenly over a time, and when it has.
//!
//! ```text
//!  drain ──► no new sessions ──► one session after the other ─┐
//!  shutdown ─► no new sessions ──► all sessions ──────────────┴─► ended
//!                                    what is queued, the close, Connection::closed, Handler::ended
//! ```

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::Engine;
use crate::{
    config::LONGEST,
    handler::{CloseReason, Unfinished},
};

impl Engine {
    /// Whether [`Engine::shutdown`] or [`Engine::drain`] was called.
    pub fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::Acquire)
    }

    /// Refuses new sessions and closes those that are open, all at once; [`Engine::ended`] tells when it is over.
    pub fn shutdown(&self) {
        self.shutting_down.store(true, Ordering::Release);
        for session in self.all() {
            session.close(CloseReason::Shutdown);
        }
    }

    /// Refuses new sessions and closes those that are open one after the other, evenly over a time, so that the clients of a
    /// server that is replaced do not all come to the others at once. Those that are not closed yet are served as before.
    /// It ends earlier when no session is left.
    ///
    /// Cancel-safe: those that were closed stay closed, and new ones are refused; [`Engine::shutdown`] closes the rest.
    ///
    /// ```
    /// # use std::{sync::Arc, time::Duration};
    /// # async fn example(engine: Arc<fast_app_engineio::Engine>) {
    /// engine.drain(Duration::from_secs(10)).await;
    /// engine.ended().await;
    /// # }
    /// ```
    pub async fn drain(&self, over: Duration) {
        self.shutting_down.store(true, Ordering::Release);
        if !over.is_zero() {
            self.close_evenly(over.min(LONGEST)).await;
        }
        self.shutdown();
    }

    /// Ends earlier when no session is left.
    async fn close_evenly(&self, over: Duration) {
        // Not the sessions themselves: those that end meanwhile would be kept in memory.
        let sids: Vec<_> = self.sessions.lock().keys().copied().collect();
        let (start, count) = (Instant::now(), sids.len());
        for (index, sid) in sids.into_iter().enumerate() {
            let share = (index + 1) as f64 / count as f64;
            if timeout_at(start + over.mul_f64(share), self.emptied())
                .await
                .is_ok()
            {
                return;
            }
            let session = self.sessions.lock().get(&sid).cloned();
            if let Some(session) = session {
                session.close(CloseReason::Shutdown);
            }
        }
    }

    /// Waits until there are no sessions and their clients have ended their WebSockets, which after a shutdown is 3 s at
    /// most; then until the handler has done with them ([`Handler::ended`](crate::Handler::ended)), for which only the
    /// handler knows a limit.
    ///
    /// A process that ended earlier could take a close back that it has written: bytes of a client that nobody has read
    /// make its kernel reset the connection, and the client's forget what was not read there.
    ///
    /// Cancel-safe.
    pub async fn ended(&self) {
        self.sessions_ended().await;
        self.handler.ended().await;
    }

    /// What [`Engine::ended`] still waits for when there are no sessions.
    pub fn unfinished(&self) -> Unfinished {
        self.handler.unfinished()
    }

    /// Waits until there are no sessions, and no WebSockets.
    pub(crate) async fn sessions_ended(&self) {
        while self.sessions() > 0 || !self.websockets.is_empty() {
            self.emptied().await;
            self.websockets.wait().await;
        }
    }

    /// Waits until there are no sessions.
    async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.sessions() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// The tasks of WebSockets, from the handshake to the end of the stream.
    pub(crate) fn websockets(&self) -> &TaskTracker {
        &self.websockets
    }
}

/// A tracker that can be waited for at any time.
pub(super) fn tracker() -> TaskTracker {
    let tracker = TaskTracker::new();
    tracker.close();
    tracker
}
