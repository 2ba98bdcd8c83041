//! What must hold for any input of the private codecs: run by `fuzz/` for long and by the tests below for a moment.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    handler::Message,
    packet::{Packet, SEPARATOR},
    service::Query,
    transport::decoder::{DecodeError, Decoder, Incoming},
};

/// A stream of WebSocket frames says the same wherever it is cut.
///
/// The first byte is the number of cuts, the next ones are the lengths of the pieces, taken in turn; the rest is the
/// stream.
///
/// # Panics
///
/// When it does not.
pub fn websocket_decoder(data: &[u8]) {
    let Some((&count, data)) = data.split_first() else {
        return;
    };
    let (cuts, stream) = data.split_at(usize::from(count).min(data.len()));
    let lengths = cuts.iter().map(|&cut| usize::from(cut) + 1).cycle();
    assert_eq!(decode([stream]), decode(pieces(stream, lengths)));
}

fn pieces(mut rest: &[u8], mut lengths: impl Iterator<Item = usize>) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let length = lengths.next().unwrap_or(1).min(rest.len());
        let (piece, later) = rest.split_at(length);
        pieces.push(piece);
        rest = later;
    }
    pieces
}

/// With limits so low that short streams reach them.
fn decode<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Incoming>, Result<(), DecodeError>) {
    let mut decoder = Decoder::new(300, 4);
    let mut output = Vec::new();
    let result = pieces
        .into_iter()
        .try_for_each(|piece| decoder.decode(piece, &mut output));
    (output, result)
}

/// A packet that is read can be written as it was, and both transports read the same, save binary messages.
///
/// # Panics
///
/// When that does not hold.
pub fn engineio_packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let packet = Packet::from_payload(text);
    if let Ok(packet) = &packet {
        assert_eq!(write(packet), text);
    }
    if !text.starts_with('b') {
        assert_eq!(Packet::from_text(text.to_owned()), packet);
    }
}

fn write(packet: &Packet) -> String {
    match packet {
        Packet::Close => "1".to_owned(),
        Packet::Pong => "3".to_owned(),
        Packet::Probe => "2probe".to_owned(),
        Packet::Upgrade => "5".to_owned(),
        Packet::Noop => "6".to_owned(),
        Packet::Message(Message::Text(text)) => format!("4{text}"),
        Packet::Message(Message::Binary(bytes)) => format!("b{}", STANDARD.encode(bytes)),
    }
}

/// The packets of a polling payload, written again, are the payload.
///
/// # Panics
///
/// When they are not.
pub fn polling_payload(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let packets: Result<Vec<_>, _> = text.split(SEPARATOR).map(Packet::from_payload).collect();
    if let Ok(packets) = packets {
        let written: Vec<_> = packets.iter().map(write).collect();
        assert_eq!(written.join(&SEPARATOR.to_string()), text);
    }
}

/// The order of the pairs in a query means nothing, nor do pairs that are unknown.
///
/// # Panics
///
/// When they do.
pub fn query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let query = Query::parse(text);
    let reversed: Vec<_> = text.rsplit('&').collect();
    assert_eq!(Query::parse(&reversed.join("&")), query);
    assert_eq!(Query::parse(&format!("t=1&{text}")), query);
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
        fn websocket_decoder(data in inputs("websocket_decoder")) {
            super::websocket_decoder(&data);
        }

        #[test]
        fn engineio_packet(data in inputs("engineio_packet")) {
            super::engineio_packet(&data);
        }

        #[test]
        fn polling_payload(data in inputs("polling_payload")) {
            super::polling_payload(&data);
        }

        #[test]
        fn query(data in inputs("query")) {
            super::query(&data);
        }
    }
}
