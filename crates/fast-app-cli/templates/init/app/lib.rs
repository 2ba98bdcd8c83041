//! The application.

pub mod modules;
