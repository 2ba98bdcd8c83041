//! Attacks on a server of ours, each with the limits it must hold: `cargo xtask siege`.
//!
//! ```text
//!  core 0: bin/besieged ◄── GET /counts, /proc ── ground ◄─┐
//!               ▲                                          │
//!               ├──────── peer × thousands ◄──────────────── a job: handshakes, slow, … ──► report
//!               └──────── visitor: connects again and again, as everybody else would
//! ```
//!
//! A job is a file here with a function `run`, and its line in [`JOBS`]. It starts servers on its [`ground`], and says in
//! the [`report`] what was measured and what the limit is.

use std::pin::Pin;

use crate::Result;
use report::Report;

pub mod churn;
pub mod counts;
pub mod fault;
pub mod ground;
pub mod handlers;
pub mod handshakes;
pub mod peer;
pub mod reader;
pub mod report;
pub mod revocation;
pub mod schedules;
pub mod sigterm;
pub mod slow;
pub mod visitor;

/// What a job does.
pub type Job = for<'a> fn(&'a mut Report) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// The jobs by name, in the order in which they run.
pub const JOBS: [(&str, Job); 8] = [
    ("handshakes", |report| Box::pin(handshakes::run(report))),
    ("slow", |report| Box::pin(slow::run(report))),
    ("reader", |report| Box::pin(reader::run(report))),
    ("churn", |report| Box::pin(churn::run(report))),
    ("handlers", |report| Box::pin(handlers::run(report))),
    ("schedules", |report| Box::pin(schedules::run(report))),
    ("sigterm", |report| Box::pin(sigterm::run(report))),
    ("revocation", |report| Box::pin(revocation::run(report))),
];
