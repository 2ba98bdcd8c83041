//! The server.

pub mod socketio;
