//! What an application calls.

pub mod broadcasting;
