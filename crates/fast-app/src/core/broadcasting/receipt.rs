//! What the caller of a broadcast is told.

use fast_app_socketio::{Args, Delivery, EmitError, bus::BusError};

use crate::contracts::{Cause, payload::PayloadError, room::RoomNameError};

/// What became of a broadcast.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The names of the rooms it was sent to.
    pub rooms: Vec<String>,
    /// `broadcast_when` said no: nothing was sent.
    pub skipped: bool,
    /// How many clients of this process it was queued for.
    pub local: usize,
    /// How many workers heard it, this process included; the fewest, when it was sent in several namespaces. `None` when
    /// none was told.
    pub workers: Option<usize>,
    /// Redis is away: other workers are told when it is back, as the event's `on_outage` asks for.
    pub spooled: bool,
    /// Redis is away: other workers are not told, which was logged, as the event's `on_outage` asks for.
    pub lost: bool,
}

/// What became of a broadcast whose acknowledgements were collected.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Acknowledged {
    /// What became of the event.
    pub receipt: Receipt,
    /// What each client answered, in the order in which the answers came. Whose they are the bus does not tell.
    pub answers: Vec<Args>,
}

impl Receipt {
    pub(super) fn add(&mut self, delivery: Delivery) {
        self.local += delivery.local;
        self.workers = match (self.workers, delivery.workers) {
            (Some(known), Some(more)) => Some(known.min(more)),
            (known, more) => known.or(more),
        };
        self.spooled |= delivery.spooled;
        self.lost |= delivery.lost;
    }
}

/// Why an event was not broadcast, or not everywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The event's own method failed.
    #[error("{method} failed")]
    Event {
        /// The method.
        method: &'static str,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// One of its rooms has no valid name. Nothing was sent.
    #[error("event is for a room without a valid name")]
    Room(#[from] RoomNameError),
    /// It could not become JSON. Nothing was sent.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The payload is larger than [`Manager::max_payload`](crate::Manager::max_payload). Nothing was sent.
    #[error("payload of {bytes} bytes is larger than the limit of {limit}")]
    TooLarge {
        /// Its size: the JSON, and the attachments as Base64.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Other workers could not be told. Clients of this process have got it; where answers are expected, those of a namespace
    /// have not if the bus could not be heard by then ([`BusError::Deaf`](crate::bus::BusError::Deaf)).
    #[error("event did not reach the other workers")]
    Bus(#[source] BusError),
    /// It could not be emitted: there is no bus that can be used, or none that could be heard
    /// ([`BusError::Deaf`](crate::bus::BusError::Deaf)) where answers are expected. Nothing was sent.
    #[error(transparent)]
    Emit(EmitError),
}

impl BroadcastError {
    pub(super) fn event(method: &'static str) -> impl Fn(Cause) -> Self {
        move |cause| Self::Event {
            method,
            cause: cause.into_source(),
        }
    }
}

impl From<EmitError> for BroadcastError {
    fn from(error: EmitError) -> Self {
        match error {
            EmitError::Bus(error) => Self::Bus(error),
            EmitError::TooLarge { bytes, limit } => Self::TooLarge { bytes, limit },
            error => Self::Emit(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_workers_of_all_namespaces_count() {
        let workers = |heard: &[Option<usize>]| {
            let mut receipt = Receipt::default();
            for workers in heard {
                let mut delivery = Delivery::default();
                delivery.workers = *workers;
                receipt.add(delivery);
            }
            receipt.workers
        };
        assert_eq!(workers(&[]), None);
        assert_eq!(workers(&[Some(2), Some(1), Some(3)]), Some(1));
        assert_eq!(workers(&[Some(2), None]), Some(2));
    }
}
