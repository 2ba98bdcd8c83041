//! What a revocation does in one process.

use std::sync::Arc;

use fast_app_engineio::{CloseReason, Sid};
use serde::Serialize;

use super::{Place, Revocation, Who};
use crate::{
    bus::HostId,
    client::Client,
    manager::Shared,
    packet,
    payload::Payload,
    server::{Endpoint, Server, forget_room},
    socket::Socket,
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
    /// Takes access away, unless it has done so before; how many sockets were taken out.
    pub(crate) fn revoke(&self, host: &HostId, id: u64, revocation: &Revocation) -> usize {
        // First: whoever looks for what is there comes after this, or is there already.
        if !self.revocations.lock().push(host, id, revocation) {
            return 0;
        }
        self.server()
            .map_or(0, |server| server.take_out(revocation))
    }
}

impl Server {
    fn take_out(&self, revocation: &Revocation) -> usize {
        let sockets = match &revocation.from {
            Some(place) => self.empty(place, &revocation.who),
            None => self
                .clients(&revocation.who)
                .iter()
                .map(|client| client.end(CloseReason::Revoked))
                .sum(),
        };
        tracing::info!(
            who = %revocation.who,
            room = revocation.from.as_ref().map(|place| place.room.as_str()),
            sockets,
            "access revoked"
        );
        sockets
    }

    fn empty(&self, Place { namespace, room }: &Place, who: &Who) -> usize {
        let Some(endpoint) = self.endpoint(namespace) else {
            return 0;
        };
        let left: Vec<Socket> = match who {
            Who::Everybody => endpoint.rooms.write().close(room),
            who => self
                .clients(who)
                .iter()
                .filter_map(|client| client.socket(namespace))
                .filter(|socket| socket.leave_room(room.as_str()))
                .collect(),
        };
        let notice = Notice::out_of(room.as_str()).payload();
        let frames = packet::encode_event(namespace, None, "error", &notice);
        for socket in &left {
            // It may be gone, and needs no word then.
            let _ = socket.send(&frames);
            // What was sent before is on its way when this is confirmed, not in a queue of ours.
            socket.transport().flush();
        }
        let count = left.len();
        left.into_iter()
            .for_each(|socket| forget_room(socket, room.as_str()));
        count
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
