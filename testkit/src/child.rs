//! What every child process has in common: how it starts, and that its output is kept for the panic message.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::install;

/// Starts a program that dies with its handle; panics, with help, when it is not installed.
pub(crate) fn spawn(command: &mut Command) -> Child {
    let program = command.as_std().get_program().display().to_string();
    command
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => install::missing(program),
            _ => panic!("cannot start {program}: {error}"),
        })
}

/// Sends a signal to a child, `TERM` or another name.
pub(crate) async fn signal(child: &Child, name: &str) {
    let id = child
        .id()
        .expect("a child has its id until it was waited for");
    // The shell's own kill: the program of that name is not on every machine, and a signal by system call is unsafe.
    let sent = Command::new("sh")
        .args(["-c", "kill -\"$1\" \"$2\"", "sh", name, &id.to_string()])
        .status()
        .await;
    assert!(
        matches!(sent, Ok(status) if status.success()),
        "cannot send SIG{name}: {sent:?}"
    );
}

/// The lines that a child wrote, collected while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output(Arc<Mutex<String>>);

impl Output {
    /// Collects everything from this pipe, in a task that ends when the pipe does.
    pub(crate) fn collect(pipe: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let output = Self::default();
        let collected = output.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                collected.push(&line);
            }
        });
        output
    }

    /// Waits until the pipe has ended, and with it the task that collects.
    pub(crate) async fn complete(&self) {
        while Arc::strong_count(&self.0) > 1 {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn push(&self, line: &str) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(line);
        text.push('\n');
    }

    pub(crate) fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
