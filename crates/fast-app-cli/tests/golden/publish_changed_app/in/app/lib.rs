//! The application.

pub mod controllers;
pub mod modules;
