//! The pieces that the load generator (`load`), the floor (`floor`) and the attacks (`siege`) share.
//!
//! ```text
//! load:   args → target (server, pin) → run → fleet ─┬─ client × N ── link (frame, http), order, message
//!                                        │           ├─ control    ── http (POST /broadcast), series
//!                                        │           └─ tally      ── histogram
//!         process (CPU, memory) ─────────┴→ report
//! floor:  args → http, frame, message, series
//! siege:  jobs → besieged (server) ◄── peer × N (frame, http)
//! ```
//!
//! What a server must provide to be measured is written at the top of `bin/load.rs`.

#![allow(clippy::disallowed_types, reason = "nothing here serves anybody")]

pub mod args;
pub mod broadcasts;
pub mod client;
pub mod control;
pub mod error;
pub mod fleet;
pub mod frame;
pub mod histogram;
pub mod http;
pub mod limits;
pub mod link;
pub mod message;
pub mod order;
pub mod process;
pub mod report;
pub mod run;
pub mod series;
pub mod server;
pub mod siege;
pub mod suite;
pub mod tally;
pub mod target;

pub use error::{Error, Result};
