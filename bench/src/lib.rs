//! The pieces that the load generator (`load`) and the floor (`floor`) share.
//!
//! ```text
//! load:   args → target (server, pin) → run → fleet ─┬─ client × N ── link (frame, http), order, message
//!                                        │           ├─ control    ── http (POST /broadcast), series
//!                                        │           └─ tally      ── histogram
//!         process (CPU, memory) ─────────┴→ report
//! floor:  args → http, frame, message, series
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
pub mod link;
pub mod message;
pub mod order;
pub mod process;
pub mod report;
pub mod run;
pub mod series;
pub mod server;
pub mod suite;
pub mod tally;
pub mod target;

pub use error::{Error, Result};
