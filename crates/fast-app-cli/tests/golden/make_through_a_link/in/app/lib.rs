//! The application.

pub mod socketio;
