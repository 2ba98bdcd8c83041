//! Messages as python-socketio's `AsyncRedisManager` writes and reads them. Pure.
//!
//! ```text
//! {"method":"emit","event":E,"data":[…],"binary":false,"namespace":"/","room":null|"r"|["r",…],
//!  "skip_sid":null|"s"|["s",…],"callback":null|[room,namespace,id],"host_id":H}
//! {"method":"callback","host_id":H,"sid":room,"namespace":N,"id":I,"args":[…]}
//! {"method":"disconnect","sid":S,"namespace":N,"host_id":H}
//! {"method":"enter_room"|"leave_room","sid":S,"room":R,"namespace":N,"host_id":H}
//! {"method":"close_room","room":R,"namespace":N,"host_id":H}
//! ```
//!
//! `data` is the list of arguments, or the only argument in older versions: see [`Profile`]. With `binary` it is a list of
//! that, in which placeholders stand for bytes, and of the bytes in Base64. Arguments pass through as they are written:
//! they are cut out, not parsed. `reader` reads, `writer` writes.
//!
//! Beside these there is the beat, by which a worker knows that it hears itself and which everybody ignores, python-socketio
//! because it ignores all methods that it does not know:
//!
//! ```text
//! {"method":"beat","host_id":H}
//! ```
//!
//! and messages with a first key `"for":"python"`, which workers of FastApp pass over: what they say of a revocation is
//! told to them on a channel of their own.

pub(crate) mod reader;
mod writer;

use std::str::FromStr;

use super::HostId;
pub(crate) use reader::{DecodeError, decode};
pub(crate) use writer::{encode, encode_revocation};

const BEAT: &str = r#"{"method":"beat","host_id":"#;
/// How begins what is for python-socketio alone.
const FOR_PYTHON: &str = r#"{"for":"python","#;

/// Which versions of python-socketio share a channel. Messages carry no version, so all workers must be of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// 5.15.1 and later: `data` is the list of arguments.
    #[default]
    V5_15,
    /// 5.14.2 to 5.15.0, and 5.14.0 without binary events: `data` is the only argument. What would be several arguments
    /// arrives as one, a list.
    V5_14,
}

impl FromStr for Profile {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "5.15" => Ok(Self::V5_15),
            "5.14" => Ok(Self::V5_14),
            _ => Err(()),
        }
    }
}

/// The beat of a worker.
pub(super) fn encode_beat(host: &HostId) -> String {
    format!("{BEAT}{}}}", text(&host.0))
}

/// Whether this is the beat of some worker, or for python-socketio alone.
pub(super) fn is_not_for_us(bytes: &[u8]) -> bool {
    bytes.starts_with(BEAT.as_bytes()) || bytes.starts_with(FOR_PYTHON.as_bytes())
}

fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};
    use crate::{emit::Emit, payload::Payload};

    #[test]
    fn beats_are_told_from_messages() {
        let beat = encode_beat(&HostId::random());
        assert!(is_not_for_us(beat.as_bytes()));
        assert!(serde_json::from_str::<serde_json::Value>(&beat).is_ok());
        assert!(!is_not_for_us(br#"{"method":"emit","host_id":"h"}"#));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let sid = "s".to_owned();
        let (room, namespace) = ("r|1".to_owned(), "/a".to_owned());
        let payload = Payload::args(&(1, crate::Binary::from(vec![0, 255]))).unwrap();
        let emit = |emit: Emit| Message::Emit {
            emit,
            callback: None,
        };
        let callback = Callback {
            room: room.clone(),
            namespace: namespace.clone(),
            id: 7,
        };
        for message in [
            emit(Emit::new("ev", Payload::args(&("ž😀", [1])).unwrap())),
            emit(Emit::new("ev", Payload::empty()).to(["a"]).except("s")),
            emit(
                Emit::new("ev", payload)
                    .in_namespace("/a")
                    .to(["a", "b"])
                    .except("s")
                    .except("t"),
            ),
            Message::Emit {
                emit: Emit::new("ev", Payload::empty()),
                callback: Some(callback.clone()),
            },
            Message::Callback {
                callback,
                answer: Payload::args(&("yes", [1])).unwrap(),
            },
            Message::Disconnect {
                sid: sid.clone(),
                namespace: namespace.clone(),
            },
            Message::EnterRoom {
                sid: sid.clone(),
                room: room.clone(),
                namespace: namespace.clone(),
            },
            Message::LeaveRoom {
                sid,
                room: room.clone(),
                namespace: namespace.clone(),
            },
            Message::CloseRoom { room, namespace },
        ] {
            let envelope = Envelope {
                host: HostId::random(),
                message,
            };
            let written = encode(&envelope, Profile::V5_15).unwrap();
            let read = decode(written.as_bytes(), Profile::V5_15, 1 << 20);
            assert_eq!(read.unwrap(), envelope);
        }
    }
}
