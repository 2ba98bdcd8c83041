//! Whether one client received every message once and in order.

/// What one client received of a numbered series.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The number that should come next.
    pub next: u64,
    /// Numbers that were skipped.
    pub skipped: u64,
    /// Numbers that came again or after a later one.
    pub repeated: u64,
}

impl Order {
    /// Takes note of a message's number.
    pub fn accept(&mut self, seq: u64) {
        if seq < self.next {
            self.repeated += 1;
        } else {
            self.skipped += seq - self.next;
            self.next = seq + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(numbers: &[u64]) -> (u64, u64, u64) {
        let mut order = Order::default();
        numbers.iter().for_each(|&seq| order.accept(seq));
        (order.next, order.skipped, order.repeated)
    }

    #[test]
    fn gaps_repeats_and_late_ones_are_counted() {
        assert_eq!(after(&[0, 1, 2]), (3, 0, 0));
        assert_eq!(after(&[0, 2, 3]), (4, 1, 0));
        assert_eq!(after(&[0, 1, 1]), (2, 0, 1));
        assert_eq!(after(&[0, 2, 1]), (3, 1, 1));
    }
}
