//! Arguments of events as every worker takes them, and compared without loss.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fast_app_socketio::{Args, Binary, Payload};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, json, value::RawValue};

/// The arguments of an event.
#[derive(Clone, Debug)]
pub(super) struct Sample(pub(super) Vec<Tree>);

/// JSON with bytes in it, in which numbers are text.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    /// A number, a text, `true`, `false` or `null`, as JSON.
    Scalar(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    /// The order counts.
    Object(Vec<(String, Tree)>),
}

impl Sample {
    /// Arguments from JSON, in which `{"$bin":"<base64>"}` stands for bytes.
    pub(super) fn read(args: &str) -> Self {
        Self(items(&Tree::read(args, &[])).to_vec())
    }

    /// For a Rust worker.
    pub(super) fn payload(&self) -> Payload {
        Payload::args(&self.0).unwrap()
    }

    /// For a Python worker. One argument goes as itself, because that is how programs pass one.
    pub(super) fn data(&self) -> Value {
        let text = match self.0.as_slice() {
            [arg] => arg.to_string(),
            args => format!(r#"{{"tuple":{}}}"#, Tree::List(args.to_vec())),
        };
        json!({ "$json": text })
    }

    /// What clients hear: `null` alone is no argument.
    pub(super) fn heard(&self) -> String {
        match self.0.as_slice() {
            [Tree::Scalar(scalar)] if scalar == "null" => "[]".to_owned(),
            args => canonical(&Tree::List(args.to_vec())),
        }
    }
}

impl Tree {
    /// Reads JSON whose placeholders refer to these attachments.
    pub(super) fn read(json: &str, attachments: &[Vec<u8>]) -> Self {
        let json = json.trim();
        match json.as_bytes()[0] {
            b'[' => {
                let items: Vec<Box<RawValue>> = serde_json::from_str(json).unwrap();
                let items = items.iter().map(|item| Self::read(item.get(), attachments));
                Self::List(items.collect())
            }
            b'{' => {
                let Fields(fields) = serde_json::from_str(json).unwrap();
                match &fields[..] {
                    [(kind, bytes)] if kind == "$bin" => {
                        let bytes: String = serde_json::from_str(bytes.get()).unwrap();
                        Self::Bytes(STANDARD.decode(bytes).unwrap())
                    }
                    [(kind, _), (_, number)] if kind == "_placeholder" => {
                        let number: usize = serde_json::from_str(number.get()).unwrap();
                        Self::Bytes(attachments[number].clone())
                    }
                    fields => Self::Object(
                        fields
                            .iter()
                            .map(|(key, value)| (key.clone(), Self::read(value.get(), attachments)))
                            .collect(),
                    ),
                }
            }
            _ => Self::Scalar(json.to_owned()),
        }
    }
}

/// The arguments of an acknowledgement.
pub(super) fn read_args(args: &Args) -> String {
    let items: Vec<&str> = args.iter().map(RawValue::get).collect();
    canonical(&Tree::read(&format!("[{}]", items.join(",")), &[]))
}

/// The same text for the same value, however it was written.
pub(super) fn canonical(tree: &Tree) -> String {
    match tree {
        Tree::Scalar(scalar) => match scalar.as_bytes()[0] {
            b'"' => format!("{:?}", units(scalar)),
            b'-' | b'0'..=b'9' if scalar.contains(['.', 'e', 'E']) => {
                format!("{:e}", scalar.parse::<f64>().unwrap())
            }
            _ => scalar.clone(),
        },
        Tree::Bytes(bytes) => format!("bytes {bytes:?}"),
        Tree::List(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Tree::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{key:?}:{}", canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

/// The UTF-16 code units of a JSON text, so that lone surrogates can be compared as well.
fn units(json: &str) -> Vec<u16> {
    let mut units = Vec::new();
    let mut chars = json[1..json.len() - 1].chars();
    while let Some(char) = chars.next() {
        let meant = match char {
            '\\' => match chars.next().unwrap() {
                'u' => {
                    let digits: String = chars.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).unwrap());
                    continue;
                }
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            },
            other => other,
        };
        units.extend(meant.encode_utf16(&mut [0; 2]).iter());
    }
    units
}

fn items(tree: &Tree) -> &[Tree] {
    match tree {
        Tree::List(items) => items,
        other => panic!("{other} is no list"),
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => f.write_str(scalar),
            Self::Bytes(bytes) => write!(f, r#"{{"$bin":"{}"}}"#, STANDARD.encode(bytes)),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Tree::to_string).collect();
                write!(f, "[{}]", items.join(","))
            }
            Self::Object(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(key, value)| format!("{}:{value}", Value::from(key.as_str())))
                    .collect();
                write!(f, "{{{}}}", fields.join(","))
            }
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Scalar(scalar) => RawValue::from_string(scalar.clone())
                .unwrap()
                .serialize(serializer),
            Self::Bytes(bytes) => Binary::from(bytes.clone()).serialize(serializer),
            Self::List(items) => items.serialize(serializer),
            Self::Object(fields) => {
                serializer.collect_map(fields.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}

/// The fields of an object in their order.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[test]
fn values_are_equal_however_they_are_written() {
    let canonical = |json: &str| canonical(&Tree::read(json, &[]));
    for (one, other) in [
        (r#""\u017e\/""#, r#""ž/""#),
        (r#""\ud83d\ude00\n""#, r#""😀\u000a""#),
        ("1e+22", "1e22"),
        (r#"{"a": 1, "b": []}"#, r#"{"a":1,"b":[]}"#),
    ] {
        assert_eq!(canonical(one), canonical(other));
    }
    for (one, other) in [
        ("1180591620717411303424", "1180591620717411303425"),
        ("1", "1.0"),
        (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#),
        (r#""\ud800""#, r#""\ud801""#),
    ] {
        assert_ne!(canonical(one), canonical(other));
    }
}
