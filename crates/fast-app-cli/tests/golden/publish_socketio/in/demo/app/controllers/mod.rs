//! HTTP.

pub mod health_controller;
