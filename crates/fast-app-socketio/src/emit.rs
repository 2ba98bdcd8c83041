//! One event to many sockets.

use tracing::{Span, level_filters::LevelFilter};

use crate::{bus::OnOutage, extract::Args, payload::Payload};

/// The span of an event, from whoever emits it to the sockets.
const SPAN: &str = "broadcast";

/// An event and who is to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emit {
    /// The event's name.
    pub event: String,
    /// Its arguments.
    pub payload: Payload,
    /// The namespace, `/` by default.
    pub namespace: String,
    /// Who gets it.
    pub to: Recipients,
    /// Who does not, although among the recipients: sids, and rooms with all that are in them. Python workers know only
    /// the sids.
    pub except: Vec<String>,
    /// Sockets that have not taken what was sent to them before are passed over. Other workers do not know of it.
    pub volatile: bool,
    /// Only the sockets of this process get it.
    pub local: bool,
    /// What becomes of it when other workers cannot be told.
    pub on_outage: OnOutage,
}

/// Who gets an event, within its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Every socket.
    Everybody,
    /// Every socket in at least one of these rooms, once; the sid of a socket counts as a room with that socket alone.
    /// Without rooms: nobody.
    Rooms(Vec<std::sync::Arc<str>>),
}

/// What became of an event that was emitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// How many sockets of this process it was queued for.
    pub local: usize,
    /// How many listeners the bus says there were, this process included; `None` where the bus does not tell or was not
    /// told.
    pub workers: Option<usize>,
    /// The bus is away: other workers are told when it is back.
    pub spooled: bool,
    /// The bus is away: other workers are not told, which was logged.
    pub lost: bool,
}

/// What clients answered to an event, from [`Manager::emit_with_acks`](crate::Manager::emit_with_acks).
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Answers {
    /// What became of the event.
    pub delivery: Delivery,
    /// The arguments of each acknowledgement, in the order in which they came. Whose they are the bus does not tell.
    pub args: Vec<Args>,
}

impl Emit {
    /// An event to every socket of `/`.
    pub fn new(event: impl Into<String>, payload: Payload) -> Self {
        let namespace = "/".to_owned();
        Self {
            event: event.into(),
            payload,
            namespace,
            to: Recipients::Everybody,
            except: Vec::new(),
            volatile: false,
            local: false,
            on_outage: OnOutage::Raise,
        }
    }

    /// The same event in another namespace.
    pub fn in_namespace(self, namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            ..self
        }
    }

    /// The same event to these rooms.
    pub fn to(self, rooms: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let rooms = rooms.into_iter().map(|room| room.as_ref().into()).collect();
        Self {
            to: Recipients::Rooms(rooms),
            ..self
        }
    }

    /// The same event, but not to the socket with this sid, or to those in this room.
    pub fn except(mut self, name: impl Into<String>) -> Self {
        self.except.push(name.into());
        self
    }

    /// The same event, but not to sockets that have not taken what was sent to them before.
    pub fn volatile(self) -> Self {
        Self {
            volatile: true,
            ..self
        }
    }

    /// The same event, with this to happen when other workers cannot be told.
    pub fn on_outage(self, on_outage: OnOutage) -> Self {
        Self { on_outage, ..self }
    }

    /// The same event, but only to the sockets of this process.
    pub fn local(self) -> Self {
        Self {
            local: true,
            ..self
        }
    }

    /// The span of the event, for what is logged on its way. None within that of a broadcast, of which it is a part.
    pub(crate) fn span(&self) -> Span {
        let is_part = || {
            let current = Span::current();
            current.metadata().is_some_and(|span| span.name() == SPAN)
        };
        // Asked first, because that is what most servers answer with no.
        match LevelFilter::current() < LevelFilter::DEBUG || is_part() {
            true => Span::none(),
            false => tracing::debug_span!(SPAN, event = self.event, namespace = self.namespace,),
        }
    }
}
