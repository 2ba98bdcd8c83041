//! A real Redis of the test's own.

use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::child::{self, Output};
use crate::{TIMEOUT, free_port};

/// A `redis-server` on a free port that keeps nothing on disk, killed on drop.
///
/// It listens on 127.0.0.1 only. [`stop`](Self::stop) and [`start`](Self::start) play an outage: what was in it is lost, the
/// port stays the same.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts a server and waits until it answers.
    pub async fn spawn() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut server = Self {
            port: free_port(),
            folder,
            child: None,
        };
        // Another process may take the port between its choice and its use.
        while let Err(output) = server.try_start().await {
            assert!(
                output.contains("Address already in use"),
                "redis-server does not start:\n{output}"
            );
            server.port = free_port();
        }
        server
    }

    /// Its URL, database 0.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills it and waits for its end; every connection to it is lost.
    pub async fn stop(&mut self) {
        let mut child = self.child.take().expect("redis runs before stop()");
        child.kill().await.expect("a child can be killed");
    }

    /// Starts it again on the same port, empty, and waits until it answers.
    pub async fn start(&mut self) {
        assert!(self.child.is_none(), "redis is stopped before start()");
        if let Err(output) = self.try_start().await {
            panic!("redis-server does not start again:\n{output}");
        }
    }

    /// Runs `redis-cli` with these arguments and gives what it prints, without the line end.
    pub async fn cli(&self, args: &[&str]) -> String {
        let output = child::spawn(self.cli_command().args(args))
            .wait_with_output()
            .await
            .expect("redis-cli can be waited for");
        let text = String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned();
        assert!(
            output.status.success(),
            "redis-cli {args:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// `Err` is what the server wrote before it ended.
    async fn try_start(&mut self) -> Result<(), String> {
        let mut child = child::spawn(
            Command::new("redis-server")
                .args(["--port", &self.port.to_string()])
                .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
                .current_dir(self.folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let pid = child
            .id()
            .expect("a child that was not waited for has its id");
        let output = Output::collect(child.stdout.take().expect("stdout is piped"));
        let deadline = Instant::now() + TIMEOUT;
        while !self.answers_as(pid).await {
            if child.try_wait().expect("a child can be asked").is_some() {
                return Err(output.text());
            }
            assert!(
                Instant::now() < deadline,
                "redis-server is silent:\n{}",
                output.text()
            );
            sleep(Duration::from_millis(10)).await;
        }
        self.child = Some(child);
        Ok(())
    }

    /// Whether this process answers on the port: a foreign Redis there would answer a PING as well.
    async fn answers_as(&self, pid: u32) -> bool {
        let output = child::spawn(self.cli_command().args(["INFO", "server"]))
            .wait_with_output()
            .await
            .expect("redis-cli can be waited for");
        String::from_utf8_lossy(&output.stdout).contains(&format!("process_id:{pid}\r"))
    }

    fn cli_command(&self) -> Command {
        let mut command = Command::new("redis-cli");
        command
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}
