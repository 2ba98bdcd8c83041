//! Acknowledgements of clients.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::sync::oneshot;

use super::{Phase, Socket, State, check_event};
use crate::{
    error::SocketError, extract::Args, meter, packet, payload::Payload, server::Answering,
};

/// Events of ours that wait for the client's acknowledgement.
#[derive(Default)]
pub(super) struct Acks {
    last_id: u64,
    waiting: HashMap<u64, Asker>,
}

/// Who waits for an acknowledgement.
enum Asker {
    /// A caller in this process.
    Call(oneshot::Sender<Args>),
    /// A manager, maybe of another worker, that emitted the event to many.
    Manager(Arc<Answering>),
}

impl Socket {
    /// Sends an event and waits for the client's acknowledgement.
    ///
    /// # Errors
    ///
    /// As [`Socket::emit`], and [`SocketError::AckTimeout`] when it takes longer than `timeout`.
    pub async fn call(
        &self,
        event: &str,
        value: &(impl Serialize + ?Sized),
        timeout: Duration,
    ) -> Result<Args, SocketError> {
        self.call_payload(event, &Payload::new(value)?, timeout)
            .await
    }

    /// [`Socket::call`] with a ready payload, such as several arguments.
    ///
    /// # Errors
    ///
    /// As [`Socket::call`].
    pub async fn call_payload(
        &self,
        event: &str,
        payload: &Payload,
        timeout: Duration,
    ) -> Result<Args, SocketError> {
        check_event(event)?;
        let (id, answer) = self.expect_ack()?;
        let _forget = ForgetAck { socket: self, id };
        self.send(&packet::encode_event(
            self.namespace(),
            Some(id),
            event,
            payload,
        ))?;
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(args)) => Ok(args),
            Ok(Err(_)) => Err(SocketError::Disconnected),
            Err(_) => Err(SocketError::AckTimeout),
        }
    }

    /// [`Socket::call`] with the server's own limit of time
    /// ([`SocketIoBuilder::ack_timeout`](crate::SocketIoBuilder::ack_timeout), 60 s by default).
    ///
    /// # Errors
    ///
    /// As [`Socket::call`].
    pub async fn emit_with_ack(
        &self,
        event: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<Args, SocketError> {
        let timeout = self.0.client.server().limits().ack_timeout;
        self.call(event, value, timeout).await
    }

    /// An acknowledgement of the client has come; one that nobody waits for is ignored.
    pub(crate) fn receive_ack(&self, id: u64, args: Args) {
        let waiting = self
            .0
            .state
            .lock()
            .acks
            .as_mut()
            .and_then(|acks| acks.waiting.remove(&id));
        match waiting {
            None => meter::ack_dropped("unexpected"),
            Some(Asker::Call(caller)) => drop(caller.send(args)),
            Some(Asker::Manager(_)) if !args.attachments().is_empty() => {
                meter::ack_dropped("binary");
                tracing::warn!(sid = ?self.0.sid, "an acknowledgement with bytes cannot be sent to the manager that waits for it");
            }
            Some(Asker::Manager(answering)) => {
                let Answering { host, callback } = &*answering;
                let manager = self.0.client.server().manager();
                manager.answered(host, callback, Payload::from(args));
            }
        }
    }

    fn expect_ack(&self) -> Result<(u64, oneshot::Receiver<Args>), SocketError> {
        let mut state = self.0.state.lock();
        let acks = self.acks(&mut state)?;
        acks.last_id += 1;
        let (answer, answered) = oneshot::channel();
        acks.waiting.insert(acks.last_id, Asker::Call(answer));
        Ok((acks.last_id, answered))
    }

    /// Whether an answer to the event with this number will be taken.
    pub(crate) fn expect_answer(&self, id: u64, answering: &Arc<Answering>) -> bool {
        let mut state = self.0.state.lock();
        self.acks(&mut state).is_ok_and(|acks| {
            acks.waiting.insert(id, Asker::Manager(answering.clone()));
            true
        })
    }

    fn acks<'a>(&self, state: &'a mut State) -> Result<&'a mut Acks, SocketError> {
        if matches!(state.phase, Phase::Closed(_)) {
            return Err(SocketError::Disconnected);
        }
        let acks = state.acks.get_or_insert_default();
        match acks.waiting.len() < self.0.client.server().limits().acks {
            true => Ok(acks),
            false => Err(SocketError::TooManyAcks),
        }
    }

    pub(crate) fn forget_ack(&self, id: u64) {
        if let Some(acks) = &mut self.0.state.lock().acks {
            acks.waiting.remove(&id);
        }
    }
}

/// Stops waiting for an acknowledgement.
struct ForgetAck<'a> {
    socket: &'a Socket,
    id: u64,
}

impl Drop for ForgetAck<'_> {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}
