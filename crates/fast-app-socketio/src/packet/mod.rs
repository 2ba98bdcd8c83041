//! Socket.IO packets (Socket.IO protocol v5, "Packet encoding"). Pure.
//!
//! ```text
//! packet    = type [ attachments "-" ] [ namespace "," ] [ id ] [ data ]
//! type      = "0" CONNECT | "1" DISCONNECT | "2" EVENT | "3" ACK | "4" CONNECT_ERROR
//!           | "5" BINARY_EVENT | "6" BINARY_ACK
//! namespace = "/" name [ "?" query ]        without it: "/"
//! data      = JSON
//! ```

mod encode;

use bytes::Bytes;
use serde_json::{Value, value::RawValue};

pub(crate) use self::encode::{
    encode_ack, encode_connected, encode_disconnect, encode_event, encode_refused,
};
use crate::name::{MAX_NAMESPACE, is_reserved_event};

/// What a packet of a client may hold.
#[derive(Clone, Debug)]
pub(crate) struct PacketLimits {
    /// Attachments.
    pub(crate) attachments: usize,
    /// Bytes of an event's name.
    pub(crate) event_name: usize,
    /// Bytes of a namespace.
    pub(crate) namespace: usize,
    /// How deep its JSON is nested. serde_json itself reads no more than 128.
    pub(crate) depth: usize,
}

impl Default for PacketLimits {
    fn default() -> Self {
        Self {
            attachments: 10,
            event_name: 128,
            namespace: MAX_NAMESPACE,
            depth: 128,
        }
    }
}

/// What a client may send.
#[derive(Debug)]
pub(crate) enum Packet {
    Connect {
        namespace: String,
        auth: Option<Box<RawValue>>,
    },
    Disconnect {
        namespace: String,
    },
    Event {
        namespace: String,
        id: Option<u64>,
        event: Event,
    },
    Ack {
        namespace: String,
        id: u64,
        args: Vec<Box<RawValue>>,
        attachments: Vec<Bytes>,
    },
    /// The text of a binary packet, whose attachments follow.
    Partial(Partial),
}

/// The name and arguments of an event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) args: Vec<Box<RawValue>>,
    pub(crate) attachments: Vec<Bytes>,
}

/// A binary packet whose attachments have not all come.
#[derive(Debug)]
pub(crate) struct Partial {
    packet: Box<Packet>,
    missing: usize,
    bytes: usize,
}

/// Why a packet was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PacketError {
    #[error("unknown packet type")]
    UnknownType,
    #[error("packet type that only a server sends")]
    Direction,
    #[error("invalid number of attachments")]
    Attachments,
    #[error("invalid placeholder")]
    Placeholder,
    #[error("namespace too long")]
    Namespace,
    #[error("invalid id")]
    Id,
    #[error("invalid JSON")]
    Json,
    #[error("JSON nested too deep")]
    Depth,
    #[error("invalid event name")]
    EventName,
    #[error("reserved event name")]
    ReservedEvent,
    #[error("data behind a packet that has none")]
    TrailingData,
    #[error("attachment without a packet")]
    UnexpectedAttachment,
    #[error("packet before the attachments of the last one")]
    MissingAttachment,
    #[error("attachments too big")]
    TooBig,
}

impl Packet {
    /// Reads a packet.
    pub(crate) fn decode(text: &str, limits: &PacketLimits) -> Result<Self, PacketError> {
        let kind = *text.as_bytes().first().ok_or(PacketError::UnknownType)?;
        if !kind.is_ascii_digit() {
            return Err(PacketError::UnknownType);
        }
        let mut rest = &text[1..];
        let attachments = match kind {
            b'5' | b'6' => take_attachments(&mut rest, limits.attachments)?,
            _ => 0,
        };
        let namespace = take_namespace(&mut rest, limits.namespace)?;
        let id = take_id(&mut rest)?;
        check_depth(rest, limits.depth)?;
        let packet = match kind {
            b'0' => Self::Connect {
                namespace,
                auth: parse_auth(rest)?,
            },
            b'1' if rest.is_empty() => Self::Disconnect { namespace },
            b'1' => return Err(PacketError::TrailingData),
            b'2' | b'5' => Self::Event {
                namespace,
                id,
                event: Event::parse(rest, limits.event_name)?,
            },
            b'3' | b'6' => {
                let id = id.ok_or(PacketError::Id)?;
                Self::Ack {
                    namespace,
                    id,
                    args: parse_args(rest)?,
                    attachments: Vec::new(),
                }
            }
            b'4' => return Err(PacketError::Direction),
            _ => return Err(PacketError::UnknownType),
        };
        if matches!(kind, b'5' | b'6') {
            check_placeholders(rest, attachments)?;
        }
        match attachments {
            0 => Ok(packet),
            missing => Ok(Self::Partial(Partial {
                packet: Box::new(packet),
                missing,
                bytes: rest.len(),
            })),
        }
    }

    /// The namespace it is for.
    pub(crate) fn namespace(&self) -> &str {
        match self {
            Self::Connect { namespace, .. }
            | Self::Disconnect { namespace }
            | Self::Event { namespace, .. }
            | Self::Ack { namespace, .. } => namespace,
            Self::Partial(partial) => partial.packet.namespace(),
        }
    }
}

impl Event {
    fn parse(json: &str, max_name: usize) -> Result<Self, PacketError> {
        let mut args = parse_args(json)?;
        if args.is_empty() {
            return Err(PacketError::EventName);
        }
        let name: String =
            serde_json::from_str(args.remove(0).get()).map_err(|_| PacketError::EventName)?;
        if name.len() > max_name {
            return Err(PacketError::EventName);
        }
        if is_reserved_event(&name) {
            return Err(PacketError::ReservedEvent);
        }
        Ok(Self {
            name,
            args,
            attachments: Vec::new(),
        })
    }
}

impl Event {
    /// How many bytes of the client's it holds.
    pub(crate) fn bytes(&self) -> usize {
        let args: usize = self.args.iter().map(|arg| arg.get().len()).sum();
        let attachments: usize = self.attachments.iter().map(Bytes::len).sum();
        self.name.len() + args + attachments
    }
}

impl Partial {
    /// Adds the next attachment; when it is the last, the packet is whole.
    pub(crate) fn attach(mut self, attachment: Bytes, limit: usize) -> Result<Packet, PacketError> {
        self.bytes += attachment.len();
        if self.bytes > limit {
            return Err(PacketError::TooBig);
        }
        if let Packet::Event {
            event: Event { attachments, .. },
            ..
        }
        | Packet::Ack { attachments, .. } = &mut *self.packet
        {
            attachments.push(attachment);
        }
        self.missing -= 1;
        match self.missing {
            0 => Ok(*self.packet),
            _ => Ok(Packet::Partial(self)),
        }
    }
}

/// At least one digit, then `-`. A packet without attachments is of another type.
fn take_attachments(rest: &mut &str, max: usize) -> Result<usize, PacketError> {
    let (digits, after) = rest.split_once('-').ok_or(PacketError::Attachments)?;
    let count = parse_digits(digits).ok_or(PacketError::Attachments)?;
    *rest = after;
    match usize::try_from(count) {
        Ok(count) if (1..=max).contains(&count) => Ok(count),
        _ => Err(PacketError::Attachments),
    }
}

/// Up to the comma or the end; a query is dropped.
fn take_namespace(rest: &mut &str, max: usize) -> Result<String, PacketError> {
    if !rest.starts_with('/') {
        return Ok("/".to_owned());
    }
    let (namespace, after) = rest.split_once(',').unwrap_or((rest, ""));
    *rest = after;
    let namespace = namespace
        .split_once('?')
        .map_or(namespace, |(name, _)| name);
    if namespace.len() > max {
        return Err(PacketError::Namespace);
    }
    Ok(namespace.to_owned())
}

fn take_id(rest: &mut &str) -> Result<Option<u64>, PacketError> {
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    if end == 0 {
        return Ok(None);
    }
    let (digits, after) = rest.split_at(end);
    *rest = after;
    parse_digits(digits).map(Some).ok_or(PacketError::Id)
}

/// `str::parse` would also take a sign.
fn parse_digits(digits: &str) -> Option<u64> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

fn parse_auth(json: &str) -> Result<Option<Box<RawValue>>, PacketError> {
    match json {
        "" => Ok(None),
        json => serde_json::from_str(json)
            .map(Some)
            .map_err(|_| PacketError::Json),
    }
}

fn parse_args(json: &str) -> Result<Vec<Box<RawValue>>, PacketError> {
    serde_json::from_str(json).map_err(|_| PacketError::Json)
}

/// JSON that is taken unparsed is not measured by serde_json: whoever parses it later must not be surprised.
pub(crate) fn check_depth(json: &str, max: usize) -> Result<(), PacketError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > max {
                    return Err(PacketError::Depth);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Every placeholder names an attachment that comes.
pub(crate) fn check_placeholders(json: &str, attachments: usize) -> Result<(), PacketError> {
    fn check(value: &Value, attachments: usize) -> bool {
        match value {
            Value::Array(items) => items.iter().all(|item| check(item, attachments)),
            Value::Object(fields) if fields.get("_placeholder") == Some(&Value::Bool(true)) => {
                fields
                    .get("num")
                    .and_then(Value::as_u64)
                    .is_some_and(|num| num < attachments as u64)
            }
            Value::Object(fields) => fields.values().all(|field| check(field, attachments)),
            _ => true,
        }
    }
    let value = serde_json::from_str(json).map_err(|_| PacketError::Json)?;
    if check(&value, attachments) {
        Ok(())
    } else {
        Err(PacketError::Placeholder)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Binary, fuzz::read, payload::Payload};

    fn decode(text: &str) -> Result<Packet, PacketError> {
        Packet::decode(text, &PacketLimits::default())
    }

    fn show(packet: &Packet) -> String {
        let raw = |args: &[Box<RawValue>]| {
            args.iter()
                .map(|arg| arg.get())
                .collect::<Vec<_>>()
                .join(",")
        };
        match packet {
            Packet::Connect { namespace, auth } => {
                format!(
                    "connect {namespace} {}",
                    auth.as_ref().map_or("-", |auth| auth.get())
                )
            }
            Packet::Disconnect { namespace } => format!("disconnect {namespace}"),
            Packet::Event {
                namespace,
                id,
                event,
            } => {
                let id = id.map_or("-".to_owned(), |id| id.to_string());
                format!("event {namespace} {id} {} {}", event.name, raw(&event.args))
            }
            Packet::Ack {
                namespace,
                id,
                args,
                ..
            } => format!("ack {namespace} {id} {}", raw(args)),
            Packet::Partial(partial) => format!(
                "{} attachments of {}",
                partial.missing,
                show(&partial.packet)
            ),
        }
    }

    #[test]
    fn packets_and_what_they_say() {
        for (text, want) in [
            ("0", "connect / -"),
            ("0{\"token\":\"x\"}", "connect / {\"token\":\"x\"}"),
            ("0/admin", "connect /admin -"),
            ("0/admin,", "connect /admin -"),
            ("0/admin?x=1,{\"a\":1}", "connect /admin {\"a\":1}"),
            ("1", "disconnect /"),
            ("1/admin,", "disconnect /admin"),
            ("2[\"hi\"]", "event / - hi "),
            ("2[\"hi\",1,{\"a\":[]}]", "event / - hi 1,{\"a\":[]}"),
            ("2/,0[\"hi\"]", "event / 0 hi "),
            ("2/admin,12[\"hi\",null]", "event /admin 12 hi null"),
            ("20  [ \"hi\" , 1 ] ", "event / 0 hi 1"),
            ("30[]", "ack / 0 "),
            ("3/a,7[1,\"x\"]", "ack /a 7 1,\"x\""),
            (
                r#"51-["hi",{"_placeholder":true,"num":0}]"#,
                r#"1 attachments of event / - hi {"_placeholder":true,"num":0}"#,
            ),
            (
                r#"61-/a,3[{"_placeholder":true,"num":0}]"#,
                r#"1 attachments of ack /a 3 {"_placeholder":true,"num":0}"#,
            ),
        ] {
            assert_eq!(show(&decode(text).unwrap()), want, "{text}");
        }
    }

    #[test]
    fn payloads_pass_as_they_are() {
        let exact = r#"[1180591620717411303424,1.0,1e+22,{"z":1,"a":2},"\ud800"]"#;
        let Packet::Event { event, .. } = decode(&format!("2[\"x\",{exact}]")).unwrap() else {
            panic!()
        };
        assert_eq!(event.args[0].get(), exact);
    }

    #[test]
    fn malformed_packets_are_refused() {
        use PacketError as E;
        let deep = format!("2[\"x\",{}{}]", "[".repeat(128), "]".repeat(128));
        let long = format!("0/{},", "x".repeat(255));
        for (text, want) in [
            ("", E::UnknownType),
            ("7", E::UnknownType),
            ("é", E::UnknownType),
            ("abc", E::UnknownType),
            ("4{}", E::Direction),
            ("0{", E::Json),
            ("1x", E::TrailingData),
            ("2", E::Json),
            ("2[]", E::EventName),
            ("2{}", E::Json),
            ("2[1]", E::EventName),
            ("2[null]", E::EventName),
            ("2[{\"toString\":\"x\"}]", E::EventName),
            ("2[\"x\",NaN]", E::Json),
            ("2[\"x\"]]", E::Json),
            ("2[\"connect\"]", E::ReservedEvent),
            ("2[\"newListener\",1]", E::ReservedEvent),
            ("299999999999999999999[\"x\"]", E::Id),
            ("3[]", E::Id),
            ("5[\"x\"]", E::Attachments),
            ("5-[\"x\"]", E::Attachments),
            ("50-[\"x\"]", E::Attachments),
            ("5+1-[\"x\"]", E::Attachments),
            ("511-[\"x\"]", E::Attachments),
            ("599999999999999999999-[\"x\"]", E::Attachments),
            (r#"51-["x",{"_placeholder":true,"num":1}]"#, E::Placeholder),
            (r#"51-["x",{"_placeholder":true,"num":-1}]"#, E::Placeholder),
            (
                r#"51-["x",{"_placeholder":true,"num":"0"}]"#,
                E::Placeholder,
            ),
            (r#"51-["x",{"_placeholder":true}]"#, E::Placeholder),
            (&deep, E::Depth),
            (&long, E::Namespace),
        ] {
            assert_eq!(decode(text).err(), Some(want), "{text:.80}");
        }
    }

    #[test]
    fn attachments_complete_a_packet() {
        let text = r#"52-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        let partial = |text| match decode(text).unwrap() {
            Packet::Partial(partial) => partial,
            other => panic!("{other:?}"),
        };
        let Packet::Partial(half) = partial(text)
            .attach(Bytes::from_static(b"a"), 1_000)
            .unwrap()
        else {
            panic!()
        };
        let Packet::Event { event, .. } = half.attach(Bytes::from_static(b"b"), 1_000).unwrap()
        else {
            panic!()
        };
        assert_eq!(event.attachments, [&b"a"[..], b"b"]);
        assert_eq!(
            partial(text)
                .attach(Bytes::from(vec![0; 1_000]), 1_000)
                .err(),
            Some(PacketError::TooBig)
        );
    }

    /// Ten times the packet takes about ten times the time. Something quadratic would take a hundred times.
    #[test]
    fn time_to_read_grows_with_the_packet() {
        let shapes: [fn(usize) -> String; 5] = [
            |size| format!(r#"42["e","{}"]"#, "x".repeat(size)),
            |size| format!(r#"42["e","{}"]"#, "\\u0041".repeat(size / 6)),
            |size| format!(r#"42["e"{}]"#, ",1".repeat(size / 2)),
            |size| format!(r#"42["e",{{{}"z":1}}]"#, r#""a":1,"#.repeat(size / 6)),
            |size| {
                format!(
                    r#"451-["e",{{"_placeholder":true,"num":0}}{}]"#,
                    ",[]".repeat(size / 3)
                )
            },
        ];
        // That of this thread: on a busy machine others come in between.
        let now = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            std::time::Duration::try_from(time).unwrap()
        };
        let time = |text: &str| {
            let text = text.strip_prefix('4').unwrap();
            let start = now();
            assert!(decode(text).is_ok());
            now() - start
        };
        for shape in shapes {
            let (small, large) = (shape(100_000), shape(1_000_000));
            let mut shortest = (time(&small), time(&large));
            for round in 1.. {
                if round > 5 && shortest.1 < shortest.0 * 15 {
                    break;
                }
                assert!(round < 100, "{shortest:?} {:.40}", shape(100));
                shortest.0 = shortest.0.min(time(&small));
                shortest.1 = shortest.1.min(time(&large));
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            namespace in "/[a-zé/]{0,9}",
            id in any::<u64>(),
            name in "\\PC{0,20}",
            args in any::<(Option<i64>, String, Vec<f64>)>(),
            bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..4),
        ) {
            let sent: Vec<_> = bytes.into_iter().map(Binary::from).collect();
            let sent = Payload::args(&(args, sent)).unwrap();
            let want = sent.json().to_owned();
            let packet = read(&encode_event(&namespace, Some(id), &name, &sent)).unwrap();
            prop_assert_eq!(show(&packet), format!("event {namespace} {id} {name} {want}"));
            let Packet::Event { event, .. } = packet else { unreachable!() };
            prop_assert_eq!(&event.attachments, sent.attachments());
            let packet = read(&encode_ack(&namespace, id, &sent)).unwrap();
            prop_assert_eq!(show(&packet), format!("ack {namespace} {id} {want}"));
            let Packet::Ack { attachments, .. } = packet else { unreachable!() };
            prop_assert_eq!(&attachments, sent.attachments());
        }
    }
}
