//! What people and scripts are told.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::error::Error;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    People,
    Json,
}

/// What became of the files of a project.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) created: Vec<String>,
    pub(crate) changed: Vec<String>,
    pub(crate) unchanged: Vec<String>,
    /// What is left to a person.
    pub(crate) next: Vec<String>,
    /// What would be written; nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) diff: Option<String>,
}

impl Report {
    /// Prints it.
    pub(crate) fn print(&self, format: Format) -> Result<(), Error> {
        match format {
            Format::Json => print_json(self),
            Format::People => self.print_text().map_err(Error::Output),
        }
    }

    fn print_text(&self) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        if let Some(diff) = &self.diff {
            print_diff(&mut out, diff)?;
        }
        let is_written = self.diff.is_none();
        for (what, paths) in [("created", &self.created), ("changed", &self.changed)] {
            for path in paths.iter().filter(|_| is_written) {
                writeln!(out, "{}{GOOD}{what}{GOOD:#} {path}", tick())?;
            }
        }
        if self.created.is_empty() && self.changed.is_empty() {
            writeln!(out, "nothing to do: everything is there already")?;
        } else if !is_written {
            writeln!(out, "nothing was written: this was a dry run")?;
        }
        print_next(&mut out, &self.next)
    }
}

fn print_next(out: &mut impl Write, steps: &[String]) -> io::Result<()> {
    if steps.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{STRONG}next:{STRONG:#}")?;
    for step in steps {
        writeln!(out, "  {}", step.replace('\n', "\n  "))?;
    }
    Ok(())
}

fn print_diff(out: &mut impl Write, diff: &str) -> io::Result<()> {
    for line in diff.split_inclusive('\n') {
        let style = match line.as_bytes() {
            [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..] => STRONG,
            [b'+', ..] => GOOD,
            [b'-', ..] => BAD,
            [b'@', ..] => FAINT,
            _ => Style::new(),
        };
        write!(out, "{style}{line}{style:#}")?;
    }
    Ok(())
}

/// Only people on a terminal see a tick.
pub(crate) fn tick() -> &'static str {
    match io::stdout().is_terminal() {
        true => "✓ ",
        false => "",
    }
}

/// One JSON value, on a line of its own.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let json = serde_json::to_string(value).map_err(|error| Error::Output(error.into()))?;
    print_line(&json)
}

/// A line, at once.
pub(crate) fn print_line(line: &str) -> Result<(), Error> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(Error::Output)
}

/// A remark beside the output. It may go unheard.
pub(crate) fn remark(line: &str) {
    let _ = writeln!(anstream::stderr(), "{FAINT}{line}{FAINT:#}");
}

/// What failed, with its causes, and what mends it.
pub(crate) fn print_error(error: &Error, format: Format) {
    let causes = causes(error);
    let mut err = anstream::stderr().lock();
    let _ = match format {
        Format::Json => writeln!(
            err,
            "{}",
            serde_json::json!({ "error": error.to_string(), "causes": causes, "help": error.help() })
        ),
        Format::People => {
            let because: String = causes
                .iter()
                .map(|cause| format!("\n  because {cause}"))
                .collect();
            writeln!(
                err,
                "{BAD}error{BAD:#}: {error}{because}\n{STRONG}help{STRONG:#}: {}",
                error.help()
            )
        }
    };
}

/// What is wrong with a command line, or the help that it asks for.
pub(crate) fn print_usage(error: &clap::Error) -> ExitCode {
    const HELP: &str = "see the examples: the same command with `--help`";
    // Also on stderr, when a command says too little to be one.
    let is_help = error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let text = error.render();
    let mut err = anstream::stderr().lock();
    let _ = if is_help || !error.use_stderr() {
        error.print()
    } else if std::env::args_os().any(|argument| argument == "--json") {
        let text = text.to_string();
        let what = text.split("\n\n").next().unwrap_or_default();
        let what = what.strip_prefix("error: ").unwrap_or(what);
        let json = serde_json::json!({ "error": what, "causes": [], "help": HELP });
        writeln!(err, "{json}")
    } else {
        let text = text.ansi().to_string();
        let what = text.split("\nFor more information").next();
        writeln!(
            err,
            "{}{STRONG}help{STRONG:#}: {HELP}",
            what.unwrap_or_default()
        )
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// What is behind an error. Other crates' errors may say a cause themselves; then it is not said again.
fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut said = vec![error.to_string()];
    for cause in std::iter::successors(error.source(), |error| error.source()) {
        let cause = cause.to_string();
        if !said.iter().any(|said| said.contains(&cause)) {
            said.push(cause);
        }
    }
    said.split_off(1)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let same = || io::Error::other("refused");
        let error = Error::Run {
            program: "x".into(),
            source: io::Error::other(io::Error::other(same())),
        };
        assert_eq!(causes(&error), ["refused"]);
    }
}
