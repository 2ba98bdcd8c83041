//! HTTP.

pub mod chat_controller;
pub mod page_controller;
