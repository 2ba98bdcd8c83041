//! What tests need to drive a server from outside: raw protocol clients, the stock Socket.IO clients, Redis, a browser.
//!
//! | to… | use |
//! |---|---|
//! | send any bytes and see the answer | [`http`], [`RawSocket`], [`Polling`] |
//! | hear numbered events through an outage | [`Tally`] |
//! | judge the answers to a table of inputs | [`Findings`] |
//! | measure time on a busy machine | [`Stopwatch`] |
//! | be a client as applications have it | [`StockClient`] (`socket.io-client` and python-socketio) |
//! | publish as another program on the bus | [`PythonManager`] |
//! | share the bus with a worker of another kind | [`PythonServer`] |
//! | have a Redis that may stop, freeze and come back | [`RedisServer`], [`Sentinel`] |
//! | hear what is published there | [`RedisSpy`] |
//! | have a network that may fall silent | [`Proxy`] |
//! | compare a codec with the original's | [`run_parser`] |
//! | run a binary of the workspace, or a script that drives a browser | [`Server`], [`run_node`] |
//!
//! Nothing here knows the crates under test. Everything is async, runs on the test's own Tokio runtime, ends its child
//! processes when dropped, and panics with what it saw when the server does not do what the test waits for.
//!
//! Children need packages from npm and PyPI; `cargo xtask setup` installs them.

#![allow(clippy::disallowed_types, reason = "a test that panics has failed")]

mod child;
mod driver;
mod findings;
mod frame;
pub mod http;
mod install;
mod node;
mod parser;
mod polling;
mod proxy;
mod python_manager;
mod python_server;
mod raw_socket;
mod redis_server;
mod redis_spy;
mod sentinel;
mod server;
mod stock_client;
mod stopwatch;
mod tally;

pub use findings::Findings;
pub use frame::Frame;
pub use node::run_node;
pub use parser::{ParsedPacket, ParserAnswer, ParserCase, run_parser};
pub use polling::Polling;
pub use proxy::Proxy;
pub use python_manager::{PythonManager, To};
pub use python_server::PythonServer;
pub use raw_socket::RawSocket;
pub use redis_server::RedisServer;
pub use redis_spy::RedisSpy;
pub use sentinel::Sentinel;
pub use server::{Server, free_port};
pub use stock_client::{ClientEvent, ConnectOptions, StockClient};
pub use stopwatch::Stopwatch;
pub use tally::Tally;

use std::time::Duration;

/// How long anything here waits for a server before it panics, unless the method says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(5);
