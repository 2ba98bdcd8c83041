//! What clients may connect to.

mod global_namespace;

pub use global_namespace::GlobalNamespace;
