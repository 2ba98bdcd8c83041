//! What namespaces share.

pub mod authentication;
