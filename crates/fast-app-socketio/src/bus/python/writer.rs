//! Messages as python-socketio reads them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;

use super::{
    super::{Callback, Envelope, HostId, Message},
    FOR_PYTHON, Profile, text,
};
use crate::{
    emit::Recipients,
    payload::Payload,
    revocation::{Place, Revocation, Who},
};

/// Writes a message; `None` when python-socketio knows no such thing.
pub(crate) fn encode(envelope: &Envelope, profile: Profile) -> Option<String> {
    let host = text(&envelope.host.0);
    Some(match &envelope.message {
        Message::Emit { emit, callback } => format!(
            r#"{{"method":"emit","event":{},"data":{},"binary":{},"namespace":{},"room":{},"skip_sid":{},"callback":{},"host_id":{host}}}"#,
            text(&emit.event),
            encode_data(&emit.payload, profile),
            !emit.payload.attachments().is_empty(),
            text(&emit.namespace),
            match &emit.to {
                Recipients::Everybody => "null".to_owned(),
                Recipients::Rooms(rooms) => names(rooms),
            },
            if emit.except.is_empty() {
                "null".to_owned()
            } else {
                names(&emit.except)
            },
            match callback {
                None => "null".to_owned(),
                Some(Callback {
                    room,
                    namespace,
                    id,
                }) => format!("[{},{},{id}]", text(room), text(namespace)),
            },
        ),
        Message::Callback {
            callback:
                Callback {
                    room,
                    namespace,
                    id,
                },
            answer,
        } => format!(
            r#"{{"method":"callback","host_id":{host},"sid":{},"namespace":{},"id":{id},"args":[{}]}}"#,
            text(room),
            text(namespace),
            answer.json()
        ),
        Message::Disconnect { sid, namespace } => format!(
            r#"{{"method":"disconnect","sid":{},"namespace":{},"host_id":{host}}}"#,
            text(sid),
            text(namespace)
        ),
        Message::EnterRoom {
            sid,
            room,
            namespace,
        } => encode_membership("enter_room", sid, room, namespace, &host),
        Message::LeaveRoom {
            sid,
            room,
            namespace,
        } => encode_membership("leave_room", sid, room, namespace, &host),
        Message::CloseRoom { room, namespace } => format!(
            r#"{{"method":"close_room","room":{},"namespace":{},"host_id":{host}}}"#,
            text(room),
            text(namespace)
        ),
        Message::Revoke { .. } | Message::Revoked { .. } | Message::Missed { .. } => return None,
    })
}

/// The same for python-socketio, as far as it understands it: it knows no users. Workers of FastApp have heard of it
/// otherwise.
pub(crate) fn encode_revocation(revocation: &Revocation, host: &HostId) -> Option<String> {
    let message = match (&revocation.who, revocation.from.clone()) {
        (Who::Everybody, Some(Place { namespace, room })) => Message::CloseRoom {
            room: room.to_string(),
            namespace,
        },
        (Who::Session(sid), Some(Place { namespace, room })) => Message::LeaveRoom {
            sid: sid.clone(),
            room: room.to_string(),
            namespace,
        },
        (Who::Session(sid), None) => Message::Disconnect {
            sid: sid.clone(),
            namespace: "/".to_owned(),
        },
        (Who::User(_), _) | (Who::Everybody, None) => return None,
    };
    let host = host.clone();
    let text = encode(&Envelope { host, message }, Profile::default())?;
    Some(format!("{FOR_PYTHON}{}", &text[1..]))
}

fn encode_membership(method: &str, sid: &str, room: &str, namespace: &str, host: &str) -> String {
    let (sid, room, namespace) = (text(sid), text(room), text(namespace));
    format!(
        r#"{{"method":"{method}","sid":{sid},"room":{room},"namespace":{namespace},"host_id":{host}}}"#
    )
}

fn encode_data(payload: &Payload, profile: Profile) -> String {
    let json = payload.json();
    let args = match profile {
        Profile::V5_14 if json.is_empty() => "null".to_owned(),
        // One argument stands alone.
        Profile::V5_14 if serde_json::from_str::<&RawValue>(json).is_ok() => json.to_owned(),
        _ => format!("[{json}]"),
    };
    if payload.attachments().is_empty() {
        return args;
    }
    let attachments = payload
        .attachments()
        .iter()
        .map(|bytes| text(&STANDARD.encode(bytes)));
    let parts: Vec<String> = std::iter::once(args).chain(attachments).collect();
    format!("[{}]", parts.join(","))
}

/// One name as text, several as a list.
fn names(names: &[impl AsRef<str>]) -> String {
    match names {
        [name] => text(name.as_ref()),
        names => {
            let names: Vec<String> = names.iter().map(|name| text(name.as_ref())).collect();
            format!("[{}]", names.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Binary;

    #[test]
    fn data_of_an_older_version_is_one_argument() {
        for (payload, data) in [
            (Payload::empty(), "null"),
            (Payload::new("x").unwrap(), "\"x\""),
            (Payload::new(&[1, 2]).unwrap(), "[1,2]"),
            (Payload::args(&(1, "b")).unwrap(), "[1,\"b\"]"),
        ] {
            assert_eq!(encode_data(&payload, Profile::V5_14), data);
        }
        let bytes = Payload::new(&Binary::from(vec![0, 1])).unwrap();
        assert_eq!(
            encode_data(&bytes, Profile::V5_14),
            r#"[{"_placeholder":true,"num":0},"AAE="]"#
        );
    }
}
