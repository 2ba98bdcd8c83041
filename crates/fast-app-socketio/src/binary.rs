//! Bytes inside of events.

use std::cell::RefCell;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Bytes in a payload, such as a field of an event: they travel as an attachment of the packet, not as JSON.
///
/// ```
/// # use fast_app_socketio::{Binary, Payload};
/// # use serde::Serialize;
/// #[derive(Serialize)]
/// struct Picture { name: String, data: Binary }
///
/// let picture = Picture { name: "a".into(), data: Binary::from(vec![0, 1]) };
/// let payload = Payload::new(&picture)?;
/// assert_eq!(payload.json(), r#"{"name":"a","data":{"_placeholder":true,"num":0}}"#);
/// # Ok::<(), fast_app_socketio::PayloadError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binary(pub Bytes);

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Bytes> for Binary {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

/// What stands in the JSON for an attachment (Socket.IO protocol v5, "Packet encoding").
#[derive(Serialize, Deserialize)]
struct Placeholder {
    #[serde(rename = "_placeholder")]
    placeholder: bool,
    num: usize,
}

thread_local! {
    /// The attachments of the payload that this thread is serialising or deserialising right now.
    static ATTACHMENTS: RefCell<Option<Vec<Bytes>>> = const { RefCell::new(None) };
}

/// Runs `body`, in which [`Binary`] adds to and takes from `attachments`, and returns them with its result.
pub(crate) fn with_attachments<T>(
    attachments: Vec<Bytes>,
    body: impl FnOnce() -> T,
) -> (T, Vec<Bytes>) {
    /// Puts back what was there before, also when `body` panics.
    struct Restore(Option<Vec<Bytes>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            ATTACHMENTS.set(self.0.take());
        }
    }
    let restore = Restore(ATTACHMENTS.replace(Some(attachments)));
    let result = body();
    let attachments = ATTACHMENTS.take().unwrap_or_default();
    drop(restore);
    (result, attachments)
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let num = ATTACHMENTS.with_borrow_mut(|attachments| {
            let attachments = attachments.as_mut()?;
            attachments.push(self.0.clone());
            Some(attachments.len() - 1)
        });
        let num = num.ok_or_else(|| ser::Error::custom("bytes can only be sent in an event"))?;
        Placeholder {
            placeholder: true,
            num,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Placeholder {
            placeholder: true,
            num,
        } = Placeholder::deserialize(deserializer)?
        else {
            return Err(de::Error::custom("expected an attachment"));
        };
        ATTACHMENTS
            .with_borrow(|attachments| attachments.as_ref()?.get(num).cloned())
            .map(Self)
            .ok_or_else(|| de::Error::custom("no such attachment"))
    }
}
