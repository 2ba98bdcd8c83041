//! `fast-app doctor`

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use fast_app_socketio::bus::BusError;
use serde::Serialize;

use crate::{
    error::Error,
    live::bus::{self, Address},
    output::{Format, print_json},
    project::{Project, checks},
};

/// What a check has found.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) found: String,
    pub(crate) verdict: Verdict,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) todo: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Good,
    /// It may be meant so.
    Note,
    Mend,
}

impl Finding {
    pub(crate) fn good(found: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            verdict: Verdict::Good,
            todo: None,
        }
    }

    pub(crate) fn note(found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            verdict: Verdict::Note,
            todo: Some(todo.into()),
        }
    }

    pub(crate) fn mend(found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Mend,
            ..Self::note(found, todo)
        }
    }
}

/// Checks everything, prints what was found, and fails when there is something to mend.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn doctor(format: Format) -> Result<(), Error> {
    let mut findings = match Project::here() {
        Ok(project) => checks::check(&project)?,
        Err(error) => vec![Finding::mend(error.to_string(), error.help())],
    };
    findings.extend(check_bus().await);
    match format {
        Format::Json => print_json(&findings)?,
        Format::People => print(&findings).map_err(Error::Output)?,
    }
    let bad = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Mend);
    match bad.count() {
        0 => Ok(()),
        count => Err(Error::Findings { count }),
    }
}

async fn check_bus() -> Vec<Finding> {
    let address = Address::find();
    let place = format!("bus {} (from {})", address.url, address.origin);
    if address.is_memory() {
        let found = format!("{place} joins the parts of one process only");
        return vec![Finding::note(
            found,
            "for several workers, or `fast-app broadcast`, set REDIS_SOCKETIO_URL=redis://localhost:6379/14",
        )];
    }
    let probe = match bus::probe().await {
        Ok(probe) => probe,
        Err(error) => return vec![unreachable_bus(&place, &error)],
    };
    let answer = format!(
        "{place} answers in {:.2} ms",
        probe.round_trip.as_secs_f64() * 1e3
    );
    let names = address.subscribers().await;
    vec![Finding::good(answer), listeners(probe.workers, &names)]
}

fn unreachable_bus(place: &str, error: &Error) -> Finding {
    let causes = std::iter::successors(std::error::Error::source(error), |it| it.source());
    let why = causes
        .last()
        .map_or_else(|| error.to_string(), ToString::to_string);
    let todo = match error {
        Error::Bus(BusError::DotEnv(_)) => {
            "mend this line of .env: NAME=value, in quotes where it has spaces"
        }
        Error::Bus(_) => "let REDIS_SOCKETIO_URL be an address such as redis://localhost:6379/14",
        _ if why.to_lowercase().contains("authentication") => {
            "put the password into REDIS_SOCKETIO_URL: redis://:password@localhost:6379/14"
        }
        _ if why.contains("database") => {
            "let REDIS_SOCKETIO_URL end with a database that this Redis has, such as /0"
        }
        _ => "start Redis (`redis-server`), or let REDIS_SOCKETIO_URL say where it is",
    };
    Finding::mend(format!("{place} does not answer: {why}"), todo)
}

fn listeners(workers: Option<usize>, names: &[String]) -> Finding {
    let channel = format!("the channel `{}`", bus::channel());
    match workers {
        Some(0) => Finding::note(
            format!("nobody subscribes to {channel}: events reach no client"),
            "start the application: `fast-app serve`",
        ),
        // Only then it is certain that all of them subscribe to this channel.
        Some(workers) if workers == names.len() => Finding::good(format!(
            "{} to {channel}: {}",
            subscribe(workers),
            names.join(", ")
        )),
        Some(workers) => Finding::good(format!("{} to {channel}", subscribe(workers))),
        None => Finding::good("the bus does not tell who subscribes"),
    }
}

fn subscribe(workers: usize) -> String {
    match workers {
        1 => "1 worker subscribes".to_owned(),
        workers => format!("{workers} workers subscribe"),
    }
}

fn print(findings: &[Finding]) -> std::io::Result<()> {
    let is_terminal = std::io::stdout().is_terminal();
    let mut out = anstream::stdout().lock();
    for finding in findings {
        let (mark, word, color) = match finding.verdict {
            Verdict::Good => ("✓", "good", AnsiColor::Green),
            Verdict::Note => ("!", "note", AnsiColor::Yellow),
            Verdict::Mend => ("✗", "mend", AnsiColor::Red),
        };
        let style: Style = color.on_default();
        let mark = if is_terminal { mark } else { word };
        writeln!(out, "{style}{mark}{style:#} {}", finding.found)?;
        if let Some(todo) = &finding.todo {
            writeln!(out, "  → {}", todo.replace('\n', "\n  "))?;
        }
    }
    Ok(())
}
