//! What the public conformance suites of Engine.IO v4 (25 cases) and Socket.IO v5 (32 cases) ask for, in our own words.
//!
//! The server is `examples/echo.rs` as a process of its own, the one to which the public suites are put as well. Cargo
//! builds examples for `cargo test`, but not for `cargo test --test it`. All cases, 20 times in a row:
//!
//! ```text
//! cargo build -p fast-app-socketio --example echo
//! for run in $(seq 20); do cargo test -p fast-app-socketio --test it suite:: || break; done
//! ```

mod engineio;
mod socketio;
mod transport;

use std::{path::PathBuf, process::Command};

use testkit::{Polling, RawSocket, Server, http};

/// The running example, and the path on it that a suite is about.
struct Echo {
    server: Server,
    path: &'static str,
}

impl Echo {
    async fn start(path: &'static str) -> Self {
        let server = echo_example().await;
        Self { server, path }
    }

    /// With the short heartbeat that the public suites want.
    async fn start_beating(path: &'static str) -> Self {
        let server = run_example(&["0"]).await;
        Self { server, path }
    }

    /// The path with a query.
    fn url(&self, query: &str) -> String {
        format!("{}?{query}", self.path)
    }

    async fn get(&self, path: &str) -> http::Response {
        http::get(self.server.addr(), path).await
    }

    async fn polling(&self) -> Polling {
        Polling::handshake_at(self.server.addr(), self.path).await
    }

    /// A WebSocket at this path; the response when it is refused.
    async fn connect(&self, path: &str) -> Result<RawSocket, http::Response> {
        RawSocket::connect(self.server.addr(), path, &[]).await
    }

    /// A session on a WebSocket, behind its open packet.
    async fn websocket(&self) -> RawSocket {
        let path = self.url("EIO=4&transport=websocket");
        let mut socket = self.connect(&path).await.unwrap();
        let open = socket.recv_text().await;
        assert!(open.starts_with("0{"), "{open}");
        socket
    }

    /// Sends a GET for packets that are yet to come, and comes back when the server has had time to hold it: it was there
    /// before a request that was answered.
    async fn hold(&self, polling: &Polling) -> http::Connection {
        let mut held = http::Connection::open(self.server.addr()).await;
        let path = polling.path("polling");
        for path in ["/nothing-here", &path] {
            held.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
                .await;
            if path == "/nothing-here" {
                assert_eq!(held.response().await.unwrap().status, 404);
            }
        }
        assert_eq!(self.get("/nothing-here").await.status, 404);
        held
    }
}

/// Starts `examples/echo.rs` on a free port, with a heartbeat that no test lives to see: on a busy machine the short one ends
/// clients that are only slow.
pub(crate) async fn echo_example() -> Server {
    run_example(&["0", "25000", "20000"]).await
}

async fn run_example(args: &[&str]) -> Server {
    let mut command = Command::new(example());
    command.args(args);
    Server::run(command).await
}

/// Where Cargo has built the example.
pub(crate) fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(|deps| deps.parent()).unwrap();
    let example = target.join("examples").join("echo");
    assert!(
        example.exists(),
        "help: cargo build -p fast-app-socketio --example echo"
    );
    example
}
