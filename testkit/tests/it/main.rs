//! The test kit against the reference implementation on Node and against real programs.

mod browser;
mod proxy;
mod python_server;
mod raw;
mod redis;
mod server;
mod stock_clients;

use std::process::Command;

use testkit::Server;

/// The small server of `testkit/js/server.mjs`.
async fn reference_server() -> Server {
    let mut command = Command::new("node");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/js/server.mjs"));
    Server::run(command).await
}
