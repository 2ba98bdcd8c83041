//! Where we and `socket.io-parser` do not agree, and why.

use std::collections::BTreeSet;

use serde_json::{Value, value::RawValue};
use testkit::ParsedPacket;

use crate::packet::PacketError;

/// A packet and what both make of it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) text: String,
    pub(super) ours: Result<ParsedPacket, PacketError>,
    pub(super) theirs: Result<ParsedPacket, String>,
}

impl Case {
    /// Why it is all right that the two do not agree; nothing when they do, `None` when it is not all right.
    pub(super) fn difference(&self) -> Option<Vec<&'static str>> {
        match (&self.ours, &self.theirs) {
            (Ok(ours), Ok(theirs)) => {
                let (mut changed, mut reasons) = (theirs.clone(), Vec::new());
                for rule in TOLERATED {
                    let before = changed.clone();
                    (rule.change)(&self.text, ours, &mut changed);
                    if before != changed {
                        reasons.push(rule.why);
                    }
                }
                (changed == *ours).then_some(reasons)
            }
            (Err(_), Err(_)) => Some(Vec::new()),
            (Err(error), Ok(theirs)) => REFUSED
                .iter()
                .find(|rule| (rule.applies)(&self.text, *error, theirs))
                .map(|rule| vec![rule.why]),
            (Ok(ours), Err(error)) => ACCEPTED
                .iter()
                .find(|rule| (rule.applies)(ours, error))
                .map(|rule| vec![rule.why]),
        }
    }
}

/// All that is listed.
pub(super) fn listed() -> BTreeSet<&'static str> {
    let tolerated = TOLERATED.iter().map(|rule| rule.why);
    let refused = REFUSED.iter().map(|rule| rule.why);
    let accepted = ACCEPTED.iter().map(|rule| rule.why);
    tolerated.chain(refused).chain(accepted).collect()
}

/// Both read it, but not the same: what to change in what they read to get what we read.
struct Tolerated {
    why: &'static str,
    change: fn(text: &str, ours: &ParsedPacket, theirs: &mut ParsedPacket),
}

const TOLERATED: &[Tolerated] = &[
    Tolerated {
        why: "the query of a namespace is dropped, as the protocol and python-socketio have it",
        change: |_, _, theirs| {
            if let Some(end) = theirs.namespace.find('?') {
                theirs.namespace.truncate(end);
            }
        },
    },
    Tolerated {
        why: "CONNECT and DISCONNECT have no answer that an id would be for",
        change: |_, ours, theirs| {
            if ours.kind < 2 {
                theirs.id = None;
            }
        },
    },
    Tolerated {
        why: "ids beyond 2^53 are exact",
        change: |_, ours, theirs| {
            if let (Some(exact), Some(rounded)) = (&ours.id, &theirs.id)
                && exact.parse().is_ok_and(|exact: u64| exact > 1 << 53)
                && exact.parse::<f64>() == rounded.parse::<f64>()
            {
                theirs.id = ours.id.clone();
            }
        },
    },
    Tolerated {
        why: "white space in front of the data is no digit",
        change: |text, ours, theirs| {
            if has_white_id(text) {
                theirs.id = ours.id.clone();
            }
        },
    },
];

/// We refuse it, they read it.
struct Refused {
    why: &'static str,
    applies: fn(text: &str, error: PacketError, theirs: &ParsedPacket) -> bool,
}

const REFUSED: &[Refused] = &[
    Refused {
        why: "nothing and white space are no type; Number() makes them 0, CONNECT",
        applies: |text, error, theirs| {
            error == PacketError::UnknownType
                && theirs.kind == 0
                && text.chars().next().is_none_or(is_js_white)
        },
    },
    Refused {
        why: "CONNECT_ERROR is for servers to send",
        applies: |_, error, theirs| error == PacketError::Direction && theirs.kind == 4,
    },
    Refused {
        why: "a number of attachments is written in digits; Number() takes +1, 1.0, 0x1 and 1e0",
        applies: |text, error, _| {
            let count = text.split('-').next().unwrap_or_default();
            error == PacketError::Attachments && !count.bytes().all(|byte| byte.is_ascii_digit())
        },
    },
    Refused {
        why: "white space in front of the data is no digit",
        applies: |text, error, _| {
            let errors = [
                PacketError::Json,
                PacketError::Id,
                PacketError::TrailingData,
            ];
            errors.contains(&error) && has_white_id(text)
        },
    },
    Refused {
        why: "an ack without an id answers nothing",
        applies: |_, error, theirs| {
            error == PacketError::Id && theirs.kind == 3 && theirs.id.is_none()
        },
    },
    Refused {
        why: "ids are below 2^64",
        applies: |_, error, theirs| {
            let id = theirs.id.as_ref().and_then(|id| id.parse::<f64>().ok());
            error == PacketError::Id && id.is_some_and(|id| id >= u64::MAX as f64)
        },
    },
    Refused {
        why: "an event has a name and an ack has arguments, so both have data",
        applies: |_, error, theirs| {
            error == PacketError::Json && matches!(theirs.kind, 2 | 3) && theirs.data.is_none()
        },
    },
    Refused {
        why: "event names are text: handlers are not found by a number",
        applies: |text, error, _| {
            error == PacketError::EventName
                && name_of(text).starts_with(|c: char| c == '-' || c.is_ascii_digit())
        },
    },
    Refused {
        why: "event names have 128 bytes at most",
        applies: |text, error, _| {
            error == PacketError::EventName
                && serde_json::from_str::<String>(name_of(text)).is_ok_and(|name| name.len() > 128)
        },
    },
    Refused {
        why: "event names are UTF-8, so without lone surrogates",
        applies: |text, error, _| {
            error == PacketError::EventName && has_lone_surrogate(name_of(text))
        },
    },
    Refused {
        why: "namespaces have 255 bytes at most",
        applies: |_, error, theirs| {
            let name = theirs.namespace.split('?').next().unwrap_or_default();
            error == PacketError::Namespace && name.len() > 255
        },
    },
    Refused {
        why: "JSON is nested 128 deep at most",
        applies: |text, error, _| error == PacketError::Depth && is_too_deep(json_of(text)),
    },
    Refused {
        why: "beside attachments JSON is read, and nested 127 deep at most",
        applies: |text, error, theirs| is_binary_json(error, theirs) && is_too_deep(json_of(text)),
    },
    Refused {
        why: "beside attachments JSON is read, and numbers fit into 64 bits of floating point",
        applies: |text, error, theirs| {
            is_binary_json(error, theirs) && is_out_of_range(json_of(text))
        },
    },
    Refused {
        why: "beside attachments JSON is read, and text has no lone surrogates",
        applies: |text, error, theirs| {
            is_binary_json(error, theirs) && has_lone_surrogate(json_of(text))
        },
    },
    Refused {
        why: "the number of an attachment is written in digits, not as 0.0, -0 or 0.5",
        applies: |text, error, theirs| {
            error == PacketError::Placeholder
                && serde_json::from_str(json_of(text))
                    .is_ok_and(|json| has_odd_number(&json, theirs.attachments))
        },
    },
];

/// We read it, they refuse it.
struct Accepted {
    why: &'static str,
    applies: fn(ours: &ParsedPacket, error: &str) -> bool,
}

const ACCEPTED: &[Accepted] = &[Accepted {
    why: "auth may be any JSON, as for python-socketio: the application judges it",
    applies: |ours, error| {
        let auth = ours.data.as_deref().unwrap_or("{");
        ours.kind == 0 && !auth.starts_with('{') && error == "invalid payload"
    },
}];

/// What JavaScript's Number() trims (ECMA-262, "StringToNumber").
fn is_js_white(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

/// Splits a packet where its id may be.
fn split_head(text: &str) -> (&str, &str) {
    let mut start = match text.as_bytes().first() {
        Some(b'5' | b'6') => text.find('-').map_or(text.len(), |end| end + 1),
        first => usize::from(first.is_some_and(u8::is_ascii)),
    };
    if text[start..].starts_with('/') {
        start = text[start..]
            .find(',')
            .map_or(text.len(), |end| start + end + 1);
    }
    let rest = &text[start..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && !is_js_white(c));
    rest.split_at(end.unwrap_or(rest.len()))
}

fn has_white_id(text: &str) -> bool {
    split_head(text).0.contains(is_js_white)
}

fn json_of(text: &str) -> &str {
    split_head(text).1
}

fn is_binary_json(error: PacketError, theirs: &ParsedPacket) -> bool {
    error == PacketError::Json && theirs.attachments > 0
}

/// The name of an event as it was sent.
fn name_of(text: &str) -> &str {
    let args: Vec<&RawValue> = serde_json::from_str(json_of(text)).unwrap_or_default();
    args.first().map_or("", |name| name.get())
}

/// Why serde_json cannot read it, while JSON.parse can: it is too deep, a number too big, or half a surrogate pair.
fn unreadable(json: &str) -> Option<String> {
    let read = serde_json::from_str::<Value>(json);
    read.err().map(|error| error.to_string())
}

fn is_too_deep(json: &str) -> bool {
    unreadable(json).is_some_and(|error| error.starts_with("recursion limit exceeded"))
}

fn is_out_of_range(json: &str) -> bool {
    unreadable(json).is_some_and(|error| error.starts_with("number out of range"))
}

fn has_lone_surrogate(json: &str) -> bool {
    unreadable(json).is_some_and(|error| error.contains("hex escape"))
}

/// Whether a placeholder's number is in range, but not written as serde_json reads an unsigned integer.
fn has_odd_number(json: &Value, attachments: u64) -> bool {
    match json {
        Value::Array(items) => items.iter().any(|item| has_odd_number(item, attachments)),
        Value::Object(fields) if fields.get("_placeholder") == Some(&Value::Bool(true)) => fields
            .get("num")
            .filter(|num| !num.is_u64())
            .and_then(Value::as_f64)
            .is_some_and(|num| num >= 0.0 && num < attachments as f64),
        Value::Object(fields) => fields
            .values()
            .any(|field| has_odd_number(field, attachments)),
        _ => false,
    }
}
