//! What a revocation does in one process.

use std::{
    panic::resume_unwind,
    sync::Arc,
    time::{Duration, Instant},
};

use fast_app_engineio::{CloseReason, Sid};
use serde::Serialize;
use tokio::task::{JoinError, coop::consume_budget};
use tracing::Instrument as _;

use super::{Place, Revocation, Who};
use crate::{
    bus::HostId,
    client::Client,
    manager::Shared,
    packet,
    payload::Payload,
    server::{Endpoint, Server, forget_room},
};

/// The `error` event of whoever lost access.
#[derive(Serialize)]
pub(crate) struct Notice<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<&'a str>,
}

impl<'a> Notice<'a> {
    pub(crate) fn out_of(room: &'a str) -> Self {
        Self {
            kind: "revoked",
            room: Some(room),
        }
    }

    pub(crate) fn payload(&self) -> Payload {
        Payload::new(self).expect("two texts are JSON")
    }
}

impl Shared {
    /// Takes access away, unless it has done so before; how many sockets were taken out, now or then. It was revoked so long
    /// ago. What has begun is finished when the caller is dropped, too: it is in the log as done.
    pub(crate) async fn revoke(
        &self,
        host: &HostId,
        id: u64,
        revocation: &Revocation,
        ago: Duration,
    ) -> usize {
        // First: whoever looks for what is there comes after this, or is there already.
        let at = self.revocations.lock().push(host, id, revocation, ago);
        let at = match at {
            Ok(at) => at,
            Err(sockets) => return sockets,
        };
        let sockets = match self.server() {
            Some(server) => take_out(server, revocation.clone(), at).await,
            None => 0,
        };
        self.revocations.lock().took_out(host, id, sockets);
        sockets
    }
}

/// Goes on when the caller is dropped. Panics when it does: it must not be confirmed then.
async fn take_out(server: Arc<Server>, revocation: Revocation, at: Instant) -> usize {
    let taking_out = async move { server.take_out(&revocation, at).await };
    let taken_out = tokio::spawn(taking_out.in_current_span());
    match taken_out.await.map_err(JoinError::try_into_panic) {
        Ok(sockets) => sockets,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime ends, and everything with it.
        Err(Err(_)) => 0,
    }
}

impl Server {
    /// Whoever connected since then stays: that was decided when the revocation was known.
    async fn take_out(&self, revocation: &Revocation, at: Instant) -> usize {
        let sockets = match &revocation.from {
            Some(place) => self.empty(place, &revocation.who, at).await,
            None => self.end(&revocation.who, at).await,
        };
        tracing::info!(
            who = %revocation.who,
            room = revocation.from.as_ref().map(|place| place.room.as_str()),
            sockets,
            "access revoked"
        );
        sockets
    }

    async fn end(&self, who: &Who, at: Instant) -> usize {
        let mut clients = self.clients(who);
        clients.retain(|client| client.since() <= at);
        let mut sockets = 0;
        for client in clients {
            sockets += client.end(CloseReason::Revoked);
            consume_budget().await;
        }
        sockets
    }

    async fn empty(&self, Place { namespace, room }: &Place, who: &Who, at: Instant) -> usize {
        let Some(endpoint) = self.endpoint(namespace) else {
            return 0;
        };
        let mut sockets = match who {
            Who::Everybody => endpoint.occupants(room.as_str()),
            who => self
                .clients(who)
                .iter()
                .filter_map(|client| client.socket(namespace))
                .collect(),
        };
        sockets.retain(|socket| socket.client().since() <= at);
        let notice = Notice::out_of(room.as_str()).payload();
        let frames = packet::encode_event(namespace, None, "error", &notice);
        let mut left = 0;
        for socket in sockets {
            if !socket.leave_room(room.as_str()) {
                continue;
            }
            left += 1;
            // It may be gone, and needs no word then.
            let _ = socket.send(&frames);
            // What was sent before is on its way when this is confirmed, not in a queue of ours.
            socket.transport().flush();
            forget_room(socket, room.as_str());
            consume_budget().await;
        }
        left
    }

    fn clients(&self, who: &Who) -> Vec<Arc<Client>> {
        match who {
            Who::User(user) => self.users().of(user),
            Who::Session(sid) => self
                .endpoints()
                .find_map(|endpoint| {
                    let sid = Sid::parse(sid)?;
                    Some(endpoint.rooms.read().get(&sid)?.client().clone())
                })
                .into_iter()
                .collect(),
            Who::Everybody => {
                let everybody = self.endpoints().flat_map(Endpoint::members);
                let mut clients: Vec<_> = everybody.map(|socket| socket.client().clone()).collect();
                clients.sort_unstable_by_key(Arc::as_ptr);
                clients.dedup_by(|one, other| Arc::ptr_eq(one, other));
                clients
            }
        }
    }
}
