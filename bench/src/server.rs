//! Starting the server that is measured, and pinning it and ourselves to a core each.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

const START_LIMIT: Duration = Duration::from_secs(20);

/// A server that was started here; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
}

impl Server {
    /// Runs `command` on `core` with these variables, and waits until it accepts on `address`.
    pub fn start(
        command: &[String],
        address: SocketAddr,
        core: Core,
        variables: &[(&str, String)],
    ) -> Result<Self> {
        let mut words: Vec<&str> = match core {
            Core::Server => vec!["taskset", "-c", SERVER_CORE],
            Core::Load => vec!["taskset", "-c", LOAD_CORE],
            Core::Any => Vec::new(),
        };
        words.extend(command.iter().map(String::as_str));
        let child = Command::new(words[0])
            .args(&words[1..])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(Error::io(format!("starting {}", words.join(" "))))?;
        let mut server = Self { child };
        server.wait_until_accepting(address)?;
        Ok(server)
    }

    /// The server's process number: `taskset` gives its own to what it runs.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the server to end with SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        let status = Command::new("kill")
            .args(["-TERM", &self.pid().to_string()])
            .status()
            .map_err(Error::io("running kill"))?;
        match status.success() {
            true => Ok(()),
            false => Err(Error::Answer(format!("kill ended with {status}"))),
        }
    }

    /// How it has ended, if it has.
    pub fn status(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait();
        status.map_err(Error::io("asking how the server ended"))
    }

    fn wait_until_accepting(&mut self, address: SocketAddr) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Answer(format!("the server ended with {status}")));
            }
            if started.elapsed() > START_LIMIT {
                return Err(Error::Stalled {
                    what: format!("waiting for the server to accept on {address}"),
                    seconds: START_LIMIT.as_secs(),
                });
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// On the core of the servers that are measured.
    Server,
    /// On the core of the load generator.
    Load,
    /// Wherever the scheduler likes.
    Any,
}

/// Moves this process to the load generator's core.
pub fn pin_this_process() -> Result<()> {
    let status = Command::new("taskset")
        .args(["-c", "-p", LOAD_CORE, &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status()
        .map_err(Error::io("running taskset, which --pin needs"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Answer(format!(
            "taskset ended with {status}; --pin needs two cores"
        )))
    }
}

/// An address on loopback that nobody listens on.
pub fn free_address() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(Error::io("looking for a free port"))
}
