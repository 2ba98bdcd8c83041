//! Everything that clients see over Socket.IO.

pub mod common;
pub mod namespaces;
pub mod rooms;
