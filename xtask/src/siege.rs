//! `siege`: attacks on a server, with the limits that it must hold.

use std::process::Command;

use crate::error::Error;
use crate::{root, step};

/// Runs the jobs that are named, or all.
pub(crate) fn siege(named: &[String]) -> Result<(), Error> {
    let cargo = |subcommand: &str| {
        let mut command = Command::new("cargo");
        command
            .args([subcommand, "--release", "--package", "bench"])
            .current_dir(root());
        command
    };
    // The server is a program of its own, beside that which attacks it.
    step::run(
        cargo("build").args(["--bin", "besieged", "--bin", "siege"]),
        "mend what the compiler names above",
    )?;
    step::run(
        cargo("run")
            .args(["--quiet", "--bin", "siege", "--"])
            .args(named),
        "a line with NO in the table did not hold; limits of time hold on a machine that is otherwise idle. \
         Run one job again with `cargo xtask siege <job>`",
    )
}
