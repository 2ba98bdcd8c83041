//! What happens to a client's events: one after the other, to the handlers that were declared.

use std::{collections::VecDeque, future::Future, mem, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use serde::Serialize;
use tracing::Instrument as _;

use super::{Phase, Socket, State};
use crate::{
    ending::Running,
    error::HandlerError,
    extract::Args,
    handler::Reply,
    meter::{self, Handler, Outcome},
    packet::{self, Event},
    payload::Payload,
    reason::DisconnectReason,
};

pub(super) enum Work {
    Event { id: Option<u64>, event: Event },
    Disconnected(DisconnectReason),
}

impl Work {
    /// What it keeps of what the client sent.
    fn bytes(&self) -> usize {
        match self {
            Self::Event { event, .. } => event.bytes(),
            Self::Disconnected(_) => 0,
        }
    }
}

impl Socket {
    /// An event of the client has come; one that comes before it is connected or after it has left is not handled.
    pub(crate) fn receive(&self, id: Option<u64>, event: Event) {
        let mut state = self.0.state.lock();
        if matches!(state.phase, Phase::Connected) {
            self.enqueue(&mut state, Work::Event { id, event });
        } else {
            drop(state);
            meter::event_dropped("not_connected");
        }
    }

    pub(super) fn enqueue(&self, state: &mut State, work: Work) {
        self.0.client.queued(work.bytes());
        state.work.push_back(work);
        if !mem::replace(&mut state.working, true) {
            let work = self.clone().work().instrument(self.0.transport.span());
            self.running().spawn(work);
        }
    }

    /// Handles what has come, one after the other.
    async fn work(self) {
        while let Some(work) = self.next_work() {
            let bytes = work.bytes();
            match work {
                Work::Event { .. } if self.has_lost_access() => {
                    meter::event_dropped("not_connected");
                }
                Work::Event { id, event } if self.is_concurrent(&event) => {
                    let socket = self.clone();
                    let handled = async move {
                        socket.handle(id, event).await;
                        socket.0.client.handled(bytes);
                    };
                    self.running().spawn(handled.in_current_span());
                    continue;
                }
                Work::Event { id, event } => self.handle(id, event).await,
                Work::Disconnected(reason) => self.disconnected(reason).await,
            }
            self.0.client.handled(bytes);
        }
    }

    pub(crate) fn running(&self) -> &Running {
        self.0.client.server().running()
    }

    fn next_work(&self) -> Option<Work> {
        let mut state = self.0.state.lock();
        let next = state.work.pop_front();
        if next.is_none() {
            state.working = false;
            state.work = VecDeque::new();
        }
        next
    }

    /// Whether what it has sent may no longer be acted on. What came before it left by itself may.
    fn has_lost_access(&self) -> bool {
        let lost = [DisconnectReason::Revoked, DisconnectReason::Expired];
        matches!(&self.0.state.lock().phase, Phase::Closed(reason) if lost.contains(reason))
    }

    fn is_concurrent(&self, event: &Event) -> bool {
        self.0.endpoint.handlers.concurrent.contains(&event.name)
    }

    async fn handle(&self, id: Option<u64>, event: Event) {
        let handlers = &self.0.endpoint.handlers;
        // For the log: what is in no table is the client's word.
        let (name, handler) = match handlers.events.get_key_value(&event.name) {
            Some((name, handler)) => (name.as_str(), Some(handler)),
            None => ("any event", handlers.any.as_ref()),
        };
        let reply = match handler {
            None => {
                meter::event_dropped("no_handler");
                Ok(Payload::empty())
            }
            Some(handler) => {
                let code = handler(self.clone(), Args::new(event));
                let reply = self.guard(Handler::Event, code).await;
                reply.unwrap_or_else(|| {
                    Err(HandlerError::internal(format!(
                        "the handler of {name} panicked"
                    )))
                })
            }
        };
        self.reply(id, reply);
    }

    /// Acknowledges. The client may have gone: then there is nobody to tell.
    fn reply(&self, id: Option<u64>, reply: Reply) {
        let payload = reply.or_else(|error| {
            match &error {
                HandlerError::Internal { cause } | HandlerError::TimedOut { cause } => {
                    tracing::error!(sid = ?self.0.sid, cause, "handler failed")
                }
                // Not what it says: what the client sent may be quoted in it.
                error => {
                    tracing::debug!(sid = ?self.0.sid, error = error.kind(), "event refused")
                }
            }
            let _ = self.emit("error", &error);
            Payload::new(&Failed { ok: false, error })
        });
        if let (Some(id), Ok(payload)) = (id, payload) {
            let _ = self.send(&packet::encode_ack(self.namespace(), id, &payload));
        }
    }

    pub(super) async fn disconnected(&self, reason: DisconnectReason) {
        let hooks = mem::take(&mut self.0.state.lock().hooks);
        for (_, hook) in hooks {
            self.guard(Handler::Leave, hook(self.clone(), Some(reason)))
                .await;
        }
        if let Some(handler) = &self.0.endpoint.handlers.disconnect {
            self.guard(Handler::Disconnect, handler(self.clone(), reason))
                .await;
        }
    }

    /// Runs code of the application; `None` when it panicked.
    pub(super) async fn guard<T: Outcome>(
        &self,
        handler: Handler,
        code: impl Future<Output = T>,
    ) -> Option<T> {
        let ended = AssertUnwindSafe(code).catch_unwind().await;
        meter::handled(handler, ended.as_ref().ok());
        ended
            .inspect_err(|_| tracing::error!(sid = ?self.0.sid, namespace = self.namespace(), "handler panicked"))
            .ok()
    }
}

/// The acknowledgement of an event whose handler failed.
#[derive(Serialize)]
struct Failed {
    ok: bool,
    error: HandlerError,
}
