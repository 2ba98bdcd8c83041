//! `mixed`: the test of one publisher and many clients at its full size.

use std::process::Command;

use crate::error::Error;
use crate::{root, step};

const MESSAGES: &str = "10000";
const CLIENTS: &str = "1000";

/// Runs in release what the tests of `fast-app-socketio` run small.
pub(crate) fn mixed() -> Result<(), Error> {
    step::run(
        Command::new("cargo")
            .args(["test", "--release", "--package", "fast-app-socketio"])
            .args(["--test", "it", "mixed::", "--", "--nocapture"])
            .env("MIXED_MESSAGES", MESSAGES)
            .env("MIXED_CLIENTS", CLIENTS)
            .current_dir(root()),
        "each client needs four file descriptors at most: `ulimit -n 8192`",
    )
}
