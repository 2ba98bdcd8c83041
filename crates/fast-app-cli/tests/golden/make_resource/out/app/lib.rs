//! The application.

pub mod resources;
