//! The polling side of a session, and how it goes over to a WebSocket.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{Flush, Session, Transport};
use crate::{
    error::RequestError, frame::Frame, handler::CloseReason, outbox::Outbox, transport::Socket,
};

#[derive(Default)]
pub(super) struct Polling {
    /// A GET is being held; with the waker of its task once it has nothing to answer.
    pub(super) held: Option<Option<Waker>>,
    posting: bool,
    upgrade: Option<Box<Upgrade>>,
}

/// A WebSocket that is about to take over.
#[derive(Default)]
struct Upgrade {
    /// The probe was answered: every GET is to end, so that the client can go over.
    probed: bool,
    /// The task of the WebSocket, which is to know when the session is over.
    task: Option<Waker>,
}

/// When a GET came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    Polling,
    /// While a WebSocket was about to take over: a client that goes over does not ask any more.
    Upgrading,
}

/// Where a client hears that the server has ended its session while a WebSocket was about to take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// In the answer to a GET.
    OnPolling,
    /// It asks no more: on the WebSocket, together with what is queued, once it says that it has gone over.
    OnWebSocket,
}

/// The answer to a GET.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Polled {
    /// These frames; never none.
    Frames(Vec<Frame>),
    /// Nothing, but the request must end.
    Noop,
    /// Nothing, because the session lives on a WebSocket now.
    Upgraded,
}

impl Session {
    /// A GET has come; it must end with [`Session::release_poll`].
    pub(crate) fn hold_poll(&self) -> Result<Begun, RequestError> {
        let mut state = self.state.lock();
        let state = &mut *state;
        match &mut state.transport {
            Transport::Polling(polling) if polling.held.is_some() => Err(RequestError::BadRequest),
            Transport::Polling(polling) if state.closed.is_none() || !state.outbox.is_empty() => {
                polling.held = Some(None);
                Ok(match polling.upgrade {
                    None => Begun::Polling,
                    Some(_) => Begun::Upgrading,
                })
            }
            Transport::WebSocket(_) if state.closed.is_none() => Err(RequestError::BadRequest),
            _ => Err(RequestError::UnknownSid),
        }
    }

    /// Whether the session lives on polling and holds no GET, so that a goodbye would reach nobody.
    pub(crate) fn is_unheard(&self) -> bool {
        match &self.state.lock().transport {
            Transport::Polling(polling) => polling.held.is_none(),
            Transport::WebSocket(_) => false,
        }
    }

    pub(crate) fn release_poll(&self) {
        let mut state = self.state.lock();
        let Transport::Polling(polling) = &mut state.transport else {
            return;
        };
        polling.held = None;
        let over = state.closed.is_some() && state.outbox.is_empty();
        drop(state);
        if over {
            self.forget();
        }
    }

    /// The answer to the GET that is held, as soon as there is something to say or the session has gone over to a
    /// WebSocket. Never [`Polled::Noop`].
    pub(crate) fn poll_settled(&self, cx: &mut Context<'_>) -> Poll<Polled> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Transport::Polling(polling) = &mut state.transport else {
            return Poll::Ready(Polled::Upgraded);
        };
        if !state.outbox.is_empty() {
            return Poll::Ready(Polled::Frames(take_payload(
                &mut state.outbox,
                self.config().max_payload,
            )));
        }
        polling.held = Some(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// The answer to the GET that is held.
    pub(crate) fn poll_frames(&self, cx: &mut Context<'_>) -> Poll<Polled> {
        match self.poll_settled(cx) {
            Poll::Pending if self.is_probed() => Poll::Ready(Polled::Noop),
            polled => polled,
        }
    }

    fn is_probed(&self) -> bool {
        match &self.state.lock().transport {
            Transport::Polling(polling) => polling.is_probed(),
            Transport::WebSocket(_) => false,
        }
    }

    /// A POST has come; it must end with [`Session::release_post`].
    pub(crate) fn hold_post(&self) -> Result<(), RequestError> {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return Err(RequestError::UnknownSid);
        }
        let Transport::Polling(polling) = &mut state.transport else {
            return Err(RequestError::BadRequest);
        };
        if mem::replace(&mut polling.posting, true) {
            return Err(RequestError::BadRequest);
        }
        Ok(())
    }

    pub(crate) fn release_post(&self) {
        if let Transport::Polling(polling) = &mut self.state.lock().transport {
            polling.posting = false;
        }
    }

    /// A WebSocket wants to take over.
    pub(crate) fn request_upgrade(&self) -> Result<(), RequestError> {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return Err(RequestError::UnknownSid);
        }
        match &mut state.transport {
            Transport::Polling(polling) if polling.upgrade.is_none() => {
                polling.upgrade = Some(Box::default());
                Ok(())
            }
            _ => Err(RequestError::BadRequest),
        }
    }

    /// The probe has come: from now on every GET ends at once.
    pub(crate) fn probe_upgrade(&self) {
        if let Transport::Polling(polling) = &mut self.state.lock().transport {
            if let Some(upgrade) = &mut polling.upgrade {
                upgrade.probed = true;
            }
            polling.wake();
        }
    }

    /// Waits, on behalf of a WebSocket that is about to take over, until the server ends the session.
    pub(crate) fn poll_ending(&self, cx: &mut Context<'_>) -> Poll<Ending> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Transport::Polling(polling) = &mut state.transport else {
            return Poll::Pending;
        };
        match state.closed {
            Some(reason) if reason.is_the_servers() => {
                let between_polls = polling.held.is_none() && !state.outbox.is_empty();
                Poll::Ready(match polling.is_probed() && between_polls {
                    true => Ending::OnWebSocket,
                    false => Ending::OnPolling,
                })
            }
            _ => {
                if let Some(upgrade) = &mut polling.upgrade {
                    upgrade.task = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// The code that closes a WebSocket which did not take over.
    pub(crate) fn refusal_code(&self) -> u16 {
        match self.state.lock().closed {
            Some(reason) if reason.is_the_servers() => reason.websocket_code(),
            _ => 1002,
        }
    }

    /// The WebSocket takes over, with all that is queued; also for a session that the server ends, if its client has not
    /// heard so yet.
    ///
    /// # Errors
    ///
    /// When the session is over, or a POST is still being read: what it says would mix with what the WebSocket says.
    pub(crate) fn finish_upgrade(
        self: &Arc<Self>,
        socket: Arc<Socket>,
    ) -> Result<(), RequestError> {
        {
            let mut state = self.state.lock();
            let state = &mut *state;
            match &mut state.transport {
                Transport::Polling(polling) if !polling.posting => polling.wake(),
                _ => return Err(RequestError::BadRequest),
            }
            match state.closed {
                None => {}
                Some(reason) if reason.is_the_servers() && !state.outbox.is_empty() => {
                    replace_goodbye(&mut state.outbox, reason);
                }
                Some(_) => return Err(RequestError::UnknownSid),
            }
            state.transport = Transport::WebSocket(socket);
            state.flush = Flush::Listed;
        }
        self.shard.list([self.clone()]);
        Ok(())
    }

    /// The WebSocket has failed before it took over; polling goes on.
    pub(crate) fn abandon_upgrade(&self) {
        if let Transport::Polling(polling) = &mut self.state.lock().transport {
            polling.upgrade = None;
        }
    }
}

impl Polling {
    pub(super) fn wake(&mut self) {
        if let Some(Some(waker)) = self.held.as_mut().map(Option::take) {
            waker.wake();
        }
    }

    /// Lets the WebSocket that is about to take over know that the session is over.
    pub(super) fn end_upgrade(&mut self) {
        let task = self
            .upgrade
            .as_mut()
            .and_then(|upgrade| upgrade.task.take());
        if let Some(waker) = task {
            waker.wake();
        }
    }

    fn is_probed(&self) -> bool {
        self.upgrade.as_ref().is_some_and(|upgrade| upgrade.probed)
    }
}

/// Puts a WebSocket's close in the place of polling's, which is the last frame of a closed session.
fn replace_goodbye(outbox: &mut Outbox, reason: CloseReason) {
    let mut queued = mem::take(outbox);
    while let Some(frame) = queued.pop() {
        match queued.is_empty() {
            false => outbox.push(frame),
            true => outbox.push(Frame::close(
                reason.websocket_code(),
                reason.websocket_text(),
            )),
        }
    }
}

/// Takes frames until the next would exceed `limit` bytes, but at least one.
fn take_payload(outbox: &mut Outbox, limit: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut length = 0;
    while let Some(next) = outbox.peek() {
        length += next.len();
        if length > limit && !frames.is_empty() {
            break;
        }
        frames.extend(outbox.pop());
    }
    frames
}
