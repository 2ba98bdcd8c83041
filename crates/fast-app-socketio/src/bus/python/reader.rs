//! Messages as python-socketio writes them.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{
    super::{Callback, Envelope, HostId, Message},
    Profile,
};
use crate::{
    emit::{Emit, Recipients},
    name::is_reserved_event,
    packet::{check_depth, check_placeholders},
    payload::Payload,
};

/// How deep the data of an emit may be nested: 128, as deep as a client's, within two lists.
const MAX_DEPTH: usize = 130;

/// How long the names may be, together and in bytes, of which an answer must remind: every client that was asked keeps them.
pub(crate) const MAX_CALLBACK: usize = 1_024;
/// The longest id of a host to which answers are sent.
pub(crate) const MAX_HOST: usize = 255;

/// Why a message was dropped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error(
        "a message on the channel is a pickle and was dropped: upgrade the python-socketio that sends it to 5.15.1 or later"
    )]
    Pickle,
    #[error("it is not JSON of the expected form")]
    Json(#[from] serde_json::Error),
    #[error(
        "there is NaN or Infinity in it, which is not JSON: whoever sends it must replace them"
    )]
    NotFinite,
    #[error("its method is unknown")]
    Method,
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("its list of rooms is empty")]
    Nobody,
    #[error("its event name is reserved")]
    ReservedEvent,
    #[error("its attachments are malformed")]
    Attachments,
    #[error("its {0} bytes are more than the limit")]
    TooLarge(usize),
    #[error("its data is nested too deep")]
    Depth,
    #[error("to do what it asks for has panicked, which is a bug here")]
    Panic,
}

impl DecodeError {
    /// Where it is no longer JSON of the expected form. What serde has to say about it may quote the message.
    pub(crate) fn column(&self) -> Option<usize> {
        match self {
            Self::Json(error) => Some(error.column()),
            _ => None,
        }
    }

    /// A short name for counters.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Pickle => "pickle",
            Self::Method => "unknown_method",
            Self::TooLarge(_) => "too_large",
            Self::Panic => "panic",
            _ => "malformed",
        }
    }
}

/// Names, one or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    None(()),
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Wire<'a> {
    method: String,
    event: Option<String>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    binary: Option<bool>,
    namespace: Option<String>,
    #[serde(default, deserialize_with = "present")]
    room: Option<Names>,
    skip_sid: Option<Names>,
    sid: Option<String>,
    host_id: Option<String>,
    #[serde(borrow)]
    callback: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

/// Tells `null` from a key that is not there.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a message of at most `limit` bytes.
pub(crate) fn decode(
    bytes: &[u8],
    profile: Profile,
    limit: usize,
) -> Result<Envelope, DecodeError> {
    if bytes.first() == Some(&0x80) {
        return Err(DecodeError::Pickle);
    }
    if bytes.len() > limit {
        return Err(DecodeError::TooLarge(bytes.len()));
    }
    let wire: Wire<'_> = serde_json::from_slice(bytes).map_err(|error| no_json(bytes, error))?;
    let host = HostId(wire.host_id.clone().unwrap_or_default());
    let message = match wire.method.as_str() {
        "emit" => decode_emit(wire, profile)?,
        "callback" => decode_answer(wire)?,
        "disconnect" => Message::Disconnect {
            sid: wire.sid.ok_or(DecodeError::Missing("sid"))?,
            namespace: wire.namespace.unwrap_or_else(|| "/".to_owned()),
        },
        "enter_room" => {
            let (sid, room, namespace) = membership(wire)?;
            Message::EnterRoom {
                sid,
                room,
                namespace,
            }
        }
        "leave_room" => {
            let (sid, room, namespace) = membership(wire)?;
            Message::LeaveRoom {
                sid,
                room,
                namespace,
            }
        }
        "close_room" => {
            let room = one_room(wire.room)?;
            Message::CloseRoom {
                room,
                namespace: wire.namespace.ok_or(DecodeError::Missing("namespace"))?,
            }
        }
        _ => return Err(DecodeError::Method),
    };
    Ok(Envelope { host, message })
}

/// Python's `json.dumps` writes floats that JSON has no word for.
fn no_json(bytes: &[u8], error: serde_json::Error) -> DecodeError {
    let rest = bytes
        .get(error.column().saturating_sub(1)..)
        .unwrap_or_default();
    match error.line() == 1 && (rest.starts_with(b"NaN") || rest.starts_with(b"Infinity")) {
        true => DecodeError::NotFinite,
        false => DecodeError::Json(error),
    }
}

fn membership(wire: Wire<'_>) -> Result<(String, String, String), DecodeError> {
    let sid = wire.sid.ok_or(DecodeError::Missing("sid"))?;
    let room = one_room(wire.room)?;
    let namespace = wire.namespace.ok_or(DecodeError::Missing("namespace"))?;
    Ok((sid, room, namespace))
}

fn one_room(room: Option<Names>) -> Result<String, DecodeError> {
    match room {
        Some(Names::One(room)) => Ok(room),
        _ => Err(DecodeError::Missing("room")),
    }
}

fn decode_emit(wire: Wire<'_>, profile: Profile) -> Result<Message, DecodeError> {
    let event = wire.event.ok_or(DecodeError::Missing("event"))?;
    if is_reserved_event(&event) {
        return Err(DecodeError::ReservedEvent);
    }
    let data = wire.data.ok_or(DecodeError::Missing("data"))?;
    check_depth(data.get(), MAX_DEPTH).map_err(|_| DecodeError::Depth)?;
    let payload = match wire.binary {
        Some(true) => decode_binary(data, profile)?,
        _ => Payload::from_json(arguments(data.get(), profile), Vec::new()),
    };
    let to = match wire.room.ok_or(DecodeError::Missing("room"))? {
        Names::None(()) => Recipients::Everybody,
        Names::One(room) => Recipients::Rooms(vec![room.into()]),
        Names::Many(rooms) if rooms.is_empty() => return Err(DecodeError::Nobody),
        Names::Many(rooms) => Recipients::Rooms(rooms.into_iter().map(Arc::from).collect()),
    };
    let except = match wire.skip_sid {
        None | Some(Names::None(())) => Vec::new(),
        Some(Names::One(sid)) => vec![sid],
        Some(Names::Many(sids)) => sids,
    };
    let namespace = wire.namespace.ok_or(DecodeError::Missing("namespace"))?;
    // One of another form, or a very long one, is none: whoever sent it cannot expect an answer.
    let callback = wire
        .callback
        .and_then(|callback| serde_json::from_str(callback.get()).ok())
        .map(|(room, namespace, id)| Callback {
            room,
            namespace,
            id,
        })
        .filter(|callback| callback.room.len() + callback.namespace.len() <= MAX_CALLBACK)
        .filter(|_| wire.host_id.is_none_or(|host| host.len() <= MAX_HOST));
    let emit = Emit {
        payload,
        to,
        except,
        ..Emit::new(event, Payload::empty()).in_namespace(namespace)
    };
    Ok(Message::Emit { emit, callback })
}

fn decode_answer(wire: Wire<'_>) -> Result<Message, DecodeError> {
    let id = wire.id.ok_or(DecodeError::Missing("id"))?;
    let args = wire.args.ok_or(DecodeError::Missing("args"))?.get().trim();
    let args = args
        .strip_prefix('[')
        .and_then(|args| args.strip_suffix(']'));
    Ok(Message::Callback {
        callback: Callback {
            room: wire.sid.ok_or(DecodeError::Missing("sid"))?,
            namespace: wire.namespace.ok_or(DecodeError::Missing("namespace"))?,
            id: serde_json::from_str(id.get())?,
        },
        answer: Payload::of_args(args.ok_or(DecodeError::Missing("args"))?.trim(), Vec::new()),
    })
}

/// The arguments inside of a list; what is no list is one argument, as everything is in an older version.
fn arguments(json: &str, profile: Profile) -> &str {
    let json = json.trim();
    if profile == Profile::V5_14 {
        return json;
    }
    json.strip_prefix('[')
        .and_then(|json| json.strip_suffix(']'))
        .map_or(json, str::trim)
}

fn decode_binary(data: &RawValue, profile: Profile) -> Result<Payload, DecodeError> {
    let parts: Vec<&RawValue> = serde_json::from_str(data.get())?;
    let (args, encoded) = parts.split_first().ok_or(DecodeError::Attachments)?;
    let mut attachments = Vec::with_capacity(encoded.len());
    for part in encoded {
        let text: &str = serde_json::from_str(part.get())?;
        attachments.push(Bytes::from(
            STANDARD
                .decode(text)
                .map_err(|_| DecodeError::Attachments)?,
        ));
    }
    check_placeholders(&tamed(args.get()), attachments.len())
        .map_err(|_| DecodeError::Attachments)?;
    let args = arguments(args.get(), profile);
    Ok(Payload::from_json(args, attachments))
}

/// The same JSON as far as placeholders are concerned, without what is passed on but cannot be read as a value: escapes of
/// surrogates, and numbers beyond 64 bits. `json` is valid.
fn tamed(json: &str) -> String {
    let mut tamed = String::with_capacity(json.len());
    let (mut in_string, mut rest) = (false, json);
    while let Some(first) = rest.chars().next() {
        let (taken, instead) = match (first, rest.as_bytes()) {
            (
                '\\',
                [
                    _,
                    b'u',
                    b'd' | b'D',
                    b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F',
                    ..,
                ],
            ) => (6, Some("?")),
            ('\\', _) => (2, None),
            ('-' | '0'..='9', _) if !in_string => {
                let end = rest.find([',', ']', '}', ' ', '\n', '\r', '\t']);
                let taken = end.unwrap_or(rest.len());
                let is_plain = rest[..taken].parse::<u64>().is_ok();
                (taken, (!is_plain).then_some("-1"))
            }
            ('"', _) => {
                in_string = !in_string;
                (1, None)
            }
            (other, _) => (other.len_utf8(), None),
        };
        tamed.push_str(instead.unwrap_or(&rest[..taken]));
        rest = &rest[taken..];
    }
    tamed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emit(json: &str) -> Result<Emit, DecodeError> {
        match decode(json.as_bytes(), Profile::V5_15, 1 << 20)?.message {
            Message::Emit { emit, .. } => Ok(emit),
            other => panic!("{other:?}"),
        }
    }

    fn with(key: &str, value: &str) -> String {
        let mut fields = vec![
            ("method", "\"emit\""),
            ("event", "\"ev\""),
            ("data", "[\"x\"]"),
            ("binary", "false"),
            ("namespace", "\"/\""),
            ("room", "\"r\""),
            ("skip_sid", "null"),
            ("callback", "null"),
            ("host_id", "\"h\""),
        ];
        fields.retain(|(name, _)| *name != key);
        let mut fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("\"{name}\": {value}"))
            .collect();
        if !value.is_empty() {
            fields.push(format!("\"{key}\": {value}"));
        }
        format!("{{{}}}", fields.join(", "))
    }

    #[test]
    fn data_and_the_arguments_it_means() {
        for (data, want) in [
            ("[\"x\"]", "\"x\""),
            ("[]", ""),
            ("[null]", ""),
            ("null", ""),
            ("[[1, 2]]", "[1, 2]"),
            ("[1, \"b\", {}]", "1, \"b\", {}"),
            ("\"plain\"", "\"plain\""),
            ("{\"o\": 1}", "{\"o\": 1}"),
            (
                "[1180591620717411303424, 1.0, 1e+22, \"\\ud800\"]",
                "1180591620717411303424, 1.0, 1e+22, \"\\ud800\"",
            ),
        ] {
            assert_eq!(
                emit(&with("data", data)).unwrap().payload.json(),
                want,
                "{data}"
            );
        }
    }

    #[test]
    fn a_callback_that_is_worth_remembering() {
        let callback = |room: usize, host: usize| {
            let fields = with("callback", &format!("[\"{}\", \"/\", 1]", "r".repeat(room)));
            let json = fields.replace("\"h\"", &format!("\"{}\"", "h".repeat(host)));
            match decode(json.as_bytes(), Profile::V5_15, 1 << 20)
                .unwrap()
                .message
            {
                Message::Emit { callback, .. } => callback.is_some(),
                other => panic!("{other:?}"),
            }
        };
        assert!(callback(MAX_CALLBACK - 1, MAX_HOST));
        assert!(!callback(MAX_CALLBACK, MAX_HOST) && !callback(1, MAX_HOST + 1));
    }

    #[test]
    fn rooms_and_whom_they_mean() {
        let rooms =
            |names: &[&str]| Recipients::Rooms(names.iter().map(|name| (*name).into()).collect());
        assert_eq!(
            emit(&with("room", "null")).unwrap().to,
            Recipients::Everybody
        );
        assert_eq!(emit(&with("room", "\"a\"")).unwrap().to, rooms(&["a"]));
        assert_eq!(
            emit(&with("room", "[\"a\", \"b\"]")).unwrap().to,
            rooms(&["a", "b"])
        );
        assert!(matches!(
            emit(&with("room", "[]")),
            Err(DecodeError::Nobody)
        ));
        assert!(matches!(
            emit(&with("room", "")),
            Err(DecodeError::Missing("room"))
        ));
        assert_eq!(
            emit(&with("skip_sid", "[\"s\", \"t\"]")).unwrap().except,
            ["s", "t"]
        );
    }

    #[test]
    fn bytes_are_read_behind_the_arguments() {
        let binary = with(
            "data",
            r#"[[{"_placeholder": true, "num": 0}, "t"], "AAE="]"#,
        )
        .replace("\"binary\": false", "\"binary\": true");
        let payload = emit(&binary).unwrap().payload;
        assert_eq!(payload.attachments(), [Bytes::from_static(&[0, 1])]);
        assert_eq!(payload.json(), r#"{"_placeholder": true, "num": 0}, "t""#);
        for exact in [
            r#""\ud800 \"\\ \udC00\u0041""#,
            "1e999",
            "-1180591620717411303424",
            r#"{"\ud83d\ude00": [1.0, 2e-5], "e": "\\u"}"#,
        ] {
            let payload = emit(&binary.replace("\"t\"", exact)).unwrap().payload;
            let json = format!(r#"{{"_placeholder": true, "num": 0}}, {exact}"#);
            assert_eq!(payload.json(), json);
        }
        assert!(
            emit(&binary.replace("\"t\"", r#""\ud800", {"_placeholder": true, "num": 1e0}"#))
                .is_err()
        );
        assert!(
            emit(&binary.replace(
                "\"t\"",
                r#""\ud800", {"\u005fplaceholder": true, "num": 9}"#
            ))
            .is_err()
        );
        assert!(emit(&binary.replace("AAE=", "!!!")).is_err());
        assert!(emit(&binary.replace("\"num\": 0", "\"num\": 5")).is_err());
    }

    #[test]
    fn floats_that_json_has_no_word_for_are_named() {
        for data in ["[NaN]", "[1, {\"a\": -Infinity}]", "Infinity"] {
            let refused = emit(&with("data", data));
            assert!(matches!(refused, Err(DecodeError::NotFinite)), "{data}");
        }
        for data in ["[Nan]", "[1,]", "\"NaN"] {
            let refused = emit(&with("data", data));
            assert!(matches!(refused, Err(DecodeError::Json(_))), "{data}");
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [
            &b"hello"[..],
            b"\x80\x04\x95pickle",
            b"[1]",
            b"5",
            b"{}",
            b"{\"method\":\"nope\"}",
            b"{\"method\":5}",
            b"\xff",
            with("data", "[NaN]").as_bytes(),
            with("event", "5").as_bytes(),
            with("event", "\"disconnect\"").as_bytes(),
            with("room", "1").as_bytes(),
            with("namespace", "null").as_bytes(),
            with("data", "").as_bytes(),
            with("data", &format!("{}{}", "[".repeat(131), "]".repeat(131))).as_bytes(),
        ] {
            let decoded = decode(bytes, Profile::V5_15, 1 << 20);
            assert!(decoded.is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        let long = with("data", &format!("[\"{}\"]", "x".repeat(1_000)));
        let decoded = decode(long.as_bytes(), Profile::V5_15, 1_000);
        assert!(matches!(decoded, Err(DecodeError::TooLarge(_))));
    }

    #[test]
    fn older_data_and_the_argument_it_means() {
        for (data, json) in [
            ("null", ""),
            ("[1, 2]", "[1, 2]"),
            ("[]", "[]"),
            ("\"x\"", "\"x\""),
        ] {
            let decoded = decode(with("data", data).as_bytes(), Profile::V5_14, 1 << 20);
            match decoded.unwrap().message {
                Message::Emit { emit, .. } => assert_eq!(emit.payload.json(), json, "{data}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_callback_of_another_form_is_none() {
        let callback = |json: &str| {
            let message = with("callback", json);
            match decode(message.as_bytes(), Profile::V5_15, 1 << 20)
                .unwrap()
                .message
            {
                Message::Emit { callback, .. } => callback,
                other => panic!("{other:?}"),
            }
        };
        let expected = Callback {
            room: "r".to_owned(),
            namespace: "/".to_owned(),
            id: 7,
        };
        assert_eq!(callback(r#"["r", "/", 7]"#), Some(expected));
        for json in ["null", "[]", r#"["r", "/", -1]"#, r#"[1, 2, 3]"#, "7"] {
            assert_eq!(callback(json), None, "{json}");
        }
    }
}
