//! Packets as we send them, and what they are to be read as.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fast_app_engineio::Frame;
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
};
use serde::Serialize;
use serde_json::{Value, json};
use testkit::ParsedPacket;

use super::packets::pattern;
use crate::{
    Binary, ConnectionRefused, Payload,
    packet::{encode_ack, encode_connected, encode_disconnect, encode_event, encode_refused},
};

/// A value that the application sends.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Sent {
    Null(()),
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Bytes(Binary),
    List(Vec<Sent>),
    Map(BTreeMap<String, Sent>),
}

impl Sent {
    /// As testkit writes it.
    fn expected(&self) -> Value {
        match self {
            Self::Bytes(Binary(bytes)) => json!({ "$bin": STANDARD.encode(bytes) }),
            Self::List(items) => items.iter().map(Self::expected).collect(),
            Self::Map(fields) => fields
                .iter()
                .map(|(key, field)| (key.clone(), field.expected()))
                .collect(),
            plain => json!(plain),
        }
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let leaf = prop_oneof![
        Just(Sent::Null(())),
        any::<bool>().prop_map(Sent::Bool),
        any::<i64>().prop_map(Sent::Integer),
        any::<f64>().prop_map(Sent::Float),
        any::<String>().prop_map(Sent::Text),
        vec(any::<u8>(), 0..200).prop_map(|bytes| Sent::Bytes(bytes.into())),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Sent::List),
            btree_map(pattern("[a-z0-9é\"]{0,3}"), inner, 0..3).prop_map(Sent::Map),
        ]
    })
}

/// A packet of ours.
#[derive(Debug)]
pub(super) struct Draft {
    kind: u64,
    namespace: String,
    id: u64,
    name: String,
    args: Vec<Sent>,
}

pub(super) fn draft() -> impl Strategy<Value = Draft> {
    let namespace = prop_oneof![Just("/".to_owned()), pattern("/[a-z/é]{1,8}")];
    let name = prop_oneof![pattern("[a-z_]{1,8}"), any::<String>()];
    let args = vec(sent(), 0..3);
    (0..5u64, namespace, any::<u64>(), name, args).prop_map(|(kind, namespace, id, name, args)| {
        Draft {
            kind,
            namespace,
            id,
            name,
            args,
        }
    })
}

impl Draft {
    pub(super) fn payload(&self) -> Payload {
        Payload::args(&self.args).expect("the values are JSON and bytes")
    }

    pub(super) fn frames(&self) -> Vec<Frame> {
        let (namespace, payload) = (&self.namespace, self.payload());
        match self.kind {
            0 => vec![encode_connected(namespace, &self.name.len().to_string())],
            1 => vec![encode_disconnect(namespace)],
            2 => encode_event(namespace, self.event_id(), &self.name, &payload),
            3 => encode_ack(namespace, self.id, &payload),
            _ => vec![encode_refused(
                namespace,
                &ConnectionRefused::new(&self.name),
            )],
        }
    }

    /// Half of the events want no answer.
    fn event_id(&self) -> Option<u64> {
        self.id.is_multiple_of(2).then_some(self.id)
    }

    /// What it is to be read as, save for the data.
    pub(super) fn packet(&self) -> ParsedPacket {
        let id = match self.kind {
            2 => self.event_id(),
            3 => Some(self.id),
            _ => None,
        };
        let attachments = match self.kind {
            2 | 3 => self.payload().attachments().len(),
            _ => 0,
        };
        ParsedPacket {
            kind: self.kind,
            namespace: self.namespace.clone(),
            // JavaScript's numbers.
            id: id.map(|id| (id as f64).to_string()),
            attachments: attachments as u64,
            data: None,
        }
    }

    pub(super) fn data(&self) -> Option<Value> {
        let args = match self.args[..] {
            // So it is documented.
            [Sent::Null(())] => Vec::new(),
            _ => self.args.iter().map(Sent::expected).collect(),
        };
        match self.kind {
            0 => Some(json!({ "sid": self.name.len().to_string() })),
            1 => None,
            2 => Some([vec![json!(self.name)], args].concat().into()),
            3 => Some(args.into()),
            _ => Some(json!({ "message": self.name })),
        }
    }
}
