//! The arguments of an event, serialised once.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{binary::with_attachments, extract::Args, json::to_json};

/// The arguments of an event as JSON text, with the attachments they refer to. A clone shares both.
///
/// `null` alone stands for no argument at all, as it does for python-socketio: an event with the payload `()` or `None`
/// reaches its listeners without arguments.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// The arguments, separated by commas.
    args: Arc<str>,
    attachments: Arc<[Bytes]>,
}

/// A value that cannot be an event's payload.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.describe())]
pub struct PayloadError {
    /// Where in the value, `members[1].score`; empty when it is the value itself.
    pub path: String,
    /// Why.
    #[source]
    pub source: serde_json::Error,
}

impl PayloadError {
    fn describe(&self) -> String {
        match self.path.as_str() {
            "" => "payload cannot be serialised".to_owned(),
            path => format!("field {path} of the payload cannot be serialised"),
        }
    }
}

impl From<serde_json::Error> for PayloadError {
    fn from(source: serde_json::Error) -> Self {
        Self {
            path: String::new(),
            source,
        }
    }
}

impl Payload {
    /// No arguments.
    pub fn empty() -> Self {
        Self::default()
    }

    /// One argument; a list is one argument too.
    ///
    /// # Errors
    ///
    /// When the value's `Serialize` fails, or it holds a float that is no number.
    pub fn new(value: &(impl Serialize + ?Sized)) -> Result<Self, PayloadError> {
        let (json, attachments) = with_attachments(Vec::new(), || to_json(value));
        Ok(Self::from_json(&json?, attachments))
    }

    /// Several arguments: the elements of a tuple or a list.
    ///
    /// ```
    /// # use fast_app_socketio::Payload;
    /// let payload = Payload::args(&(1, "two"))?;
    /// assert_eq!(payload.json(), r#"1,"two""#);
    /// # Ok::<(), fast_app_socketio::PayloadError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the value's `Serialize` fails, it holds a float that is no number, or it is no list.
    pub fn args(values: &(impl Serialize + ?Sized)) -> Result<Self, PayloadError> {
        let (json, attachments) = with_attachments(Vec::new(), || to_json(values));
        let json = json?;
        let inner = json
            .strip_prefix('[')
            .and_then(|json| json.strip_suffix(']'));
        let inner = inner.ok_or_else(|| {
            <serde_json::Error as serde::ser::Error>::custom("arguments are no list")
        })?;
        Ok(Self::from_json(inner, attachments))
    }

    /// One argument that is JSON already.
    pub fn raw(value: &RawValue) -> Self {
        Self::from_json(value.get(), Vec::new())
    }

    /// Arguments as they came from another program, separated by commas.
    pub(crate) fn from_json(args: &str, attachments: Vec<Bytes>) -> Self {
        let args = if args.trim() == "null" { "" } else { args };
        Self::of_args(args, attachments)
    }

    /// Arguments separated by commas, of which a single `null` is one.
    pub(crate) fn of_args(args: &str, attachments: Vec<Bytes>) -> Self {
        Self {
            args: args.into(),
            attachments: attachments.into(),
        }
    }

    /// The arguments as JSON, separated by commas.
    pub fn json(&self) -> &str {
        &self.args
    }

    /// The bytes it takes on a bus: the JSON, and the attachments as Base64.
    pub(crate) fn len_on_bus(&self) -> usize {
        let encoded = |bytes: &Bytes| bytes.len().div_ceil(3) * 4;
        self.args.len() + self.attachments.iter().map(encoded).sum::<usize>()
    }

    /// The attachments, in the order of their numbers.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }
}

impl From<Args> for Payload {
    fn from(args: Args) -> Self {
        let json: Vec<&str> = args.iter().map(RawValue::get).collect();
        // Whoever sent one `null` gets one back.
        Self::of_args(&json.join(","), args.attachments().to_vec())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Payload({} bytes, {} attachments)",
            self.args.len(),
            self.attachments.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Binary;

    #[test]
    fn values_and_their_arguments() {
        assert_eq!(Payload::new(&()).unwrap().json(), "");
        assert_eq!(Payload::new(&None::<u8>).unwrap().json(), "");
        assert_eq!(Payload::new(&[1, 2]).unwrap().json(), "[1,2]");
        assert_eq!(Payload::new("x").unwrap().json(), "\"x\"");
        assert_eq!(Payload::args(&[1, 2]).unwrap().json(), "1,2");
        assert_eq!(Payload::args(&Vec::<u8>::new()).unwrap().json(), "");
        assert!(Payload::args(&1).is_err());
    }

    #[test]
    fn bytes_become_attachments_in_order() {
        let payload = Payload::args(&(Binary::from(vec![1]), [Binary::from(vec![2])])).unwrap();
        let args = r#"{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]"#;
        assert_eq!(payload.json(), args);
        assert_eq!(
            payload.attachments(),
            [Bytes::from_static(&[1]), Bytes::from_static(&[2])]
        );
        assert!(
            serde_json::to_string(&Binary::default()).is_err(),
            "bytes have no place in plain JSON"
        );
    }
}
