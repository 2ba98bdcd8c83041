//! Packets as a client sees them (Socket.IO protocol v5 over Engine.IO v4, WebSocket frames only). Pure.
//!
//! ```text
//! frame     = "0" open | "1" close | "2" ping | "4" packet | "6" noop | binary attachment
//! packet    = type [ attachments "-" ] [ namespace "," ] [ id ] [ data ]
//! ```
//!
//! The server's own codec reads what clients send; this reads what servers send, so they share no code.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json, value::RawValue};

/// What a server sends.
#[derive(Debug)]
pub(super) enum Packet {
    /// Engine.IO: the session, with its heartbeat.
    Open(Value),
    Ping,
    /// The session, or the namespace, is over.
    Close,
    Connect,
    /// With why.
    Refused(Value),
    Event(Event),
    Ack {
        id: u64,
        args: Vec<Value>,
    },
    /// The text of a binary packet; this many attachments follow.
    Partial(Partial),
    /// Nothing for this namespace.
    Other,
}

/// An event and its arguments, as the server wrote them.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) args: Vec<Box<RawValue>>,
}

/// An event whose attachments have not all come.
#[derive(Debug)]
pub(super) struct Partial {
    text: String,
    missing: usize,
    attachments: Vec<Vec<u8>>,
}

/// The packet cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable;

impl From<serde_json::Error> for Unreadable {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

impl Packet {
    /// Reads the text of a frame for a client of `namespace`.
    pub(super) fn decode(text: &str, namespace: &str) -> Result<Self, Unreadable> {
        let mut letters = text.chars();
        match letters.next() {
            Some('0') => Ok(Self::Open(serde_json::from_str(letters.as_str())?)),
            Some('1') => Ok(Self::Close),
            Some('2') => Ok(Self::Ping),
            Some('4') => socketio(letters.as_str(), namespace),
            Some('6') => Ok(Self::Other),
            _ => Err(Unreadable),
        }
    }
}

impl Partial {
    /// Takes an attachment; with the last one it is an event.
    pub(super) fn attach(mut self, bytes: Vec<u8>) -> Result<Packet, Unreadable> {
        self.attachments.push(bytes);
        if self.attachments.len() < self.missing {
            return Ok(Packet::Partial(self));
        }
        let mut data: Value = serde_json::from_str(&self.text)?;
        fill(&mut data, &self.attachments);
        event(&data.to_string()).map(Packet::Event)
    }
}

/// `2/chat,7["name",…]`
fn socketio(text: &str, namespace: &str) -> Result<Packet, Unreadable> {
    let kind = *text.as_bytes().first().ok_or(Unreadable)?;
    let mut rest = text.get(1..).ok_or(Unreadable)?;
    let missing = match kind {
        b'5' | b'6' => {
            let (count, after) = rest.split_once('-').ok_or(Unreadable)?;
            rest = after;
            count.parse().map_err(|_| Unreadable)?
        }
        _ => 0,
    };
    let (path, rest) = match rest.starts_with('/') {
        true => rest.split_once(',').unwrap_or((rest, "")),
        false => ("/", rest),
    };
    if path != namespace {
        return Ok(Packet::Other);
    }
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (id, data) = rest.split_at(digits);
    match kind {
        b'0' => Ok(Packet::Connect),
        b'1' => Ok(Packet::Close),
        b'2' => event(data).map(Packet::Event),
        b'3' => Ok(Packet::Ack {
            id: id.parse().map_err(|_| Unreadable)?,
            args: serde_json::from_str(data)?,
        }),
        b'4' => Ok(Packet::Refused(serde_json::from_str(data)?)),
        b'5' if missing > 0 => Ok(Packet::Partial(Partial {
            text: data.to_owned(),
            missing,
            attachments: Vec::new(),
        })),
        b'5' => event(data).map(Packet::Event),
        b'6' => Ok(Packet::Other),
        _ => Err(Unreadable),
    }
}

fn event(data: &str) -> Result<Event, Unreadable> {
    let mut args: Vec<Box<RawValue>> = serde_json::from_str(data)?;
    if args.is_empty() {
        return Err(Unreadable);
    }
    let name = serde_json::from_str(args.remove(0).get())?;
    Ok(Event { name, args })
}

/// Puts attachments where they belong: `{"_placeholder":true,"num":0}` → `{"base64":"…"}`.
fn fill(data: &mut Value, attachments: &[Vec<u8>]) {
    if data["_placeholder"] == true {
        let number = data["num"].as_u64().and_then(|it| usize::try_from(it).ok());
        let bytes = number.and_then(|number| attachments.get(number));
        *data = json!({ "base64": STANDARD.encode(bytes.map_or(&[][..], Vec::as_slice)) });
        return;
    }
    match data {
        Value::Array(values) => values.iter_mut().for_each(|value| fill(value, attachments)),
        Value::Object(fields) => {
            for value in fields.values_mut() {
                fill(value, attachments);
            }
        }
        _ => {}
    }
}

/// `40/chat,{"token":"…"}`
pub(super) fn connect(namespace: &str, auth: &str) -> String {
    format!("40{}{auth}", prefix(namespace))
}

/// `42/chat,7["name",payload]`
pub(super) fn call(namespace: &str, id: u64, event: &str, payload: &str) -> String {
    format!("42{}{id}[{},{payload}]", prefix(namespace), json!(event))
}

/// `41/chat,`
pub(super) fn disconnect(namespace: &str) -> String {
    format!("41{}", prefix(namespace))
}

fn prefix(namespace: &str) -> String {
    match namespace {
        "/" => String::new(),
        namespace => format!("{namespace},"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(packet: &Packet) -> String {
        match packet {
            Packet::Event(event) => {
                let args: Vec<_> = event.args.iter().map(|arg| arg.get()).collect();
                format!("{} {}", event.name, args.join(" "))
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn frames_are_read() {
        for (text, want) in [
            ("2", "Ping"),
            ("6", "Other"),
            ("1", "Close"),
            ("41", "Close"),
            ("41/chat,", "Other"),
            ("40{\"sid\":\"x\"}", "Connect"),
            ("40/chat,{\"sid\":\"x\"}", "Other"),
            (r#"42["e",{"b":1,"a":2},"ž"]"#, r#"e {"b":1,"a":2} "ž""#),
            (r#"4212["e"]"#, "e "),
            (r#"42/chat,["e"]"#, "Other"),
            (
                r#"437[{"ok":true}]"#,
                r#"Ack { id: 7, args: [Object {"ok": Bool(true)}] }"#,
            ),
        ] {
            assert_eq!(show(&Packet::decode(text, "/").unwrap()), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_packet_is_an_error() {
        for text in [
            "", "x", "4", "49", "42", "42{}", "42[]", "42[1]", "43[]", "45-[]", "0", "4é",
        ] {
            assert!(Packet::decode(text, "/").is_err(), "{text}");
        }
    }

    #[test]
    fn attachments_are_put_into_their_event() {
        let text = r#"452-["e",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]"#;
        let Packet::Partial(partial) = Packet::decode(text, "/").unwrap() else {
            panic!("{text}")
        };
        let Packet::Partial(partial) = partial.attach(vec![1]).unwrap() else {
            panic!("one is missing")
        };
        let packet = partial.attach(vec![2, 3]).unwrap();
        assert_eq!(show(&packet), r#"e {"base64":"AgM="} [{"base64":"AQ=="}]"#);
    }

    #[test]
    fn packets_are_written() {
        assert_eq!(connect("/", "{}"), "40{}");
        assert_eq!(connect("/a", ""), "40/a,");
        assert_eq!(
            call("/a", 3, "join_chat", "{}"),
            r#"42/a,3["join_chat",{}]"#
        );
        assert_eq!(disconnect("/"), "41");
    }
}
