//! The application.

pub mod features;
