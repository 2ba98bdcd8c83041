//! What is counted and measured, through the facade `metrics`: without a recorder nothing is.
//!
//! Nothing here is called for a single delivery. What can be computed is computed when somebody asks:
//! [`SocketIo::record_metrics`](crate::SocketIo::record_metrics).

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::{
    error::{ConnectionRefused, HandlerError},
    handler::Reply,
    rooms::Population,
};

const SOCKETS: &str = "fast_app_sockets";
const ROOMS: &str = "fast_app_rooms";
const MEMBERSHIPS: &str = "fast_app_memberships";
const DELIVERIES: &str = "fast_app_deliveries_total";
const DELIVERIES_SKIPPED: &str = "fast_app_deliveries_skipped_total";
const HANDLERS: &str = "fast_app_handlers_total";
const CONNECTS_REFUSED: &str = "fast_app_connects_refused_total";
const EVENTS_DROPPED: &str = "fast_app_events_dropped_total";
const ACKS_DROPPED: &str = "fast_app_acks_dropped_total";
const BUS_LISTENING: &str = "fast_app_bus_listening";
#[cfg(feature = "redis")]
const BUS_OUTAGES: &str = "fast_app_bus_outages_total";
#[cfg(feature = "redis")]
const BUS_FAILED: &str = "fast_app_bus_messages_failed_total";
#[cfg(feature = "redis")]
const BUS_SPOOLED: &str = "fast_app_bus_messages_spooled_total";
const BUS_DROPPED: &str = "fast_app_bus_messages_dropped_total";

/// Says what the names mean, to the recorder that is installed now.
pub(crate) fn describe() {
    describe_gauge!(SOCKETS, "Clients that are connected to a namespace.");
    describe_gauge!(ROOMS, "Rooms of a namespace with somebody in them.");
    describe_gauge!(
        MEMBERSHIPS,
        "Sockets in rooms: one in two rooms counts twice."
    );
    describe_counter!(
        DELIVERIES,
        "Events that were queued for a client, when one event was for any number of them."
    );
    describe_counter!(
        DELIVERIES_SKIPPED,
        "Clients that a volatile event passed over, because they had not taken what was sent before."
    );
    describe_counter!(
        HANDLERS,
        "Calls of the application's handlers, by kind and outcome."
    );
    describe_counter!(
        CONNECTS_REFUSED,
        "Clients that were refused by a namespace, by reason."
    );
    describe_counter!(
        EVENTS_DROPPED,
        "Events of clients that nobody handled, by reason."
    );
    describe_counter!(
        ACKS_DROPPED,
        "Acknowledgements of clients that were dropped, by reason."
    );
    describe_gauge!(BUS_LISTENING, "1 while other workers can be heard, else 0.");
    #[cfg(feature = "redis")]
    describe_bus();
    describe_counter!(
        BUS_DROPPED,
        "Messages of other workers that were dropped, by reason."
    );
}

#[cfg(feature = "redis")]
fn describe_bus() {
    describe_counter!(
        BUS_OUTAGES,
        "How often the bus could not be heard any more."
    );
    describe_counter!(
        BUS_FAILED,
        "Messages that did not reach the bus, by reason."
    );
    describe_counter!(
        BUS_SPOOLED,
        "Messages that were kept until the bus is back."
    );
}

pub(crate) fn bus_listening(listening: bool) {
    gauge!(BUS_LISTENING).set(if listening { 1.0 } else { 0.0 });
    // From the start, so that the first one is seen to be more than none.
    counter!(DELIVERIES).increment(0);
    #[cfg(feature = "redis")]
    counter!(BUS_OUTAGES).increment(0);
}

/// What there is in a namespace.
pub(crate) fn population(namespace: &str, population: &Population) {
    for (name, count) in [
        (SOCKETS, population.members),
        (ROOMS, population.rooms),
        (MEMBERSHIPS, population.memberships),
    ] {
        gauge!(name, "namespace" => namespace.to_owned()).set(count as f64);
    }
}

/// An event was queued for so many clients, and not for others because it was volatile.
pub(crate) fn delivered(clients: usize, skipped: usize) {
    counter!(DELIVERIES).increment(clients as u64);
    if skipped > 0 {
        counter!(DELIVERIES_SKIPPED).increment(skipped as u64);
    }
}

/// What the application was called for.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    Connect,
    Event,
    Disconnect,
    Leave,
}

/// How a handler ended, in what it returned.
pub(crate) trait Outcome {
    fn outcome(&self) -> &'static str;
}

impl Outcome for () {
    fn outcome(&self) -> &'static str {
        "ok"
    }
}

impl Outcome for Reply {
    fn outcome(&self) -> &'static str {
        match self {
            Ok(_) => "ok",
            Err(HandlerError::Internal { .. }) => "error",
            Err(HandlerError::TimedOut { .. }) => "timeout",
            Err(_) => "refused",
        }
    }
}

impl Outcome for Result<(), ConnectionRefused> {
    fn outcome(&self) -> &'static str {
        match self {
            Ok(()) => "ok",
            Err(_) => "refused",
        }
    }
}

/// A handler has ended; `None` when it panicked.
pub(crate) fn handled(handler: Handler, returned: Option<&impl Outcome>) {
    let handler = match handler {
        Handler::Connect => "connect",
        Handler::Event => "event",
        Handler::Disconnect => "disconnect",
        Handler::Leave => "leave",
    };
    let outcome = returned.map_or("panic", Outcome::outcome);
    counter!(HANDLERS, "handler" => handler, "outcome" => outcome).increment(1);
}

pub(crate) fn connect_refused(reason: &'static str) {
    counter!(CONNECTS_REFUSED, "reason" => reason).increment(1);
}

pub(crate) fn event_dropped(reason: &'static str) {
    counter!(EVENTS_DROPPED, "reason" => reason).increment(1);
}

pub(crate) fn ack_dropped(reason: &'static str) {
    counter!(ACKS_DROPPED, "reason" => reason).increment(1);
}

pub(crate) fn message_dropped(reason: &'static str) {
    counter!(BUS_DROPPED, "reason" => reason).increment(1);
}

#[cfg(feature = "redis")]
pub(crate) fn bus_outage() {
    counter!(BUS_OUTAGES).increment(1);
}

#[cfg(feature = "redis")]
pub(crate) fn messages_failed(reason: &'static str, messages: u64) {
    counter!(BUS_FAILED, "reason" => reason).increment(messages);
}

#[cfg(feature = "redis")]
pub(crate) fn message_spooled() {
    counter!(BUS_SPOOLED).increment(1);
}
