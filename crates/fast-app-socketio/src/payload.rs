//! The arguments of an event, serialised once.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{binary::with_attachments, extract::Args};

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
#[error("payload cannot be serialised")]
pub struct PayloadError(#[from] serde_json::Error);

impl Payload {
    /// No arguments.
    pub fn empty() -> Self {
        Self::default()
    }

    /// One argument; a list is one argument too.
    ///
    /// # Errors
    ///
    /// When the value's `Serialize` fails.
    pub fn new(value: &(impl Serialize + ?Sized)) -> Result<Self, PayloadError> {
        let (json, attachments) = with_attachments(Vec::new(), || serde_json::to_string(value));
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
    /// When the value's `Serialize` fails or it is no list.
    pub fn args(values: &(impl Serialize + ?Sized)) -> Result<Self, PayloadError> {
        let (json, attachments) = with_attachments(Vec::new(), || serde_json::to_string(values));
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
        Self {
            args: args.into(),
            attachments: attachments.into(),
        }
    }

    /// The arguments as JSON, separated by commas.
    pub fn json(&self) -> &str {
        &self.args
    }

    /// The attachments, in the order of their numbers.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }
}

impl From<Args> for Payload {
    fn from(args: Args) -> Self {
        let json: Vec<&str> = args.iter().map(RawValue::get).collect();
        // Not `from_json`: whoever sent one `null` gets one back.
        Self {
            args: json.join(",").into(),
            attachments: args.attachments().into(),
        }
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
