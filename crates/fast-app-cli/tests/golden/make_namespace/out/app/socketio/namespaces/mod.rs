//! What clients may connect to.

mod admin_namespace;

pub use admin_namespace::AdminNamespace;
