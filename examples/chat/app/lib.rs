//! The sample project: two people chat in guarded rooms.
//!
//! `cargo run -p chat`, then open the address it prints in two windows.
//!
//! | folder | holds |
//! |---|---|
//! | `models` | users, chats and messages, in memory |
//! | `resources` | how they look to clients |
//! | `socketio` | events, rooms and namespaces, as `fast-app publish socketio` lays them out |
//! | `controllers` | HTTP: what is posted is broadcast |
//! | `modules/asgi` | the server |

pub mod controllers;
pub mod models;
pub mod modules;
pub mod resources;
pub mod socketio;
