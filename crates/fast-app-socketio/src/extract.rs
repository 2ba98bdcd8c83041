//! What handlers take.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, value::RawValue};

use crate::{binary::with_attachments, error::HandlerError, packet::Event, payload::Payload};

/// The arguments of an event, as they came.
#[derive(Debug, Default)]
pub struct Args {
    name: String,
    values: std::collections::VecDeque<Box<RawValue>>,
    attachments: Vec<Bytes>,
}

impl Args {
    pub(crate) fn new(event: Event) -> Self {
        Self {
            name: event.name,
            values: event.args.into(),
            attachments: event.attachments,
        }
    }

    pub(crate) fn of_ack(values: Vec<Box<RawValue>>, attachments: Vec<Bytes>) -> Self {
        Self {
            name: String::new(),
            values: values.into(),
            attachments,
        }
    }

    /// The arguments of a payload.
    pub(crate) fn of_payload(payload: &Payload) -> Result<Self, serde_json::Error> {
        let values: Vec<_> = serde_json::from_str(&format!("[{}]", payload.json()))?;
        Ok(Self::of_ack(values, payload.attachments().to_vec()))
    }

    /// How many arguments are left.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none left.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The arguments that are left, as JSON.
    pub fn iter(&self) -> impl Iterator<Item = &RawValue> {
        self.values.iter().map(|value| &**value)
    }

    /// The attachments that the arguments refer to.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Takes the next argument; one that is missing counts as `null`.
    ///
    /// # Errors
    ///
    /// [`HandlerError::ValidationError`] when it is no `T`.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, HandlerError> {
        let value = self.values.pop_front();
        let json = value.as_ref().map_or("null", |value| value.get());
        let attachments = std::mem::take(&mut self.attachments);
        let (parsed, attachments) = with_attachments(attachments, || serde_json::from_str(json));
        self.attachments = attachments;
        parsed.map_err(|error| HandlerError::malformed(&error))
    }
}

/// Something a handler takes from an event.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken from an event",
    note = "handlers take a socket, then `Data<T>` for each argument, or `Args` for all that are left"
)]
pub trait FromArgs: Sized {
    /// Takes it.
    ///
    /// # Errors
    ///
    /// When the event does not have it; the client gets the error.
    fn from_args(args: &mut Args) -> Result<Self, HandlerError>;
}

/// One argument of an event, as a value of the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Data<T>(pub T);

impl<T> std::ops::Deref for Data<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: DeserializeOwned> FromArgs for Data<T> {
    fn from_args(args: &mut Args) -> Result<Self, HandlerError> {
        args.take().map(Self)
    }
}

impl FromArgs for Args {
    fn from_args(args: &mut Args) -> Result<Self, HandlerError> {
        Ok(std::mem::take(args))
    }
}

/// The name of an event, for a handler of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventName(pub String);

impl FromArgs for EventName {
    fn from_args(args: &mut Args) -> Result<Self, HandlerError> {
        Ok(Self(args.name.clone()))
    }
}

/// What a client sent to authenticate itself, the `auth` option of its library.
#[derive(Debug, Default)]
pub struct Auth(Option<Box<RawValue>>);

impl Auth {
    pub(crate) fn new(auth: Option<Box<RawValue>>) -> Self {
        Self(auth)
    }

    /// All of it, [`Value::Null`] when the client sent nothing that can be read.
    pub fn value(&self) -> Value {
        self.parse().unwrap_or(Value::Null)
    }

    /// All of it, as a value of the application.
    ///
    /// # Errors
    ///
    /// When it is no `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.0.as_ref().map_or("null", |auth| auth.get()))
    }
}
