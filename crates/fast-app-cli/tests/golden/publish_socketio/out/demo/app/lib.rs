//! The application.

pub mod modules;
pub mod socketio;
