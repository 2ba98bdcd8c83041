//! Everything that clients see over Socket.IO.

pub mod common;
pub mod events;
pub mod namespaces;
pub mod rooms;
