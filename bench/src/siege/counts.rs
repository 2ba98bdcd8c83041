//! What the besieged server says of itself: `GET /counts`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

/// How many of everything there are, and what handlers have seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Sessions of the transport.
    pub sessions: u64,
    /// Sockets that are connected.
    pub sockets: u64,
    /// Sockets in rooms, over all rooms.
    pub memberships: u64,
    /// Calls of the connect handler that let the client in.
    pub connects: u64,
    /// Calls of the disconnect handler, by reason.
    pub disconnects: BTreeMap<String, u64>,
    /// Clients for whom the disconnect handler did not run exactly as often as the connect handler let them in.
    pub unmatched: u64,
    /// Disconnects for another reason than the client had announced.
    pub surprises: u64,
    /// Panics in handlers.
    pub panics: u64,
    /// Sessions closed because their client did not read.
    pub slow_consumers: u64,
}

impl Counts {
    /// All calls of the disconnect handler.
    pub fn disconnected(&self) -> u64 {
        self.disconnects.values().sum()
    }

    /// Calls of the disconnect handler for this reason.
    pub fn disconnected_by(&self, reason: &str) -> u64 {
        self.disconnects.get(reason).copied().unwrap_or(0)
    }
}

/// Who was connected and disconnected. Its memory is there, and resident, from the beginning.
#[derive(Debug)]
pub struct Ledger {
    clients: Box<[Client]>,
    connects: AtomicU64,
    surprises: AtomicU64,
    reasons: Mutex<BTreeMap<&'static str, u64>>,
    rooms: Mutex<BTreeSet<String>>,
}

/// One client's calls, which may be several: it may leave and come again.
#[derive(Debug)]
struct Client {
    connects: AtomicU8,
    disconnects: AtomicU8,
}

impl Ledger {
    /// A ledger of the clients 0 to `clients`.
    pub fn new(clients: usize) -> Self {
        let client = || Client {
            // Not zero: pages of zeros are not resident before they are written to.
            connects: AtomicU8::new(1),
            disconnects: AtomicU8::new(1),
        };
        Self {
            clients: std::iter::repeat_with(client).take(clients).collect(),
            connects: AtomicU64::default(),
            surprises: AtomicU64::default(),
            reasons: Mutex::default(),
            rooms: Mutex::default(),
        }
    }

    /// A client was let in; one without a number is only counted.
    pub fn connect(&self, client: Option<usize>) {
        self.connects.fetch_add(1, Relaxed);
        if let Some(client) = self.client(client) {
            client.connects.fetch_add(1, Relaxed);
        }
    }

    /// A client is gone, for a reason that it may have announced.
    pub fn disconnect(&self, client: Option<usize>, reason: &'static str, announced: Option<&str>) {
        if let Some(client) = self.client(client) {
            client.disconnects.fetch_add(1, Relaxed);
        }
        if announced.is_some_and(|announced| announced != reason) {
            self.surprises.fetch_add(1, Relaxed);
        }
        if let Ok(mut reasons) = self.reasons.lock() {
            *reasons.entry(reason).or_default() += 1;
        }
    }

    /// A room of this name was asked for.
    pub fn name(&self, room: &str) {
        if let Ok(mut rooms) = self.rooms.lock()
            && !rooms.contains(room)
        {
            rooms.insert(room.to_owned());
        }
    }

    /// The rooms that were ever asked for.
    pub fn rooms(&self) -> Vec<String> {
        let rooms = self
            .rooms
            .lock()
            .map(|rooms| rooms.iter().cloned().collect());
        rooms.unwrap_or_default()
    }

    /// What it says by now; what only the server knows is 0.
    pub fn counts(&self) -> Counts {
        let unmatched = self
            .clients
            .iter()
            .filter(|client| client.connects.load(Relaxed) != client.disconnects.load(Relaxed));
        let reasons = self.reasons.lock().map(|reasons| reasons.clone());
        let named = |(reason, count): (&str, u64)| (reason.to_owned(), count);
        Counts {
            connects: self.connects.load(Relaxed),
            disconnects: reasons.unwrap_or_default().into_iter().map(named).collect(),
            unmatched: unmatched.count() as u64,
            surprises: self.surprises.load(Relaxed),
            ..Counts::default()
        }
    }

    fn client(&self, number: Option<usize>) -> Option<&Client> {
        self.clients.get(number?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_disconnect_for_each_connect_matches() {
        let ledger = Ledger::new(4);
        for (client, connects, disconnects) in [(0, 1, 1), (1, 2, 2), (2, 1, 0), (3, 1, 2)] {
            (0..connects).for_each(|_| ledger.connect(Some(client)));
            (0..disconnects).for_each(|_| ledger.disconnect(Some(client), "gone", None));
        }
        let counts = ledger.counts();
        assert_eq!((counts.connects, counts.disconnected()), (5, 5));
        assert_eq!(counts.unmatched, 2);
    }

    #[test]
    fn a_reason_that_was_not_announced_is_a_surprise() {
        let ledger = Ledger::new(0);
        for announced in [Some("gone"), Some("closed"), None] {
            ledger.disconnect(None, "gone", announced);
        }
        assert_eq!(ledger.counts().surprises, 1);
        assert_eq!(ledger.counts().disconnected_by("gone"), 3);
    }
}
