//! What clients may connect to.
