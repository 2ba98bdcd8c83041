//! Broken.

pub mod {
