//! The application.

pub mod events;
