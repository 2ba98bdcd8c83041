//! The server.

pub mod app;
pub mod socketio;
