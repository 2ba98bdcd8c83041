//! Resources: how a model looks to clients.

use std::{fmt, fmt::Write as _, future::Future, mem, pin::Pin};

use fast_app_socketio as socketio;
use futures_util::future::join_all;
use serde::Serialize;

use super::{Cause, payload::PayloadError};

/// How a model looks to clients: which of its fields they see, under which names, and what is nested in it.
///
/// ```
/// use fast_app::prelude::*;
///
/// # struct User { id: u32, name: String }
/// # struct Chat { id: u32, members: Vec<User> }
/// struct UserResource<'a>(&'a User);
///
/// impl Resource for UserResource<'_> {
///     fn to_object(&self) -> Object {
///         Object::new().field("_id", &self.0.id).field("name", &self.0.name)
///     }
/// }
///
/// struct ChatResource<'a>(&'a Chat);
///
/// impl Resource for ChatResource<'_> {
///     fn to_object(&self) -> Object {
///         Object::new()
///             .field("_id", &self.0.id)
///             .resources("members", self.0.members.iter().map(UserResource))
///     }
/// }
/// ```
pub trait Resource {
    /// The fields that clients see, in this order.
    fn to_object(&self) -> Object;
}

/// The fields of a resource.
#[derive(Debug, Default)]
pub struct Object(Vec<(&'static str, Node)>);

impl Object {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// A value that is `Serialize`.
    pub fn field(self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Self {
        let node = socketio::to_json(value)
            .map_or_else(|error| Node::Failed(Problem::Serialise(error)), Node::Json);
        self.with(name, node)
    }

    /// A resource inside of this one.
    pub fn resource(self, name: &'static str, resource: impl Resource) -> Self {
        self.with(name, Node::from(resource.to_object()))
    }

    /// A resource inside of this one, or `null`.
    pub fn optional(self, name: &'static str, resource: Option<impl Resource>) -> Self {
        self.with(name, Node::optional(resource))
    }

    /// A list of resources.
    pub fn resources<R: Resource>(
        self,
        name: &'static str,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        self.with(name, Node::list(resources))
    }

    /// An object that must be loaded first. All that is to be loaded for a payload is loaded at the same time.
    pub fn later<F>(self, name: &'static str, object: F) -> Self
    where
        F: Future<Output = Result<Object, Cause>> + Send + 'static,
    {
        self.with(name, Node::Later(Later(Box::pin(object))))
    }

    fn with(mut self, name: &'static str, node: Node) -> Self {
        self.0.push((name, node));
        self
    }
}

/// A part of a payload.
#[derive(Debug)]
pub(crate) enum Node {
    Json(String),
    Object(Object),
    List(Vec<Node>),
    Later(Later),
    Failed(Problem),
}

pub(crate) struct Later(Pin<Box<dyn Future<Output = Result<Object, Cause>> + Send>>);

/// What is wrong with a part.
#[derive(Debug)]
pub(crate) enum Problem {
    Serialise(socketio::PayloadError),
    Later(Cause),
}

/// A part that could not become JSON, and where it is.
#[derive(Debug)]
pub(crate) struct Unresolved {
    pub(crate) path: String,
    pub(crate) problem: Problem,
}

impl From<Object> for Node {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl Node {
    pub(crate) fn optional(resource: Option<impl Resource>) -> Self {
        match resource {
            Some(resource) => Self::from(resource.to_object()),
            None => Self::Json("null".to_owned()),
        }
    }

    pub(crate) fn list<R: Resource>(resources: impl IntoIterator<Item = R>) -> Self {
        Self::List(
            resources
                .into_iter()
                .map(|resource| Self::from(resource.to_object()))
                .collect(),
        )
    }

    /// The JSON, once everything that comes later has come, all of it together.
    pub(crate) async fn resolve(mut self) -> Result<String, Unresolved> {
        loop {
            let mut later = Vec::new();
            self.collect_later(&mut later);
            if later.is_empty() {
                break;
            }
            let loading =
                later
                    .iter_mut()
                    .map(|node| match mem::replace(*node, Self::List(Vec::new())) {
                        Self::Later(Later(future)) => future,
                        _ => unreachable!("only what comes later is collected"),
                    });
            let loaded = join_all(loading).await;
            for (node, object) in later.into_iter().zip(loaded) {
                *node =
                    object.map_or_else(|cause| Self::Failed(Problem::Later(cause)), Self::Object);
            }
        }
        let mut json = String::new();
        self.write(&mut json, &mut String::new())?;
        Ok(json)
    }

    fn collect_later<'a>(&'a mut self, later: &mut Vec<&'a mut Node>) {
        match self {
            Self::Json(_) | Self::Failed(_) => {}
            Self::Object(Object(fields)) => fields
                .iter_mut()
                .for_each(|(_, node)| node.collect_later(later)),
            Self::List(nodes) => nodes.iter_mut().for_each(|node| node.collect_later(later)),
            Self::Later(_) => later.push(self),
        }
    }

    fn write(self, json: &mut String, path: &mut String) -> Result<(), Unresolved> {
        match self {
            Self::Json(value) => json.push_str(&value),
            Self::Object(Object(fields)) => {
                json.push('{');
                for (index, (name, node)) in fields.into_iter().enumerate() {
                    let separator = if index == 0 { "" } else { "," };
                    let _ = write!(json, "{separator}{}:", serde_json::Value::from(name));
                    let dot = if path.is_empty() { "" } else { "." };
                    node.write_below(json, path, format_args!("{dot}{name}"))?;
                }
                json.push('}');
            }
            Self::List(nodes) => {
                json.push('[');
                for (index, node) in nodes.into_iter().enumerate() {
                    if index > 0 {
                        json.push(',');
                    }
                    node.write_below(json, path, format_args!("[{index}]"))?;
                }
                json.push(']');
            }
            Self::Later(_) => unreachable!("everything has come"),
            Self::Failed(problem) => {
                return Err(Unresolved {
                    path: mem::take(path),
                    problem,
                });
            }
        }
        Ok(())
    }

    fn write_below(
        self,
        json: &mut String,
        path: &mut String,
        step: fmt::Arguments<'_>,
    ) -> Result<(), Unresolved> {
        let length = path.len();
        let _ = path.write_fmt(step);
        self.write(json, path)?;
        path.truncate(length);
        Ok(())
    }
}

impl Problem {
    pub(crate) fn into_error(self, path: String) -> PayloadError {
        match self {
            Self::Serialise(error) => PayloadError::Field {
                path: join(path, &error.path),
                source: error.source,
            },
            Self::Later(cause) => PayloadError::Later {
                path,
                source: cause.into_source(),
            },
        }
    }
}

/// A path within the value at another.
fn join(path: String, within: &str) -> String {
    match within.bytes().next() {
        None => path,
        Some(b'[') => path + within,
        Some(_) => path + "." + within,
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use tokio::sync::Barrier;

    use super::*;

    struct Name(&'static str);

    impl Resource for Name {
        fn to_object(&self) -> Object {
            Object::new().field("name", self.0)
        }
    }

    #[tokio::test]
    async fn fields_keep_their_order_and_nest() {
        let object = Object::new()
            .field("z", &1)
            .resource("b", Name("x"))
            .resources("a", ["1", "2"].map(Name))
            .optional("n", None::<Name>);
        let json = Node::from(object).resolve().await.unwrap();
        assert_eq!(
            json,
            r#"{"z":1,"b":{"name":"x"},"a":[{"name":"1"},{"name":"2"}],"n":null}"#
        );
    }

    #[tokio::test]
    async fn what_comes_later_is_loaded_together() {
        let both = Arc::new(Barrier::new(2));
        let wait = |both: Arc<Barrier>| async move {
            both.wait().await;
            Ok(Object::new().later("inner", async { Ok(Object::new()) }))
        };
        let object = Object::new()
            .later("a", wait(both.clone()))
            .later("b", wait(both));
        let json = Node::from(object).resolve().await.unwrap();
        assert_eq!(json, r#"{"a":{"inner":{}},"b":{"inner":{}}}"#);
    }

    #[tokio::test]
    async fn a_failure_names_its_path() {
        struct Bad;
        impl Resource for Bad {
            fn to_object(&self) -> Object {
                Object::new().field("map", &HashMap::from([((1, 2), 3)]))
            }
        }
        let failed = Node::from(Object::new().resources("list", [Bad]))
            .resolve()
            .await
            .unwrap_err();
        assert_eq!(failed.path, "list[0].map");
        let late = Object::new().later("x", async { Err(Cause::new("gone")) });
        assert_eq!(Node::from(late).resolve().await.unwrap_err().path, "x");
    }
}
