//! What all clients together have seen.

use std::time::Duration;

use crate::histogram::Histogram;
use crate::message::Message;
use crate::order::Order;

/// Counts of one series of broadcasts, and of the clients that have joined.
#[derive(Debug, Default)]
pub struct Tally {
    /// Clients whose join was acknowledged.
    pub joined: usize,
    /// Clients whose connection ended.
    pub gone: usize,
    /// Messages received.
    pub delivered: u64,
    /// Messages whose payload did not have the size asked for.
    pub misshapen: u64,
    /// Clients that have not yet come to the end of the series.
    pub outstanding: usize,
    /// When the latest message came, in nanoseconds since 1970.
    pub latest: u64,
    /// From a message's making to its arrival, over all deliveries.
    pub latency: Histogram,
    size: usize,
    arrivals: Vec<Arrivals>,
}

/// When a broadcast reached its first and its last client, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Arrivals {
    first: u64,
    last: u64,
}

impl Arrivals {
    const NONE: Self = Self {
        first: u64::MAX,
        last: 0,
    };
}

impl Tally {
    /// Starts a series of `count` messages of `size` bytes to the clients that are there.
    pub fn expect(&mut self, count: u64, size: usize) {
        *self = Self {
            joined: self.joined,
            gone: self.gone,
            outstanding: self.joined - self.gone,
            size,
            arrivals: vec![Arrivals::NONE; count as usize],
            ..Self::default()
        };
    }

    /// How many messages each client should receive.
    pub fn expected(&self) -> u64 {
        self.arrivals.len() as u64
    }

    /// Counts a message of `len` bytes that reached the client of `order` at `now`.
    pub fn deliver(&mut self, order: &mut Order, message: Message, len: usize, now: u64) {
        self.delivered += 1;
        self.misshapen += u64::from(len != self.size);
        self.latest = self.latest.max(now);
        self.latency.record(now.saturating_sub(message.sent));
        if let Some(arrivals) = self.arrivals.get_mut(message.seq as usize) {
            arrivals.first = arrivals.first.min(now);
            arrivals.last = arrivals.last.max(now);
        }
        let was_short = order.next < self.expected();
        order.accept(message.seq);
        if was_short && order.next >= self.expected() {
            self.outstanding -= 1;
        }
    }

    /// Counts a client whose connection ended.
    pub fn leave(&mut self, order: &Order) {
        self.gone += 1;
        if order.next < self.expected() {
            self.outstanding -= 1;
        }
    }

    /// The times from the first client to the last, over all broadcasts.
    pub fn spread(&self) -> Histogram {
        let mut spread = Histogram::default();
        let times = self
            .arrivals
            .iter()
            .map(|arrivals| arrivals.last.checked_sub(arrivals.first));
        times.flatten().for_each(|nanos| spread.record(nanos));
        spread
    }

    /// The time from `started`, in nanoseconds since 1970, to the latest message.
    pub fn wall(&self, started: u64) -> Duration {
        Duration::from_nanos(self.latest.saturating_sub(started))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_ends_when_every_client_has_its_last_message() {
        let mut tally = Tally {
            joined: 2,
            ..Tally::default()
        };
        let mut orders = [Order::default(); 2];
        tally.expect(2, 128);
        for seq in 0..2 {
            for (client, order) in orders.iter_mut().enumerate() {
                let message = Message { seq, sent: 1_000 };
                tally.deliver(order, message, 128, 2_000 + client as u64 * 20);
            }
        }
        assert_eq!(
            (tally.outstanding, tally.delivered, tally.misshapen),
            (0, 4, 0)
        );
        assert_eq!(tally.spread().quantile(1.0), Duration::from_nanos(20));
        assert_eq!(tally.wall(1_500), Duration::from_nanos(520));
    }

    #[test]
    fn a_client_that_left_is_not_waited_for() {
        let mut tally = Tally {
            joined: 2,
            ..Tally::default()
        };
        tally.expect(1, 128);
        tally.leave(&Order::default());
        assert_eq!((tally.outstanding, tally.gone), (1, 1));
        tally.expect(1, 128);
        assert_eq!(tally.outstanding, 1);
    }
}
