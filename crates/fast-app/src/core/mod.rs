//! What an application calls.

pub mod broadcasting;
pub mod revoking;
