//! Everything that clients see over Socket.IO.

pub mod rooms;
