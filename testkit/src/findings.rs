//! What a table of inputs came to.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use crate::{Stopwatch, TIMEOUT};

/// How long an answer may take by the [`Stopwatch`].
const AT_ONCE: Duration = Duration::from_millis(100);

/// How long the slowest hundredth of the answers may take: a virtual machine may stand still for seconds, and its clock
/// does not say so.
const AT_MOST: Duration = TIMEOUT;

/// Collects what is wrong with the answers to the inputs of a table, so that one run shows all of it.
#[derive(Debug, Default)]
pub struct Findings {
    names: BTreeSet<String>,
    wrong: Vec<String>,
    times: Vec<(Duration, String)>,
}

impl Findings {
    /// Notes the answer to the input of this name that was sent at `start`.
    pub fn check<T: PartialEq + Debug>(&mut self, name: &str, start: Stopwatch, got: T, want: T) {
        self.note(name, start.elapsed(), got, want);
    }

    fn note<T: PartialEq + Debug>(&mut self, name: &str, time: Duration, got: T, want: T) {
        self.times.push((time, name.to_owned()));
        if !self.names.insert(name.to_owned()) {
            self.wrong
                .push(format!("{name}: there are two of that name"));
        }
        if got != want {
            self.wrong.push(format!("{name}: {got:?}, not {want:?}"));
        }
    }

    /// How many inputs there were.
    pub fn inputs(&self) -> usize {
        self.times.len()
    }

    /// Panics with all that was wrong, and when more than one answer in a hundred took 100 ms, or any of them 5 s.
    pub fn assert_none(self) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        let allowed = self.times.len().div_ceil(100);
        let mut slow = self.times;
        slow.retain(|(time, _)| *time > AT_ONCE);
        assert!(slow.len() <= allowed, "{slow:?}");
        assert!(slow.iter().all(|(time, _)| *time <= AT_MOST), "{slow:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(millis: &[u64]) -> Findings {
        let mut findings = Findings::default();
        for (index, millis) in millis.iter().enumerate() {
            findings.note(&index.to_string(), Duration::from_millis(*millis), 1, 1);
        }
        findings
    }

    fn fails(findings: Findings) -> bool {
        std::panic::catch_unwind(|| findings.assert_none()).is_err()
    }

    #[test]
    fn one_answer_in_a_hundred_may_be_late() {
        assert!(!fails(findings(&[0, 500, 0])));
        assert!(!fails(findings(
            &[[0; 100].as_slice(), &[500, 500]].concat()
        )));
        assert!(fails(findings(&[0, 500, 500])));
        assert!(fails(findings(&[0, 5_500, 0])));
    }

    #[test]
    fn wrong_answers_and_names_that_come_twice_fail() {
        let now = Stopwatch::start();
        let mut wrong = findings(&[0]);
        wrong.check("wrong", now, 1, 2);
        assert!(fails(wrong));
        let mut twice = findings(&[0]);
        twice.check("0", now, 1, 1);
        assert!(fails(twice));
    }
}
