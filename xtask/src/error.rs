//! What every command fails with.

use std::fmt;

/// What failed, and the command or change that mends it.
#[derive(Debug)]
pub(crate) struct Error {
    what: String,
    help: String,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\nhelp: {}", self.what, self.help)
    }
}
