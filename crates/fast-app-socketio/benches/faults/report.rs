//! The table.

use std::{fmt, time::Duration};

#[derive(Default)]
pub(crate) struct Report(Vec<Line>);

struct Line {
    fault: &'static str,
    what: String,
    measured: String,
    expected: String,
    holds: bool,
}

impl Report {
    /// Something that must be exactly so.
    pub(crate) fn exactly<T: PartialEq + fmt::Display>(
        &mut self,
        fault: &'static str,
        what: impl Into<String>,
        measured: T,
        expected: T,
    ) {
        self.0.push(Line {
            fault,
            what: what.into(),
            holds: measured == expected,
            measured: measured.to_string(),
            expected: expected.to_string(),
        });
    }

    /// Something that must take no longer; `None` did not happen in time.
    pub(crate) fn within(
        &mut self,
        fault: &'static str,
        what: impl Into<String>,
        took: Option<Duration>,
        limit: Duration,
    ) {
        self.0.push(Line {
            fault,
            what: what.into(),
            measured: took.map_or("never".to_owned(), |took| {
                format!("{} ms", took.as_millis())
            }),
            expected: format!("at most {} ms", limit.as_millis()),
            holds: took.is_some_and(|took| took <= limit),
        });
    }

    /// Something that is only shown.
    pub(crate) fn note(
        &mut self,
        fault: &'static str,
        what: impl Into<String>,
        measured: impl fmt::Display,
    ) {
        self.0.push(Line {
            fault,
            what: what.into(),
            measured: measured.to_string(),
            expected: String::new(),
            holds: true,
        });
    }

    pub(crate) fn holds(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|line| line.holds)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<9} {:<62} {:>12}  {:<18} holds",
            "fault", "what", "measured", "expected"
        )?;
        for line in &self.0 {
            let holds = match (line.expected.is_empty(), line.holds) {
                (true, _) => "",
                (false, true) => "yes",
                (false, false) => "NO",
            };
            writeln!(
                f,
                "{:<9} {:<62} {:>12}  {:<18} {holds}",
                line.fault, line.what, line.measured, line.expected
            )?;
        }
        Ok(())
    }
}
