//! Sending: what is queued, and who writes it to the WebSocket.
//!
//! Exactly one party writes at a time, and [`Flush`] says who: a flusher for a moment, or, where the socket would block, a task
//! that waits for it.

use std::{io::ErrorKind, mem, sync::Arc};

use tokio::time::timeout;

use super::{Session, State, Transport};
use crate::{
    frame::{Frame, OVERHEAD},
    handler::CloseReason,
    outbox::Outbox,
    transport::Socket,
};

/// From so many queued bytes on, whoever queues more also writes.
const FULL: usize = 256 * 1024;

/// Who writes to the WebSocket.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flush {
    /// Nobody: nothing waits.
    Idle,
    /// A flusher will.
    Listed,
    /// A task of its own, which waits until the socket takes more.
    Blocked,
    /// Nobody any more: the socket is broken.
    Broken,
}

/// What became of frames that were to be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Queued; somebody sends them already.
    Queued,
    /// Queued; the caller puts the session onto the flush list.
    List,
    /// Queued, and so much is there that the caller should flush.
    Full,
    /// Not queued, and the session is over: the client does not read. The caller calls [`Session::overflowed`].
    Overflow,
    /// Not queued: the session is over.
    Closed,
}

/// What came of writing without waiting.
enum Flushed {
    /// All is written, or somebody else writes.
    Rest,
    /// All is written, and nothing will follow.
    Finished,
    /// The socket takes no more for now: a task must wait with what is left.
    Blocked(Arc<Socket>, Outbox),
    /// The socket takes nothing any more.
    Broken,
}

/// What a task does once it has written all that it had.
enum Next {
    Write(Outbox),
    /// Nothing waits.
    Rest,
    /// Nothing will follow.
    Finish,
}

impl Session {
    /// Queues frames without sending them.
    pub(crate) fn push(&self, frames: &[Frame]) -> Pushed {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.closed.is_some() {
            return Pushed::Closed;
        }
        let cost: usize = frames.iter().map(|frame| frame.len() + OVERHEAD).sum();
        let stuck = match &state.transport {
            Transport::Polling(polling) => polling.held.is_none(),
            Transport::WebSocket(_) => state.flush == Flush::Blocked,
        };
        let waiting = state.queued_bytes();
        if stuck && waiting > 0 && waiting + cost > self.config().max_outbox {
            // At once, so that nothing is sent behind the gap.
            let reason = CloseReason::SlowConsumer;
            state.close(reason, reason.websocket_code());
            return Pushed::Overflow;
        }
        frames
            .iter()
            .for_each(|frame| state.outbox.push(frame.clone()));
        match &mut state.transport {
            Transport::Polling(polling) => {
                polling.wake();
                Pushed::Queued
            }
            Transport::WebSocket(_) => match state.flush {
                Flush::Idle => {
                    state.flush = Flush::Listed;
                    Pushed::List
                }
                Flush::Listed if state.outbox.bytes() > FULL => Pushed::Full,
                _ => Pushed::Queued,
            },
        }
    }

    /// Writes what is queued to the WebSocket now, as far as it can be written without waiting. A flusher does it soon in
    /// any case.
    pub fn flush(self: &Arc<Self>) {
        let flushed = self.state.lock().flush();
        match flushed {
            Flushed::Rest => {}
            Flushed::Finished => self.forget(),
            Flushed::Blocked(socket, outbox) => {
                tokio::spawn(drain(self.clone(), socket, outbox));
            }
            Flushed::Broken => self.broken(),
        }
    }

    /// All that the task had is written: it takes what has come meanwhile or stops writing.
    fn next(&self) -> Next {
        let mut state = self.state.lock();
        state.borrowed = 0;
        if state.outbox.is_empty() {
            state.flush = Flush::Idle;
            return match state.closed {
                None => Next::Rest,
                Some(_) => Next::Finish,
            };
        }
        let more = mem::take(&mut state.outbox);
        state.borrowed = more.cost();
        Next::Write(more)
    }

    /// The socket cannot be written to any more.
    fn broken(self: &Arc<Self>) {
        self.close(CloseReason::TransportClose);
        self.forget();
        let mut state = self.state.lock();
        state.outbox = Outbox::default();
        if let Transport::WebSocket(socket) = &state.transport {
            socket.shutdown();
        }
    }
}

impl State {
    /// Writes what is queued, if that is a flusher's to do. The lock is held for it: a write that does not wait is shorter
    /// than letting go of the outbox and coming back.
    fn flush(&mut self) -> Flushed {
        let Transport::WebSocket(socket) = &self.transport else {
            return Flushed::Rest;
        };
        if self.flush != Flush::Listed {
            return Flushed::Rest;
        }
        while !self.outbox.is_empty() {
            match socket.try_write(&self.outbox) {
                Ok(count) => self.outbox.advance(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.flush = Flush::Blocked;
                    self.borrowed = self.outbox.cost();
                    return Flushed::Blocked(socket.clone(), mem::take(&mut self.outbox));
                }
                Err(_) => {
                    self.flush = Flush::Broken;
                    return Flushed::Broken;
                }
            }
        }
        self.flush = Flush::Idle;
        match self.closed {
            None => Flushed::Rest,
            Some(_) => {
                socket.shutdown_write();
                Flushed::Finished
            }
        }
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.outbox.cost() + self.borrowed
    }
}

/// Waits for a socket that would block and writes on, until everything is written or the client has taken nothing for
/// the configured time.
async fn drain(session: Arc<Session>, socket: Arc<Socket>, mut outbox: Outbox) {
    let limit = session.config().write_timeout;
    loop {
        while !outbox.is_empty() {
            match timeout(limit, socket.write(&outbox)).await {
                Ok(Ok(count)) => outbox.advance(count),
                Ok(Err(_)) => return session.broken(),
                Err(_) => {
                    session.close(CloseReason::SlowConsumer);
                    return session.broken();
                }
            }
            session.state.lock().borrowed = outbox.cost();
        }
        match session.next() {
            Next::Write(more) => outbox = more,
            Next::Rest => return,
            Next::Finish => {
                // A stream that cannot even end is ended by the alarm.
                let _ = timeout(limit, socket.finish()).await;
                return session.forget();
            }
        }
    }
}
