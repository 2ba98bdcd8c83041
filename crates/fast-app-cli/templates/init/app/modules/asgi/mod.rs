//! The server.

pub mod app;
