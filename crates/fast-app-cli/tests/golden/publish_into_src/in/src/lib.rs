//! The shop.

#![warn(clippy::all)]

use std::collections::HashMap;

/// Prices.
pub type Prices = HashMap<String, u32>;
