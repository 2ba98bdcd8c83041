//! The programs that are measured.

use std::path::Path;
use std::process::Command;

/// A program that is measured.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What it is called in the results.
    pub name: &'static str,
    /// What it is measured for.
    pub role: Role,
    /// How it is started, from the root of the repository.
    pub command: Vec<String>,
    /// Its version, where it has one of its own.
    pub version: String,
    /// By how much the work is less that has no pace, so that slow ones do not take all the time.
    pub ease: u64,
}

/// What a program is measured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It writes to sockets and does nothing else.
    Floor,
    /// It serves Socket.IO clients.
    Server,
}

/// The name of our own server, to which all goals belong.
pub const OURS: &str = "fast-app";
/// One `write` for each delivery.
pub const WRITE_FLOOR: &str = "write floor";
/// The other server in Rust.
pub const SOCKETIOXIDE: &str = "socketioxide";
/// Socket.IO's own server.
pub const NODE: &str = "Socket.IO (Node)";
/// The server of the original.
pub const PYTHON: &str = "python-socketio";

impl Subject {
    fn new(name: &'static str, role: Role, command: &[&str]) -> Self {
        Self {
            name,
            role,
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            version: String::new(),
            ease: 1,
        }
    }

    fn version(mut self, program: &str, args: &[&str]) -> Self {
        self.version = ask(program, args);
        self
    }

    fn ease(self, ease: u64) -> Self {
        Self { ease, ..self }
    }

    /// Why it cannot be measured here, if it cannot: its program is not there.
    pub fn missing(&self) -> Option<String> {
        let mut files = self.command.iter().filter(|word| word.contains('/'));
        let missing = files.find(|file| !Path::new(file).exists())?;
        Some(format!("{missing} is not there"))
    }
}

/// All of them, ours first; `programs` is the folder of our own binaries.
pub fn subjects(programs: &Path) -> Vec<Subject> {
    let program = |name: &str| programs.join(name).display().to_string();
    let (server, floor) = (program("server"), program("floor"));
    let (oxide, uring) = (
        "target/bench/release/socketioxide-peer",
        "target/bench/release/uring-floor",
    );
    let (node, python) = ("bench/peers/node", "target/bench/venv/bin/python");
    let node_server = format!("{node}/server.mjs");
    vec![
        Subject::new(OURS, Role::Server, &[&server]),
        Subject::new(WRITE_FLOOR, Role::Floor, &[&floor]),
        Subject::new("writev floor, 16", Role::Floor, &[&floor, "--batch", "16"]),
        Subject::new("io_uring floor", Role::Floor, &[uring]),
        Subject::new(SOCKETIOXIDE, Role::Server, &[oxide]).version(oxide, &["--version"]),
        Subject::new(NODE, Role::Server, &["node", &node_server])
            .version("node", &[&node_server, "--version"])
            .ease(10),
        Subject::new(
            PYTHON,
            Role::Server,
            &[python, "bench/peers/python/server.py"],
        )
        .version(python, &["bench/peers/python/server.py", "--version"])
        .ease(20),
    ]
}

/// The first line that a program prints; nothing when it cannot be run.
fn ask(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or_default().trim().to_owned()
}
