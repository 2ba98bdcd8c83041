//! The application.

pub mod controllers;
pub mod modules;
pub mod socketio;
