//! What an application implements.

pub mod broadcast_event;
pub mod event;
pub mod namespace;
pub mod payload;
mod recheck;
pub mod resource;
pub mod room;

/// Any error of the application: what the fallible versions of its methods return, so that `?` works there.
///
/// It goes to the caller and the log, never to a client.
#[derive(Debug)]
pub struct Cause(Box<dyn std::error::Error + Send + Sync>);

impl Cause {
    /// A cause that is only a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    pub(crate) fn into_source(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Cause {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}
