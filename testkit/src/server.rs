//! A binary of the workspace as a child process.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::child::{self, Output};

/// How long a server may take to start and to stop; more than for an answer, because a loaded machine starts a process slowly.
const LIMIT: Duration = Duration::from_secs(20);

/// A server in a child process, killed on drop.
///
/// It must print a line with its `http://…` URL on stdout once it listens. Give it port 0 where it takes one.
///
/// ```no_run
/// # async fn example() {
/// # let exe = "chat";
/// // In an integration test `exe` is env!("CARGO_BIN_EXE_chat").
/// let server = testkit::Server::spawn(exe, &[("BIND", "127.0.0.1:0")]).await;
/// assert_eq!(testkit::http::get(server.addr(), "/health").await.status, 200);
/// assert!(server.terminate().await.success());
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    child: Child,
    url: String,
    stdout: Output,
    stderr: Output,
}

impl Server {
    /// Starts this program with these variables added to the environment, and waits for its URL.
    ///
    /// Panics with the program's output when it ends, or is silent for 20 s, before there is one.
    pub async fn spawn(exe: impl AsRef<Path>, envs: &[(&str, &str)]) -> Self {
        let mut command = std::process::Command::new(exe.as_ref());
        command.envs(envs.iter().copied());
        Self::run(command).await
    }

    /// Like [`spawn`](Self::spawn), for a command with arguments or a folder of its own.
    pub async fn run(command: std::process::Command) -> Self {
        let program = command.get_program().display().to_string();
        let mut child = child::spawn(
            Command::from(command)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        let stderr = Output::collect(child.stderr.take().expect("stderr is piped"));
        let stdout = Output::default();
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let found = timeout(LIMIT, find_url(&mut lines, &stdout))
            .await
            .ok()
            .flatten();
        let Some(url) = found else {
            // Its last words may still be in the pipe; they say more than any message from here.
            let ended = timeout(Duration::from_secs(1), child.wait()).await;
            let _ = timeout(Duration::from_secs(1), stderr.complete()).await;
            panic!(
                "no line with http:// from {program} ({ended:?})\nstdout:\n{}\nstderr:\n{}",
                stdout.text(),
                stderr.text()
            );
        };
        let rest = stdout.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                rest.push(&line);
            }
        });
        Self {
            child,
            url,
            stdout,
            stderr,
        }
    }

    /// The URL that it printed, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address in [`url`](Self::url).
    pub fn addr(&self) -> SocketAddr {
        let host = self.url.trim_start_matches("http://");
        host.parse()
            .unwrap_or_else(|_| panic!("{} has no IP address and port", self.url))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child
            .id()
            .expect("a child has its id until it was waited for")
    }

    /// Its resident memory in bytes, by Linux's `/proc`.
    ///
    /// From `smaps_rollup`, which counts pages: the counter in `status` lags.
    pub fn resident(&self) -> u64 {
        self.memory("smaps_rollup", "Rss:")
    }

    /// Forgets what its resident memory was at most until now, and returns [`peak`](Self::peak).
    pub fn forget_peak(&self) -> u64 {
        let path = format!("/proc/{}/clear_refs", self.pid());
        std::fs::write(&path, "5").unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
        self.peak()
    }

    /// The most that its resident memory was, in bytes; it lags by some hundred kilobytes.
    pub fn peak(&self) -> u64 {
        self.memory("status", "VmHWM:")
    }

    /// The memory that it has asked for in bytes, whether it was ever written to or not.
    pub fn allocated(&self) -> u64 {
        self.memory("status", "VmData:")
    }

    fn memory(&self, file: &str, name: &str) -> u64 {
        let path = format!("/proc/{}/{file}", self.pid());
        let table = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {path}: {error}"));
        let kilobytes = table.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?;
            rest.trim().trim_end_matches(" kB").parse::<u64>().ok()
        });
        kilobytes.unwrap_or_else(|| panic!("{path} has no {name}\n{table}")) * 1024
    }

    /// What it wrote on stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it wrote on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Sends it a signal, `TERM` or another name.
    pub async fn signal(&self, name: &str) {
        child::signal(&self.child, name).await;
    }

    /// Waits 20 s for its end and for all that it wrote.
    pub async fn ended(&mut self) -> ExitStatus {
        let Ok(status) = timeout(LIMIT, self.child.wait()).await else {
            panic!("the server did not stop; stderr:\n{}", self.stderr());
        };
        let written = async {
            self.stdout.complete().await;
            self.stderr.complete().await;
        };
        timeout(LIMIT, written)
            .await
            .expect("its pipes end with it");
        status.expect("a child can be waited for")
    }

    /// Asks it to stop with SIGTERM and waits 20 s for its exit status.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Kills it with SIGKILL and waits for its end.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a child can be killed");
    }
}

/// A port on 127.0.0.1 that is free now, for servers that cannot take port 0.
///
/// It lies below the ports that the kernel gives to outgoing connections: a client that reconnects to a stopped server on
/// one of those may be given the same port for itself, and then talks to itself.
pub fn free_port() -> u16 {
    loop {
        let port = 10_000 + (RandomState::new().hash_one(()) % 20_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

async fn find_url(
    lines: &mut Lines<BufReader<impl AsyncRead + Unpin>>,
    seen: &Output,
) -> Option<String> {
    while let Ok(Some(line)) = lines.next_line().await {
        seen.push(&line);
        if let Some(at) = line.find("http://") {
            let url = line[at..].split_whitespace().next().unwrap_or_default();
            return Some(url.trim_end_matches(['/', '.', ',']).to_owned());
        }
    }
    None
}
