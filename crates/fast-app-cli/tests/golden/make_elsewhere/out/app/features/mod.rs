//! `features`.

pub mod chat;
