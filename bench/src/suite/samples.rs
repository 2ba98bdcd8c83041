//! The figures of all runs.

use std::collections::BTreeMap;

/// The figures of every subject, by metric and run.
#[derive(Debug, Default)]
pub struct Samples {
    figures: BTreeMap<(&'static str, &'static str), BTreeMap<usize, f64>>,
}

/// What several runs came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Half of the runs were below.
    pub median: f64,
    /// The lowest and the highest.
    pub range: (f64, f64),
    /// How many runs there were.
    pub runs: usize,
}

impl Samples {
    /// Adds the figure of a run.
    pub fn add(&mut self, metric: &'static str, subject: &'static str, run: usize, figure: f64) {
        let runs = self.figures.entry((metric, subject)).or_default();
        runs.insert(run, figure);
    }

    /// What a subject's runs came to.
    pub fn summary(&self, metric: &'static str, subject: &'static str) -> Option<Summary> {
        summary(self.figures.get(&(metric, subject))?.values().copied())
    }

    /// One figure by another, run by run: what disturbs one of a pair disturbs the other, and the ratio stays.
    pub fn ratio(
        &self,
        above: (&'static str, &'static str),
        below: (&'static str, &'static str),
    ) -> Option<Summary> {
        let (above, below) = (self.figures.get(&above)?, self.figures.get(&below)?);
        let pairs = above
            .iter()
            .filter_map(|(run, a)| Some(a / below.get(run)?));
        summary(pairs)
    }
}

fn summary(figures: impl Iterator<Item = f64>) -> Option<Summary> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let (&low, &high) = (figures.first()?, figures.last()?);
    let middle = figures.len() / 2;
    let median = match figures.len() % 2 {
        1 => figures[middle],
        _ => (figures[middle - 1] + figures[middle]) / 2.0,
    };
    Some(Summary {
        median,
        range: (low, high),
        runs: figures.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_range_of_all_runs() {
        let mut samples = Samples::default();
        for (run, figure) in [4.0, 1.0, 9.0, 2.0].into_iter().enumerate() {
            samples.add("cost", "ours", run, figure);
        }
        let summary = samples.summary("cost", "ours").unwrap();
        assert_eq!(
            (summary.median, summary.range, summary.runs),
            (3.0, (1.0, 9.0), 4)
        );
        assert_eq!(samples.summary("cost", "theirs"), None);
    }

    #[test]
    fn ratios_are_those_of_the_same_run() {
        let mut samples = Samples::default();
        for (run, (ours, theirs)) in [(2.0, 1.0), (20.0, 10.0), (6.0, 3.0)]
            .into_iter()
            .enumerate()
        {
            samples.add("cost", "ours", run, ours);
            samples.add("cost", "theirs", run, theirs);
        }
        samples.add("cost", "ours", 3, 100.0);
        let ratio = samples.ratio(("cost", "ours"), ("cost", "theirs")).unwrap();
        assert_eq!(
            (ratio.median, ratio.range, ratio.runs),
            (2.0, (2.0, 2.0), 3)
        );
    }
}
