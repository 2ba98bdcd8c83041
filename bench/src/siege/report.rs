//! The table: what was measured, and what the limit is.

use std::fmt;
use std::time::Duration;

use crate::Error;

/// The lines of all jobs.
#[derive(Debug, Default)]
pub struct Report {
    job: &'static str,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    job: &'static str,
    what: String,
    measured: String,
    limit: String,
    holds: bool,
}

impl Report {
    /// The lines that follow are of this job.
    pub fn begin(&mut self, job: &'static str) {
        self.job = job;
    }

    /// Something that must be exactly so.
    pub fn exactly<T: PartialEq + fmt::Display>(
        &mut self,
        what: impl Into<String>,
        measured: T,
        limit: T,
    ) {
        let holds = measured == limit;
        self.line(what, measured.to_string(), limit.to_string(), holds);
    }

    /// Something that must take no longer; `None` did not happen.
    pub fn within(&mut self, what: impl Into<String>, took: Option<Duration>, limit: Duration) {
        let holds = took.is_some_and(|took| took <= limit);
        let measured = took.map_or("never".to_owned(), |took| Time(took).to_string());
        self.line(what, measured, format!("≤ {}", Time(limit)), holds);
    }

    /// Bytes that may not be more.
    pub fn at_most(&mut self, what: impl Into<String>, bytes: f64, limit: f64) {
        let holds = bytes <= limit;
        let limit = format!("≤ {}", Bytes(limit));
        self.line(what, Bytes(bytes).to_string(), limit, holds);
    }

    /// Something of which there must be so many or more: a line that holds without it says nothing.
    pub fn at_least(&mut self, what: impl Into<String>, measured: u64, limit: u64) {
        let holds = measured >= limit;
        self.line(what, measured.to_string(), format!("≥ {limit}"), holds);
    }

    /// Something that is only shown.
    pub fn note(&mut self, what: impl Into<String>, measured: impl fmt::Display) {
        self.line(what, measured.to_string(), String::new(), true);
    }

    /// A time that is only shown.
    pub fn took(&mut self, what: impl Into<String>, time: Duration) {
        self.note(what, Time(time));
    }

    /// The job ended with an error.
    pub fn failed(&mut self, error: &Error) {
        let limit = "the job's end".to_owned();
        self.line(error.chain(), "error".to_owned(), limit, false);
    }

    /// Whether every line holds.
    pub fn holds(&self) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(|line| line.holds)
    }

    fn line(&mut self, what: impl Into<String>, measured: String, limit: String, holds: bool) {
        let what = what.into();
        let job = self.job;
        self.lines.push(Line {
            job,
            what,
            measured,
            limit,
            holds,
        });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<11} {:<70} {:>12}  {:<12} holds",
            "job", "what", "measured", "limit"
        )?;
        for line in &self.lines {
            let holds = match (line.limit.is_empty(), line.holds) {
                (true, _) => "",
                (false, true) => "yes",
                (false, false) => "NO",
            };
            writeln!(
                f,
                "{:<11} {:<70} {:>12}  {:<12} {holds}",
                line.job, line.what, line.measured, line.limit
            )?;
        }
        Ok(())
    }
}

struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            0..10 => write!(f, "{:.2} ms", self.0.as_secs_f64() * 1e3),
            millis @ 10..1_000 => write!(f, "{millis} ms"),
            _ => write!(f, "{:.2} s", self.0.as_secs_f64()),
        }
    }
}

struct Bytes(f64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            0.0..1e5 => write!(f, "{:.0} B", self.0),
            _ => write!(f, "{:.2} MiB", self.0 / f64::from(1 << 20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_over_its_limit_does_not_hold() {
        let second = Duration::from_secs(1);
        let checks: [fn(&mut Report, Duration); 6] = [
            |report, second| report.within("in time", Some(second), second),
            |report, second| report.within("too late", Some(second * 2), second),
            |report, second| report.within("never", None, second),
            |report, _| report.at_most("small", 1.0, 2.0),
            |report, _| report.at_least("enough", 2, 2),
            |report, _| report.at_least("too few", 1, 2),
        ];
        let holds = checks.map(|check| {
            let mut report = Report::default();
            check(&mut report, second);
            report.holds()
        });
        assert_eq!(holds, [true, false, false, true, true, false]);
    }

    #[test]
    fn nothing_measured_is_no_success() {
        assert!(!Report::default().holds());
    }
}
