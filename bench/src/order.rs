//! Whether one client received every message of its rooms once and in order.

use crate::series::Target;

/// What one client received of a numbered series.
#[derive(Debug, Default, Clone)]
pub struct Order {
    /// Which of the series' rooms it is in.
    pub room: u64,
    /// Messages that should come.
    pub expected: u64,
    /// Messages that came, repeated ones left out.
    pub received: u64,
    /// Numbers that came again or after a later one.
    pub repeated: u64,
    /// Messages to a room that the client is not in.
    pub strays: u64,
    next: u64,
}

impl Order {
    /// Nothing received yet of `expected` messages to the room of this number.
    pub fn expect(room: u64, expected: u64) -> Self {
        Self {
            room,
            expected,
            ..Self::default()
        }
    }

    /// Takes note of a message's number; whether it was the last that was missing.
    pub fn accept(&mut self, seq: u64, target: &Target) -> bool {
        if target.room_of(seq).is_some_and(|room| room != self.room) {
            self.strays += 1;
            return false;
        }
        if seq < self.next {
            self.repeated += 1;
            return false;
        }
        self.next = seq + 1;
        self.received += 1;
        self.received == self.expected
    }

    /// Messages that should have come and did not.
    pub fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(numbers: &[u64]) -> (u64, u64) {
        let mut order = Order::expect(0, 3);
        let target = Target::Room("chat|1".into());
        for &seq in numbers {
            order.accept(seq, &target);
        }
        (order.missing(), order.repeated)
    }

    #[test]
    fn gaps_repeats_and_late_ones_are_counted() {
        assert_eq!(after(&[0, 1, 2]), (0, 0));
        assert_eq!(after(&[0, 2]), (1, 0));
        assert_eq!(after(&[0, 1, 1]), (1, 1));
        assert_eq!(after(&[0, 2, 1]), (1, 1));
    }

    #[test]
    fn the_last_one_ends_it() {
        let target = Target::Room("chat|1".into());
        let mut order = Order::expect(0, 2);
        assert!(!order.accept(0, &target));
        assert!(order.accept(1, &target));
    }

    #[test]
    fn a_message_to_another_room_is_a_stray() {
        let target = Target::Rooms(10);
        let mut order = Order::expect(target.room_of(3).unwrap(), 1);
        assert!(!order.accept(4, &target));
        assert!(order.accept(3, &target));
        assert_eq!((order.strays, order.missing()), (1, 0));
    }
}
