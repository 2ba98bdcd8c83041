//! Everything that clients see of the chat over Socket.IO.

pub mod common;
pub mod events;
pub mod namespaces;
pub mod rooms;
