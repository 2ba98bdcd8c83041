//! Packets of the server as frames.

use fast_app_engineio::Frame;
use serde_json::Value;

use crate::{error::ConnectionRefused, payload::Payload};

/// `0{"sid":"…"}`
pub(crate) fn encode_connected(namespace: &str, sid: &str) -> Frame {
    Frame::message(namespace.len() + 40, |text| {
        text.push('0');
        push_namespace(text, namespace);
        text.push_str("{\"sid\":\"");
        text.push_str(sid);
        text.push_str("\"}");
    })
}

/// `4{"message":"…"}`
pub(crate) fn encode_refused(namespace: &str, refused: &ConnectionRefused) -> Frame {
    let refused = serde_json::to_string(refused).expect("text and JSON values are JSON");
    Frame::message(namespace.len() + refused.len() + 8, |text| {
        text.push('4');
        push_namespace(text, namespace);
        text.push_str(&refused);
    })
}

/// `1`
pub(crate) fn encode_disconnect(namespace: &str) -> Frame {
    Frame::message(namespace.len() + 4, |text| {
        text.push('1');
        push_namespace(text, namespace);
    })
}

/// `2["event",…]`, or with attachments `51-["event",…]` and a frame each.
pub(crate) fn encode_event(
    namespace: &str,
    id: Option<u64>,
    event: &str,
    payload: &Payload,
) -> Vec<Frame> {
    let event = Value::from(event).to_string();
    let capacity = namespace.len() + event.len() + payload.json().len() + 32;
    let text = Frame::message(capacity, |text| {
        push_kind(text, payload, '2', '5');
        push_namespace(text, namespace);
        text.extend(id.map(|id| id.to_string()));
        text.push('[');
        text.push_str(&event);
        if !payload.json().is_empty() {
            text.push(',');
            text.push_str(payload.json());
        }
        text.push(']');
    });
    with_attachments(text, payload)
}

/// `3<id>[…]`, or with attachments `61-<id>[…]` and a frame each.
pub(crate) fn encode_ack(namespace: &str, id: u64, payload: &Payload) -> Vec<Frame> {
    let text = Frame::message(namespace.len() + payload.json().len() + 32, |text| {
        push_kind(text, payload, '3', '6');
        push_namespace(text, namespace);
        text.push_str(&id.to_string());
        text.push('[');
        text.push_str(payload.json());
        text.push(']');
    });
    with_attachments(text, payload)
}

fn push_kind(text: &mut String, payload: &Payload, plain: char, binary: char) {
    match payload.attachments().len() {
        0 => text.push(plain),
        count => {
            text.push(binary);
            text.push_str(&count.to_string());
            text.push('-');
        }
    }
}

fn push_namespace(text: &mut String, namespace: &str) {
    if namespace != "/" {
        text.push_str(namespace);
        text.push(',');
    }
}

fn with_attachments(text: Frame, payload: &Payload) -> Vec<Frame> {
    let attachments = payload
        .attachments()
        .iter()
        .map(|bytes| Frame::binary(bytes));
    std::iter::once(text).chain(attachments).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Binary;

    #[test]
    fn packets_and_their_frames() {
        let text = |frame: &Frame| String::from_utf8(frame.as_bytes()[2..].to_vec()).unwrap();
        assert_eq!(text(&encode_connected("/", "abc")), r#"40{"sid":"abc"}"#);
        assert_eq!(
            text(&encode_refused("/a", &ConnectionRefused::new("no"))),
            r#"44/a,{"message":"no"}"#
        );
        assert_eq!(text(&encode_disconnect("/a")), "41/a,");
        let event = |payload: &Payload| encode_event("/a", Some(3), "e\"v", payload);
        assert_eq!(text(&event(&Payload::empty())[0]), r#"42/a,3["e\"v"]"#);
        assert_eq!(
            text(&event(&Payload::args(&(1, 2)).unwrap())[0]),
            r#"42/a,3["e\"v",1,2]"#
        );
        let binary = encode_ack("/", 9, &Payload::new(&Binary::from(vec![7])).unwrap());
        assert_eq!(text(&binary[0]), r#"461-9[{"_placeholder":true,"num":0}]"#);
        assert_eq!(binary[1].as_bytes(), b"\x82\x01\x07");
    }
}
