#[path = "old.rs"]
mod zoo;

pub use zoo::{
    Lion,
    Zoo,
};
