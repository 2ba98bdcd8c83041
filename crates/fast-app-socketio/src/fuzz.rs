//! What must hold for any input of the private codecs: run by `fuzz/` for long and by the tests below for a moment.

use bytes::Bytes;
use fast_app_engineio::Frame;
use serde_json::value::RawValue;

#[cfg(feature = "redis")]
use crate::bus::{python, workers};
use crate::{
    binary::Binary,
    error::HandlerError,
    extract::Args,
    packet::{Packet, PacketError, PacketLimits, encode_ack, encode_disconnect, encode_event},
    payload::Payload,
};

/// A packet that is read says the same when it is written and read again.
///
/// # Panics
///
/// When it does not.
pub fn socketio_packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(packet) = Packet::decode(text, &PacketLimits::default()) else {
        return;
    };
    let packet = attach((0..).map(|number| Bytes::from(vec![number])), packet);
    let packet = packet.expect("attachments of a byte are within any limit");
    let shown = format!("{packet:?}");
    let frames = match packet {
        // Only clients write it: there is nothing to write it with.
        Packet::Connect { .. } => return,
        Packet::Disconnect { namespace } => vec![encode_disconnect(&namespace)],
        Packet::Event {
            namespace,
            id,
            event,
        } => {
            let name = event.name.clone();
            encode_event(&namespace, id, &name, &Payload::from(Args::new(event)))
        }
        Packet::Ack {
            namespace,
            id,
            args,
            attachments,
        } => encode_ack(
            &namespace,
            id,
            &Payload::from(Args::of_ack(args, attachments)),
        ),
        Packet::Partial(partial) => panic!("not all attachments were taken: {partial:?}"),
    };
    let read = read(&frames).expect("what is written can be read");
    assert_eq!(format!("{read:?}"), shown);
}

/// What a handler takes from an event is what the JSON says, and the attachments it refers to; what it cannot be taken as is
/// a short error.
///
/// # Panics
///
/// When it is not.
pub fn arguments(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(Packet::Event { mut event, .. }) =
        Packet::decode(&format!("2{text}"), &PacketLimits::default())
    else {
        return;
    };
    event.attachments = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
    let sent: Vec<String> = event.args.iter().map(|arg| arg.get().to_owned()).collect();
    let mut args = Args::new(event);
    for json in &sent {
        assert_eq!(args.iter().next().map(|arg| arg.get()), Some(json.as_str()));
        take_one::<Binary>(json).inspect(|binary| {
            assert!([&b"a"[..], b"b"].contains(&&*binary.0), "{json}");
        });
        take_one::<Vec<Option<Binary>>>(json);
        take_one::<String>(json);
        take_one::<Option<i64>>(json);
        take_one::<(u8, bool)>(json);
        let value = args.take::<serde_json::Value>();
        assert_eq!(value.ok(), serde_json::from_str(json).ok(), "{json}");
        assert_eq!(args.attachments().len(), 2, "{json}");
    }
    assert!(args.is_empty());
    assert!(
        matches!(args.take::<Option<u8>>(), Ok(None)),
        "what is missing is null"
    );
}

/// The first argument of an event whose only one this is.
fn take_one<T: serde::de::DeserializeOwned>(json: &str) -> Option<T> {
    let json = RawValue::from_string(json.to_owned()).expect("it was an argument");
    let attachments = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
    match Args::of_ack(vec![json], attachments).take::<T>() {
        Ok(value) => Some(value),
        Err(HandlerError::ValidationError { msg }) => {
            assert!(msg.len() <= 203, "{msg}");
            None
        }
        Err(other) => panic!("{other}"),
    }
}

/// Gives a packet the attachments that it misses.
pub(crate) fn attach(
    attachments: impl IntoIterator<Item = Bytes>,
    mut packet: Packet,
) -> Result<Packet, PacketError> {
    let mut attachments = attachments.into_iter();
    while let Packet::Partial(partial) = packet {
        let next = attachments.next().ok_or(PacketError::MissingAttachment)?;
        packet = partial.attach(next, 1_000_000)?;
    }
    Ok(packet)
}

/// Reads a packet from the frames that were written for it.
pub(crate) fn read(frames: &[Frame]) -> Result<Packet, PacketError> {
    let text = std::str::from_utf8(payload(&frames[0])).expect("the first frame is text");
    let attachments = frames[1..]
        .iter()
        .map(|frame| Bytes::copy_from_slice(payload(frame)));
    attach(
        attachments,
        Packet::decode(&text[1..], &PacketLimits::default())?,
    )
}

/// The part behind the WebSocket header (RFC 6455, section 5.2).
pub(crate) fn payload(frame: &Frame) -> &[u8] {
    let header = match frame.as_bytes()[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    &frame.as_bytes()[header..]
}

/// A message of the bus that is read says the same when it is written and read again.
///
/// # Panics
///
/// When it does not.
#[cfg(feature = "redis")]
pub fn bus_message(data: &[u8]) {
    const LIMIT: usize = 1 << 20;
    let profile = python::Profile::default();
    if let Ok(envelope) = python::decode(data, profile, LIMIT) {
        let written = python::encode(&envelope, profile).expect("it came from python-socketio");
        // Escapes may make it longer.
        let read = python::decode(written.as_bytes(), profile, 8 * LIMIT);
        assert_eq!(
            read.expect("what is written can be read"),
            envelope,
            "{written}"
        );
    }
}

/// A message among workers of FastApp that is read says the same when it is written and read again.
///
/// # Panics
///
/// When it does not.
#[cfg(feature = "redis")]
pub fn worker_message(data: &[u8]) {
    const LIMIT: usize = 1 << 20;
    if let Ok(envelope) = workers::decode(data, LIMIT) {
        let written = workers::encode(&envelope).expect("it is one of theirs");
        // Escapes may make it longer.
        let read = workers::decode(written.as_bytes(), 8 * LIMIT);
        assert_eq!(
            read.expect("what is written can be read"),
            envelope,
            "{written}"
        );
    }
}

#[cfg(test)]
#[path = "../../../fuzz/inputs.rs"]
mod inputs;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::inputs::inputs;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn socketio_packet(data in inputs("socketio_packet")) {
            super::socketio_packet(&data);
        }

        #[test]
        fn arguments(data in inputs("arguments")) {
            super::arguments(&data);
        }

        #[cfg(feature = "redis")]
        #[test]
        fn bus_message(data in inputs("bus_message")) {
            super::bus_message(&data);
        }

        #[cfg(feature = "redis")]
        #[test]
        fn worker_message(data in inputs("worker_message")) {
            super::worker_message(&data);
        }
    }
}
