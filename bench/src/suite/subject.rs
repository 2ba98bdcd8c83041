//! The programs that are measured.

use std::fs;
use std::path::Path;

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
    /// A folder without which it cannot run.
    pub needs: Option<String>,
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
            needs: None,
            ease: 1,
        }
    }

    fn needs(mut self, folder: &str) -> Self {
        self.needs = Some(folder.to_owned());
        self
    }

    fn version(mut self, file: &str, package: &str) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        self.version = version_in(&text, package).unwrap_or_default();
        self
    }

    fn ease(self, ease: u64) -> Self {
        Self { ease, ..self }
    }

    /// Why it cannot be measured here, if it cannot: its program is not there.
    pub fn missing(&self) -> Option<String> {
        let files = self.command.iter().filter(|word| word.contains('/'));
        let mut files = files.chain(&self.needs);
        let missing = files.find(|file| !Path::new(file).exists())?;
        Some(format!("{missing} is not there"))
    }
}

/// All of them, ours first; `programs` is the folder of our own binaries.
pub fn subjects(programs: &Path) -> Vec<Subject> {
    let program = |name: &str| programs.join(name).display().to_string();
    let (server, floor) = (program("server"), program("floor"));
    let oxide = "target/peers/release/peer-socketioxide";
    vec![
        Subject::new(OURS, Role::Server, &[&server]),
        Subject::new(WRITE_FLOOR, Role::Floor, &[&floor]),
        Subject::new("writev floor, 16", Role::Floor, &[&floor, "--batch", "16"]),
        Subject::new(
            "io_uring floor",
            Role::Floor,
            &["target/peers/release/uring-floor"],
        ),
        Subject::new(SOCKETIOXIDE, Role::Server, &[oxide])
            .version("bench/peers/socketioxide/Cargo.toml", "socketioxide"),
        Subject::new(NODE, Role::Server, &["node", "bench/peers/node/server.mjs"])
            .needs("bench/peers/node/node_modules")
            .version("bench/peers/node/package.json", "\"socket.io\"")
            .ease(10),
        Subject::new(
            PYTHON,
            Role::Server,
            &[
                "target/peers/python/bin/python",
                "bench/peers/python/server.py",
            ],
        )
        .version("bench/peers/python/requirements.txt", "python-socketio")
        .ease(20),
    ]
}

/// The version behind the name of a package in a manifest.
fn version_in(manifest: &str, package: &str) -> Option<String> {
    let line = manifest
        .lines()
        .find(|line| line.trim_start().starts_with(package))?;
    let rest = &line[line.find(package)? + package.len()..];
    let digits = rest.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let end = digits.find(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    Some(digits[..end.unwrap_or(digits.len())].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_every_kind_of_manifest() {
        for (line, package) in [
            (
                "socketioxide = { version = \"4.8.1\", features = [] }",
                "socketioxide",
            ),
            ("  \"socket.io\": \"4.8.1\",", "\"socket.io\""),
            ("python-socketio==4.8.1", "python-socketio"),
        ] {
            let manifest = format!("first\n{line}\nlast 1.0");
            assert_eq!(version_in(&manifest, package).as_deref(), Some("4.8.1"));
        }
        assert_eq!(version_in("other 1.0", "package"), None);
    }
}
