//! `check` and `test`: what a change must pass.

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

fn cargo(subcommand: &str) -> Command {
    // Cargo names itself to the programs that it runs.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand).current_dir(root());
    command
}
