//! One child process of a command, shown with its duration.

use std::process::Command;
use std::time::Instant;

use crate::error::Error;

/// Runs a command to its end with its output on the terminal; `help` is for when it fails.
pub(crate) fn run(command: &mut Command, help: &str) -> Result<(), Error> {
    let shown = show(command);
    eprintln!("\n== {shown}");
    let start = Instant::now();
    let status = command
        .status()
        .map_err(|error| Error::new(format!("cannot run `{shown}`: {error}"), help))?;
    eprintln!("== {shown}: {:.1} s", start.elapsed().as_secs_f64());
    if status.success() {
        Ok(())
    } else {
        Err(Error::new(format!("`{shown}` failed ({status})"), help))
    }
}

/// Runs a command silently; what it wrote to stdout, when it succeeded.
pub(crate) fn ask(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.trim().to_owned())
}

/// The command as one would type it: programs without their folders.
fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut shown = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for arg in command.get_args() {
        shown.push(' ');
        shown.push_str(&arg.to_string_lossy());
    }
    shown
}
