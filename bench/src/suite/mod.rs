//! The benchmark: every server through the same scenarios, in turns, and what came of it.
//!
//! ```text
//! subject × scenario ──run──► samples ─┬─► table (Markdown)
//!                                      ├─► goals (Markdown)
//!                                      └─► chart (SVG)
//! ```

pub mod chart;
pub mod goals;
pub mod machine;
pub mod samples;
pub mod scenario;
pub mod subject;
pub mod table;
