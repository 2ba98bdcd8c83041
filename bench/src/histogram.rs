//! A histogram of durations with about 3 % resolution and constant memory.

use std::time::Duration;

/// Steps within each power of two.
const STEPS: usize = 32;

/// Counts of nanosecond values.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; 64 * STEPS],
            total: 0,
        }
    }
}

impl Histogram {
    /// Counts one value.
    pub fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    /// The value that a share of `quantile` (0 to 1) of all values does not exceed; 0 when there are none.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let rank = (quantile * self.total as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        Duration::from_nanos(found.map_or(0, highest))
    }
}

fn bucket(nanos: u64) -> usize {
    let steps = STEPS.ilog2();
    let magnitude = nanos.checked_ilog2().unwrap_or(0);
    if magnitude < steps {
        return nanos as usize;
    }
    let shift = magnitude - steps;
    (shift as usize + 1) * STEPS + ((nanos >> shift) as usize - STEPS)
}

/// The greatest value that falls into the bucket.
fn highest(bucket: usize) -> u64 {
    let Some(shift) = (bucket / STEPS).checked_sub(1) else {
        return bucket as u64;
    };
    let step = (bucket % STEPS + STEPS) as u64;
    (step << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_the_resolution() {
        let mut histogram = Histogram::default();
        (1..=1_000_u64).for_each(|micros| histogram.record(micros * 1_000));
        for (quantile, expected) in [(0.5, 500_000.0), (0.99, 990_000.0), (1.0, 1_000_000.0)] {
            let found = histogram.quantile(quantile).as_nanos() as f64;
            assert!(
                (found / expected - 1.0).abs() < 0.035,
                "{quantile}: {found}"
            );
        }
    }

    #[test]
    fn every_value_lies_in_its_bucket() {
        for nanos in [0, 1, 31, 32, 63, 64, 65, 1_000_003, u64::MAX] {
            assert!(highest(bucket(nanos)) >= nanos);
            assert!(nanos == 0 || highest(bucket(nanos) - 1) < nanos);
        }
    }

    #[test]
    fn without_values_every_quantile_is_zero() {
        assert_eq!(Histogram::default().quantile(0.5), Duration::ZERO);
    }
}
