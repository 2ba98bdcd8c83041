//! What must hold for any input of the private codecs: run by `fuzz/` for long and by the tests below for a moment.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header, request::Parts};

use crate::{
    handler::Message,
    origin::Origins,
    packet::{Packet, SEPARATOR},
    service::Query,
    transport::{
        decoder::{DecodeError, Decoder, Incoming},
        handshake,
    },
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

/// Whether a request opens a WebSocket does not depend on the order of its headers, nor on the case of what is no key, nor on
/// other headers; a second key or version, another method or version of HTTP never does.
///
/// Each line is a header, `name:value`.
///
/// # Panics
///
/// When that does not hold.
pub fn upgrade_request(data: &[u8]) {
    let header = |line: &[u8]| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        Some((name, HeaderValue::from_bytes(&line[colon + 1..]).ok()?))
    };
    let headers: Vec<_> = data
        .split(|&byte| byte == b'\n')
        .filter_map(header)
        .collect();
    let request = upgrade_with(headers.iter().cloned());
    let key = handshake::check(&request).ok();

    let same = |headers: Vec<_>| {
        assert_eq!(handshake::check(&upgrade_with(headers)).ok(), key);
    };
    same(headers.iter().rev().cloned().collect());
    same(
        [
            headers.clone(),
            vec![(header::COOKIE, HeaderValue::from_static("a=b"))],
        ]
        .concat(),
    );
    for in_case in [<[u8]>::to_ascii_uppercase, <[u8]>::to_ascii_lowercase] {
        let written = headers.iter().map(|(name, value)| {
            let bytes = match *name == header::SEC_WEBSOCKET_KEY {
                true => value.as_bytes().to_vec(),
                false => in_case(value.as_bytes()),
            };
            let value = HeaderValue::from_bytes(&bytes).expect("it was a value");
            (name.clone(), value)
        });
        same(written.collect());
    }

    let Some(key) = key else { return };
    assert_eq!(key.len(), 24, "{key:?}");
    let refuse = |change: &dyn Fn(&mut Parts)| {
        let mut request = upgrade_with(headers.iter().cloned());
        change(&mut request);
        assert!(handshake::check(&request).is_err());
    };
    refuse(&|request| request.method = Method::POST);
    refuse(&|request| request.version = Version::HTTP_10);
    for name in [header::SEC_WEBSOCKET_KEY, header::SEC_WEBSOCKET_VERSION] {
        refuse(&|request| {
            let again = request.headers[&name].clone();
            request.headers.append(&name, again);
        });
        refuse(&|request| drop(request.headers.remove(&name)));
    }
    for name in [header::CONNECTION, header::UPGRADE] {
        refuse(&|request| drop(request.headers.remove(&name)));
    }
}

fn upgrade_with(headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Parts {
    let (mut request, ()) = Request::new(()).into_parts();
    for (name, value) in headers {
        request.headers.append(name, value);
    }
    request
}

/// An origin is the request's host, one that is listed, or another; in what order, what case and with which default port the
/// two are written means nothing, and whatever is added to them makes another.
///
/// The first line is the value of `Origin`, the rest that of `Host`.
///
/// # Panics
///
/// When that does not hold.
pub fn origin(data: &[u8]) {
    let split = data.iter().position(|&byte| byte == b'\n');
    let (origin, host) = data.split_at(split.unwrap_or(data.len()));
    let host = host.strip_prefix(b"\n").unwrap_or(host);
    let values = (
        HeaderValue::from_bytes(origin),
        HeaderValue::from_bytes(host),
    );
    let (Ok(origin), Ok(host)) = values else {
        return;
    };
    let headers = |origin: &HeaderValue| {
        HeaderMap::from_iter([
            (header::ORIGIN, origin.clone()),
            (header::HOST, host.clone()),
            (header::COOKIE, HeaderValue::from_static("a=b")),
        ])
    };
    let request = headers(&origin);
    let is_same = is_same_origin(&origin, &host);
    assert_eq!(Origins::SameOrigin.allow(&request), is_same);
    assert!(Origins::Any.allow(&request));

    let listed = |text: &str| Origins::List(vec![text.to_owned()]).allow(&request);
    assert_eq!(
        listed("https://good.example"),
        is_same || origin == "https://good.example"
    );
    if let Ok(text) = origin.to_str() {
        assert!(listed(text));
        for other in [
            format!("{text}.evil.com"),
            format!("{text}@evil.com"),
            format!("{text}:1"),
        ] {
            let value = HeaderValue::from_str(&other).expect("visible characters are a value");
            assert!(
                !is_same || !Origins::SameOrigin.allow(&headers(&value)),
                "{other}"
            );
            assert!(is_same || !listed(&other), "{other}");
        }
    }

    let mut seen = request.clone();
    Origins::Any.refuse_credentials(&mut seen);
    assert_eq!(seen.contains_key(header::COOKIE), is_same);
    let mut twice = request;
    twice.append(header::ORIGIN, origin);
    assert!(!Origins::Any.allow(&twice));
}

/// The same in other words: both with their port, however they are written.
fn is_same_origin(origin: &HeaderValue, host: &HeaderValue) -> bool {
    let (Ok(origin), Ok(host)) = (origin.to_str(), host.to_str()) else {
        return false;
    };
    [("http://", ":80"), ("https://", ":443")]
        .into_iter()
        .any(|(scheme, port)| {
            let with_port = |name: &str| match name.ends_with(port) {
                true => name.to_lowercase(),
                false => name.to_lowercase() + port,
            };
            let authority = origin.strip_prefix(scheme);
            authority.is_some_and(|authority| with_port(authority) == with_port(host))
        })
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
        fn origin(data in inputs("origin")) {
            super::origin(&data);
        }

        #[test]
        fn upgrade_request(data in inputs("upgrade_request")) {
            super::upgrade_request(&data);
        }

        #[test]
        fn query(data in inputs("query")) {
            super::query(&data);
        }
    }
}
