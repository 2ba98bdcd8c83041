//! The command as people run it.
//!
//! `golden` compares what it does with folders of files; `docs` its help with the manual; `interrupted` is about signals;
//! `live` about a bus and a server; `project` makes a whole project, runs it, and has a stock client connect.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod docs;
mod golden;
mod interrupted;
mod live;
mod project;

use std::{
    path::Path,
    process::{Command, Output},
};

/// The command in this folder, without what the environment of the test may say.
fn fast_app(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fast-app"));
    command.args(args).current_dir(folder);
    for variable in ["REDIS_SOCKETIO_URL", "SECRET_KEY"] {
        command.env_remove(variable);
    }
    command
}

/// Runs it, and panics unless it succeeds.
fn run(mut command: Command) -> String {
    let output = command.output().unwrap();
    let stdout = text(&output.stdout);
    assert!(
        output.status.success(),
        "{command:?}:\n{stdout}{}",
        text(&output.stderr)
    );
    stdout
}

/// Runs it, and panics unless it fails with code 1.
fn fail(mut command: Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let stderr = text(&stderr);
    assert_eq!(
        status.code(),
        Some(1),
        "{command:?}:\n{}{stderr}",
        text(&stdout)
    );
    stderr
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
