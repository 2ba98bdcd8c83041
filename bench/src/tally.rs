//! What all clients together have seen.

use std::time::Duration;

use crate::histogram::Histogram;
use crate::message::Message;
use crate::order::Order;
use crate::series::{Series, Target};

/// Counts of one series of broadcasts or of round trips, and of the clients that have joined.
#[derive(Debug)]
pub struct Tally {
    /// Joins that were acknowledged.
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
    /// From a message's making to its arrival, over all deliveries, or from an event to its ack.
    pub latency: Histogram,
    /// Round trips that are still to be begun.
    pub echoes: u64,
    size: usize,
    target: Target,
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

impl Default for Tally {
    fn default() -> Self {
        Self {
            joined: 0,
            gone: 0,
            delivered: 0,
            misshapen: 0,
            outstanding: 0,
            latest: 0,
            latency: Histogram::default(),
            echoes: 0,
            size: 0,
            target: Target::Rooms(1),
            arrivals: Vec::new(),
        }
    }
}

impl Tally {
    /// Starts a series to the clients that are there, of whom `outstanding` expect something.
    pub fn expect(&mut self, series: &Series, outstanding: usize) {
        *self = Self {
            joined: self.joined,
            gone: self.gone,
            outstanding,
            size: series.size,
            target: series.target.clone(),
            arrivals: vec![Arrivals::NONE; series.count as usize],
            ..Self::default()
        };
    }

    /// Starts `count` round trips.
    pub fn expect_echoes(&mut self, count: u64) {
        *self = Self {
            joined: self.joined,
            gone: self.gone,
            echoes: count,
            ..Self::default()
        };
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
        if order.accept(message.seq, &self.target) {
            self.outstanding -= 1;
        }
    }

    /// Counts a round trip that was begun at `sent` and ended at `now`.
    pub fn echo(&mut self, sent: u64, now: u64) {
        self.delivered += 1;
        self.latest = self.latest.max(now);
        self.latency.record(now.saturating_sub(sent));
    }

    /// Counts a client whose connection ended.
    pub fn leave(&mut self, order: &Order) {
        self.gone += 1;
        if order.missing() > 0 {
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

    fn series(count: u64) -> Series {
        Series {
            target: Target::Room("chat|1".into()),
            count,
            size: 128,
            interval: Duration::ZERO,
        }
    }

    #[test]
    fn a_series_ends_when_every_client_has_its_last_message() {
        let mut tally = Tally::default();
        let mut orders = [Order::expect(0, 2), Order::expect(0, 2)];
        tally.expect(&series(2), 2);
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
        let mut tally = Tally::default();
        tally.expect(&series(1), 2);
        tally.leave(&Order::expect(0, 1));
        assert_eq!((tally.outstanding, tally.gone), (1, 1));
    }
}
