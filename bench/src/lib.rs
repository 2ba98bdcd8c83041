//! The pieces that the load generator (`load`) and the floor (`floor`) share.
//!
//! ```text
//! load:   args → server (start, pin) → fleet ─┬─ client × N ── frame, order, message
//!                                             ├─ control    ── http (POST /broadcast)
//!                                             └─ tally      ── histogram
//!         process (CPU, memory of the server) → report
//! floor:  args → http, frame, message
//! ```
//!
//! What a server must provide to be measured is written at the top of `bin/load.rs`.

pub mod args;
pub mod client;
pub mod control;
pub mod error;
pub mod fleet;
pub mod frame;
pub mod histogram;
pub mod http;
pub mod limits;
pub mod message;
pub mod order;
pub mod process;
pub mod report;
pub mod server;
pub mod tally;

pub use error::{Error, Result};
