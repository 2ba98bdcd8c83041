//! Events that are told to clients.

use std::future::Future;

use fast_app_socketio::{self as socketio, bus::OnOutage};
use serde::Serialize;

use super::{
    Cause,
    event::Event,
    payload::Payload,
    room::{RoomName, RoomNameError},
};

/// An event for clients: when it is told, to which rooms, and as what.
///
/// Every method has a default: always, to the room that is called like the event, as the event itself. Each has a
/// fallible version, which may use `?`; override one of the two.
///
/// ```
/// use fast_app::prelude::*;
///
/// #[derive(Event, Serialize)]
/// struct ScoreChanged {
///     game: u64,
///     score: [u8; 2],
/// }
///
/// impl BroadcastEvent for ScoreChanged {
///     async fn broadcast_on(&self) -> Channels {
///         format!("game|{}", self.game).into()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be broadcast",
    note = "add `#[derive(Event, Serialize)]` and `impl BroadcastEvent for {Self} {{}}`"
)]
pub trait BroadcastEvent: Event + Serialize + Send + Sync {
    /// The rooms whose members get the event. By default the room that is called like the event.
    fn broadcast_on(&self) -> impl Future<Output = Channels> + Send {
        async { Channels::from(Self::NAME) }
    }

    /// Whether the event is told at all. By default it is.
    fn broadcast_when(&self) -> impl Future<Output = bool> + Send {
        async { true }
    }

    /// What the clients get. By default the event itself, as JSON.
    fn broadcast_as(&self) -> impl Future<Output = Payload> + Send {
        async { Payload::new(self) }
    }

    /// What becomes of the event when other workers cannot be told. By default whoever broadcasts it gets the error;
    /// clients of the same process get the event in any case.
    fn on_outage(&self) -> OnOutage {
        OnOutage::Raise
    }

    /// [`BroadcastEvent::broadcast_on`], where it can fail.
    fn try_broadcast_on(&self) -> impl Future<Output = Result<Channels, Cause>> + Send {
        async { Ok(self.broadcast_on().await) }
    }

    /// [`BroadcastEvent::broadcast_when`], where it can fail.
    fn try_broadcast_when(&self) -> impl Future<Output = Result<bool, Cause>> + Send {
        async { Ok(self.broadcast_when().await) }
    }

    /// [`BroadcastEvent::broadcast_as`], where it can fail.
    fn try_broadcast_as(&self) -> impl Future<Output = Result<Payload, Cause>> + Send {
        async { Ok(self.broadcast_as().await) }
    }
}

/// The rooms of an event: made from a room, a name, or a list of either.
///
/// ```
/// # use fast_app::Channels;
/// let one: Channels = "news".into();
/// let two: Channels = ["chat|1", "chat|2"].into();
/// let both = one.and(two).and("moderators");
/// let elsewhere = Channels::from("staff").in_namespace("/admin");
/// ```
#[derive(Debug, Default)]
pub struct Channels(Vec<Channel>);

#[derive(Debug)]
struct Channel {
    namespace: Option<String>,
    room: Result<socketio::RoomName, RoomNameError>,
}

impl Channels {
    /// No room: nobody gets the event.
    pub fn none() -> Self {
        Self::default()
    }

    /// These rooms and those.
    pub fn and(mut self, more: impl Into<Channels>) -> Self {
        self.0.extend(more.into().0);
        self
    }

    /// The same rooms in this namespace, where they name none themselves.
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        for channel in &mut self.0 {
            channel
                .namespace
                .get_or_insert_with(|| namespace.to_owned());
        }
        self
    }

    /// The rooms of each namespace, without repetitions, in the order of their first mention.
    pub(crate) fn by_namespace(
        self,
    ) -> Result<Vec<(String, Vec<socketio::RoomName>)>, RoomNameError> {
        let mut namespaces: Vec<(String, Vec<socketio::RoomName>)> = Vec::new();
        for Channel { namespace, room } in self.0 {
            let namespace = namespace.unwrap_or_else(|| "/".to_owned());
            let room = room?;
            match namespaces.iter_mut().find(|(known, _)| *known == namespace) {
                None => namespaces.push((namespace, vec![room])),
                Some((_, rooms)) if rooms.contains(&room) => {}
                Some((_, rooms)) => rooms.push(room),
            }
        }
        Ok(namespaces)
    }

    fn of(name: &str) -> Self {
        let room = socketio::RoomName::new(name).map_err(RoomNameError::from);
        Self(vec![Channel {
            namespace: None,
            room,
        }])
    }
}

impl<R: RoomName> From<R> for Channels {
    fn from(room: R) -> Self {
        let namespace = R::NAMESPACE.map(str::to_owned);
        Self(vec![Channel {
            namespace,
            room: room.room_name(),
        }])
    }
}

impl From<&str> for Channels {
    fn from(name: &str) -> Self {
        Self::of(name)
    }
}

impl From<String> for Channels {
    fn from(name: String) -> Self {
        Self::of(&name)
    }
}

impl<C: Into<Channels>> From<Vec<C>> for Channels {
    fn from(channels: Vec<C>) -> Self {
        channels.into_iter().collect()
    }
}

impl<C: Into<Channels>, const N: usize> From<[C; N]> for Channels {
    fn from(channels: [C; N]) -> Self {
        channels.into_iter().collect()
    }
}

impl<C: Into<Channels>> FromIterator<C> for Channels {
    fn from_iter<I: IntoIterator<Item = C>>(channels: I) -> Self {
        channels.into_iter().fold(Self::none(), Self::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_grouped_by_namespace_and_named_once() {
        let channels =
            Channels::from(["b", "a", "b"]).and(Channels::from(["x", "a"]).in_namespace("/admin"));
        let grouped: Vec<_> = channels
            .by_namespace()
            .unwrap()
            .into_iter()
            .map(|(namespace, rooms)| {
                (
                    namespace,
                    rooms
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" "),
                )
            })
            .collect();
        assert_eq!(
            grouped,
            [
                ("/".to_owned(), "b a".to_owned()),
                ("/admin".to_owned(), "x a".to_owned())
            ]
        );
    }

    #[test]
    fn an_empty_name_is_an_error_and_no_name_is_nobody() {
        assert!(Channels::from("").by_namespace().is_err());
        assert!(Channels::none().by_namespace().unwrap().is_empty());
    }
}
