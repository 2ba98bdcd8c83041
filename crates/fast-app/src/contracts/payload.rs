//! What clients get of an event.

use fast_app_socketio as socketio;
use serde::Serialize;

use super::resource::{Node, Object, Resource, Unresolved};

/// What the clients get of an event: a value, a [`Resource`], or several arguments.
///
/// Serialisation fails when the event is broadcast, with the path of the value that failed.
#[derive(Debug)]
pub struct Payload(Content);

#[derive(Debug)]
enum Content {
    Ready(Result<socketio::Payload, socketio::PayloadError>),
    Node(Node),
}

/// Why an event could not become JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The event or its payload could not be serialised.
    #[error(transparent)]
    Serialise(#[from] socketio::PayloadError),
    /// A field of a resource could not be serialised.
    #[error("field {path} of the payload cannot be serialised")]
    Field {
        /// Where in the payload: `members[1].name`.
        path: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A part of a resource that comes later has failed to come.
    #[error("field {path} of the payload could not be loaded")]
    Later {
        /// Where in the payload.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Payload {
    /// One argument, as JSON; `null`, `()` and `None` are none.
    pub fn new(value: &(impl Serialize + ?Sized)) -> Self {
        Self(Content::Ready(socketio::Payload::new(value)))
    }

    /// Several arguments: the elements of a tuple or a list.
    pub fn args(values: &(impl Serialize + ?Sized)) -> Self {
        Self(Content::Ready(socketio::Payload::args(values)))
    }

    /// No arguments.
    pub fn empty() -> Self {
        Self(Content::Ready(Ok(socketio::Payload::empty())))
    }

    /// The payload as it is sent, when everything that comes later is there.
    pub(crate) async fn resolve(self) -> Result<socketio::Payload, PayloadError> {
        match self.0 {
            Content::Ready(payload) => Ok(payload?),
            Content::Node(node) => {
                let json = node
                    .resolve()
                    .await
                    .map_err(|Unresolved { path, problem }| problem.into_error(path))?;
                let json = serde_json::value::RawValue::from_string(json)
                    .map_err(socketio::PayloadError::from)?;
                Ok(socketio::Payload::raw(&json))
            }
        }
    }
}

impl<R: Resource> From<R> for Payload {
    fn from(resource: R) -> Self {
        resource.to_object().into()
    }
}

impl<R: Resource> From<Option<R>> for Payload {
    fn from(resource: Option<R>) -> Self {
        Self(Content::Node(Node::optional(resource)))
    }
}

/// A list is one argument.
impl<R: Resource> From<Vec<R>> for Payload {
    fn from(resources: Vec<R>) -> Self {
        Self(Content::Node(Node::list(resources)))
    }
}

impl From<Object> for Payload {
    fn from(object: Object) -> Self {
        Self(Content::Node(Node::from(object)))
    }
}
