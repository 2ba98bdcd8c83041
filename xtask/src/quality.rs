//! `check` and `test`: what a change must pass; `faults`: what it must survive.

use std::process::Command;

use crate::error::Error;
use crate::{root, step};

/// Formatting, lints and documentation.
pub(crate) fn check() -> Result<(), Error> {
    step::run(cargo("fmt").args(["--all", "--check"]), "cargo fmt --all")?;
    step::run(
        cargo("clippy").args(["--workspace", "--all-targets", "--", "-D", "warnings"]),
        "mend what clippy names above",
    )?;
    step::run(
        cargo("doc")
            .args(["--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings"),
        "mend what rustdoc names above",
    )
}

/// All tests of the workspace, with more arguments for `cargo test`.
pub(crate) fn test(extra: &[String]) -> Result<(), Error> {
    step::run(
        cargo("test").arg("--workspace").args(extra),
        "run one again with `cargo test -p <crate> <name>`",
    )
}

/// The long faults, those that are named or all.
pub(crate) fn faults(named: &[String]) -> Result<(), Error> {
    step::run(
        cargo("bench")
            .args(["--package", "fast-app-socketio", "--bench", "faults", "--"])
            .args(named),
        "a line with NO in the table did not hold; run one fault again with `cargo xtask faults <fault>`",
    )
}

fn cargo(subcommand: &str) -> Command {
    // Cargo names itself to the programs that it runs.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand).current_dir(root());
    command
}
