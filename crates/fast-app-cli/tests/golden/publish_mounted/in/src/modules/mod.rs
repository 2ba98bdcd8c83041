//! The parts of the application.

pub mod asgi;
