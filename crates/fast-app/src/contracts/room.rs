//! Rooms: how clients name them, and who may join.

use std::{future::Future, time::Duration};

use fast_app_socketio::{self as socketio, HandlerError, InvalidRoomName, Session, Socket};
use serde::{
    Deserializer,
    de::{DeserializeOwned, IntoDeserializer, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};
use serde_json::Value;

use super::Cause;
use crate::DisconnectReason;

/// The longest part of an identifier, in bytes.
const MAX_PART: usize = 200;

/// What a room is called. `#[derive(RoomName)]` writes it from a struct: `ChatRoom { chat_id }` is `chat|<chat_id>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no room name",
    note = "add `#[derive(RoomName)]` to `{Self}`"
)]
pub trait RoomName {
    /// The first part of the name, and the last of its events: `join_<key>`, `leave_<key>`.
    const KEY: &'static str;

    /// The fields of the identifier, as clients write them.
    const FIELDS: &'static [&'static str];

    /// The namespace the room belongs to; `None` means that events for it go to `/`.
    const NAMESPACE: Option<&'static str> = None;

    /// The values of the fields.
    fn identifiers(&self) -> Vec<String>;

    /// The key and the values, joined by `|`.
    ///
    /// # Errors
    ///
    /// When a value is empty, longer than 200 bytes, or contains `|` or a control character: two rooms would else have
    /// one name.
    fn room_name(&self) -> Result<socketio::RoomName, RoomNameError> {
        let mut name = Self::KEY.to_owned();
        for (index, part) in self.identifiers().into_iter().enumerate() {
            if let Some(problem) = problem_of(&part) {
                let field = Self::FIELDS.get(index).copied().unwrap_or_default();
                return Err(RoomNameError::Part { field, problem });
            }
            name.push('|');
            name.push_str(&part);
        }
        Ok(socketio::RoomName::new(name)?)
    }
}

fn problem_of(part: &str) -> Option<&'static str> {
    match part {
        "" => Some("is required"),
        _ if part.len() > MAX_PART => Some("is longer than 200 bytes"),
        _ if part.contains('|') => Some("must not contain '|'"),
        _ if part.contains(char::is_control) => Some("must not contain control characters"),
        _ => None,
    }
}

/// Why a room has no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoomNameError {
    /// A part of the identifier is not allowed.
    #[error("{field} {problem}")]
    Part {
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// The name as a whole is not allowed.
    #[error(transparent)]
    Name(#[from] InvalidRoomName),
}

/// A room that clients join and leave by themselves, if they may.
///
/// A room is its own payload: `join_chat {"chat_id": "1"}` becomes `ChatRoom { chat_id: "1" }`.
///
/// ```
/// use fast_app::prelude::*;
///
/// #[derive(RoomName, Deserialize)]
/// struct TeamRoom {
///     team: u64,
/// }
///
/// impl Room for TeamRoom {
///     async fn can_join(&self, session: &Session) -> bool {
///         session.get::<Vec<u64>>().is_some_and(|teams| teams.contains(&self.team))
///     }
/// }
/// ```
///
/// Being in a room means receiving what is sent to it, nothing else: it is no permission to send.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no room",
    note = "add `#[derive(RoomName, Deserialize)]` and `impl Room for {Self}` with `can_join`"
)]
pub trait Room: RoomName + DeserializeOwned + Send + Sync + 'static {
    /// How long [`Room::extract_room_identifier`] and [`Room::can_join`] may take together; longer is a refusal. A client
    /// that leaves is refused, too, when the first alone takes so long.
    const GUARD_TIMEOUT: Duration = Duration::from_secs(5);

    /// How often [`Room::try_can_join`] is asked again about a client that is in the room; `None`, the default, for never. A
    /// client that it refuses, or about which it fails, is taken out and gets an `error` event `{"type":"revoked"}` with the
    /// room. To take a client out at once there is [`revoke`](crate::revoke()).
    ///
    /// Clients are not asked about all at the same time: the pause is up to a quarter shorter, different for each. Each
    /// client in such a room costs a task, about half a kilobyte.
    const RECHECK: Option<Duration> = None;

    /// Which room a client means. By default what it sent, read as this type; override it where the identifier comes
    /// from the session or needs work.
    fn extract_room_identifier(
        session: &Session,
        data: Value,
    ) -> impl Future<Output = Result<Self, HandlerError>> + Send {
        let _ = session;
        async { identify(data) }
    }

    /// Whether a client may join. By default every client may that is connected to the namespace.
    fn can_join(&self, session: &Session) -> impl Future<Output = bool> + Send {
        let _ = session;
        async { true }
    }

    /// [`Room::can_join`], where it can fail. A failure refuses the client, which learns only that it was internal.
    fn try_can_join(&self, session: &Session) -> impl Future<Output = Result<bool, Cause>> + Send {
        async { Ok(self.can_join(session).await) }
    }

    /// A client has joined. If this panics it has joined all the same; its acknowledgement says that something failed.
    fn on_join(&self, socket: &Socket) -> impl Future<Output = ()> + Send {
        let _ = socket;
        async {}
    }

    /// A client has left, or has been disconnected, for this reason.
    fn on_leave(
        &self,
        socket: &Socket,
        reason: Option<DisconnectReason>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (socket, reason);
        async {}
    }
}

/// Reads a room from what a client sent.
pub(crate) fn identify<R: Room>(data: Value) -> Result<R, HandlerError> {
    if R::FIELDS.is_empty() {
        // A unit struct is read from null; there is nothing else that a client could say.
        return serde_json::from_value(Value::Null)
            .or_else(|_| serde_json::from_value(Value::Object(serde_json::Map::new())))
            .map_err(HandlerError::internal);
    }
    let Value::Object(fields) = data else {
        return Err(missing::<R>(|_| true));
    };
    let is_missing =
        |field: &str| matches!(fields.get(field), None | Some(Value::Null)) || fields[field] == "";
    if R::FIELDS.iter().any(|field| is_missing(field)) {
        return Err(missing::<R>(is_missing));
    }
    for field in R::FIELDS {
        if !matches!(&fields[*field], Value::String(_))
            && !fields[*field].is_i64()
            && !fields[*field].is_u64()
        {
            return Err(HandlerError::validation(format!(
                "{field} must be a string or an integer"
            )));
        }
    }
    let fields = fields.into_iter().map(|(name, value)| (name, Field(value)));
    R::deserialize(MapDeserializer::new(fields)).map_err(|error| HandlerError::malformed(&error))
}

/// A field of what a client sent. A number where the room has a string names the same room as its digits.
struct Field(Value);

impl<'de> Deserializer<'de> for Field {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Number(number) => visitor.visit_string(number.to_string()),
            value => value.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, serde_json::Error> for Field {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// `a is required`, `a and b are required`.
fn missing<R: Room>(is_missing: impl Fn(&str) -> bool) -> HandlerError {
    let fields: Vec<&str> = R::FIELDS
        .iter()
        .copied()
        .filter(|field| is_missing(field))
        .collect();
    let verb = if fields.len() == 1 { "is" } else { "are" };
    HandlerError::validation(format!("{} {verb} required", fields.join(" and ")))
}
