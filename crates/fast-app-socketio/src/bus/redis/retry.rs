//! When to try again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LAST: Duration = Duration::from_secs(1);

/// Delays of 100 ms, doubling up to 1 s, each shortened at random by up to a half, so that workers do not come back all
/// at once.
pub(super) struct Retry(Duration);

impl Retry {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    pub(super) fn next_delay(&mut self) -> Duration {
        let mut byte = [0];
        getrandom::fill(&mut byte).expect("the operating system provides random bytes");
        let delay = self.0.mul_f64(0.5 + f64::from(byte[0]) / 510.0);
        self.0 = (self.0 * 2).min(LAST);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_second_and_start_again() {
        let mut retry = Retry::new();
        for full in [100, 200, 400, 800, 1_000, 1_000] {
            let delay = retry.next_delay().as_millis();
            assert!((full / 2..=full).contains(&delay), "{delay} of {full} ms");
        }
        retry.reset();
        assert!(retry.next_delay() <= FIRST);
    }
}
