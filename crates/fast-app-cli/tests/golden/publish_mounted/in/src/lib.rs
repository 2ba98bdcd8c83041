//! The shop.

#![warn(clippy::all)]

use std::collections::HashMap;

pub mod modules;
pub mod socketio;

/// Prices.
pub type Prices = HashMap<String, u32>;
