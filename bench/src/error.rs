//! What can go wrong in a run.

use std::io;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a run could not be made or finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is unknown, lacks its value or has one that does not fit.
    #[error("option {0}")]
    Option(String),
    /// A system call failed.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The server answered something else than the contract says.
    #[error("unexpected answer: {0}")]
    Answer(String),
    /// The server closed a connection.
    #[error("the server closed {0}")]
    Closed(&'static str),
    /// Nothing arrived for the time allowed.
    #[error("no progress for {seconds} s while {what}")]
    Stalled {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
}

impl Error {
    /// The error and its causes on one line.
    pub fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line = format!("{line}: {error}");
            cause = error.source();
        }
        line
    }

    /// Names what was being done when `source` happened.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let what = what.into();
        move |source| Error::Io { what, source }
    }
}
