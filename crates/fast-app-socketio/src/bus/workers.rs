//! Messages among workers of FastApp, on a channel of their own: what python-socketio does not know. Pure.
//!
//! ```text
//! {"method":"revoke","who":"everybody"|{"user":U}|{"session":S},"room":null|[namespace,room],"id":I,"again":false,"ago_ms":0,"host_id":H}
//! {"method":"revoked","id":I,"sockets":C,"host_id":H}        H is who has revoked
//! {"method":"missed","since_ms":T,"host_id":H}
//! ```
//!
//! As many hear it as confirm a revocation: Redis tells how many subscribers of this channel there are.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Envelope, HostId, Message, python::DecodeError};
use crate::{
    name::RoomName,
    revocation::{Place, Revocation, Who},
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireWho {
    Everybody,
    User(String),
    Session(String),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
enum Wire {
    Revoke {
        who: WireWho,
        /// A key that is missing must not mean the whole server.
        #[serde(deserialize_with = "Option::deserialize")]
        room: Option<(String, String)>,
        id: u64,
        #[serde(default)]
        again: bool,
        #[serde(default)]
        ago_ms: u64,
        host_id: String,
    },
    Revoked {
        id: u64,
        sockets: usize,
        host_id: String,
    },
    Missed {
        since_ms: u64,
        host_id: String,
    },
}

/// The largest message, in bytes. Revocations are kept, thousands of them.
pub(crate) const MAX_MESSAGE: usize = 4 << 10;

/// Writes a message; `None` when python-socketio has a word for it.
pub(crate) fn encode(envelope: &Envelope) -> Option<String> {
    let host_id = envelope.host.0.clone();
    let wire = match &envelope.message {
        Message::Revoke {
            revocation: Revocation { who, from },
            id,
            again,
        } => Wire::Revoke {
            who: match who.clone() {
                Who::Everybody => WireWho::Everybody,
                Who::User(user) => WireWho::User(user),
                Who::Session(sid) => WireWho::Session(sid),
            },
            room: from
                .as_ref()
                .map(|place| (place.namespace.clone(), place.room.to_string())),
            id: *id,
            again: again.is_some(),
            ago_ms: again.map_or(0, millis),
            host_id,
        },
        Message::Revoked { id, sockets } => Wire::Revoked {
            id: *id,
            sockets: *sockets,
            host_id,
        },
        Message::Missed { since } => Wire::Missed {
            since_ms: millis(*since),
            host_id,
        },
        _ => return None,
    };
    Some(serde_json::to_string(&wire).expect("texts and numbers are JSON"))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Reads a message of at most `limit` bytes.
pub(crate) fn decode(bytes: &[u8], limit: usize) -> Result<Envelope, DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooLarge(bytes.len()));
    }
    let (host_id, message) = match serde_json::from_slice(bytes)? {
        Wire::Revoke {
            who,
            room,
            id,
            again,
            ago_ms,
            host_id,
        } => {
            let who = match who {
                WireWho::Everybody => Who::Everybody,
                WireWho::User(user) => Who::User(user),
                WireWho::Session(sid) => Who::Session(sid),
            };
            let place = |(namespace, room): (String, String)| {
                let room = RoomName::new(room).map_err(|_| DecodeError::Missing("room"))?;
                Ok::<_, DecodeError>(Place { namespace, room })
            };
            let revocation = Revocation {
                who,
                from: room.map(place).transpose()?,
            };
            let message = Message::Revoke {
                revocation,
                id,
                again: again.then(|| Duration::from_millis(ago_ms)),
            };
            (host_id, message)
        }
        Wire::Revoked {
            id,
            sockets,
            host_id,
        } => (host_id, Message::Revoked { id, sockets }),
        Wire::Missed { since_ms, host_id } => {
            let since = Duration::from_millis(since_ms);
            (host_id, Message::Missed { since })
        }
    };
    Ok(Envelope {
        host: HostId(host_id),
        message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_as_they_were_written() {
        let chat = Revocation::new(Who::user("alice"))
            .from_room("/", "chat|1")
            .unwrap();
        let revoke = |revocation| Message::Revoke {
            revocation,
            id: 7,
            again: None,
        };
        let repeat = |again| Message::Revoke {
            revocation: Revocation::new(Who::everybody()),
            id: 7,
            again: Some(again),
        };
        for (message, text) in [
            (
                revoke(chat),
                r#"{"method":"revoke","who":{"user":"alice"},"room":["/","chat|1"],"id":7,"again":false,"ago_ms":0,"host_id":"h"}"#,
            ),
            (
                revoke(Revocation::new(Who::everybody())),
                r#"{"method":"revoke","who":"everybody","room":null,"id":7,"again":false,"ago_ms":0,"host_id":"h"}"#,
            ),
            (
                revoke(Revocation::new(Who::session("abc"))),
                r#"{"method":"revoke","who":{"session":"abc"},"room":null,"id":7,"again":false,"ago_ms":0,"host_id":"h"}"#,
            ),
            (
                repeat(Duration::from_millis(1_500)),
                r#"{"method":"revoke","who":"everybody","room":null,"id":7,"again":true,"ago_ms":1500,"host_id":"h"}"#,
            ),
            (
                repeat(Duration::from_millis(u64::MAX)),
                r#"{"method":"revoke","who":"everybody","room":null,"id":7,"again":true,"ago_ms":18446744073709551615,"host_id":"h"}"#,
            ),
            (
                Message::Revoked { id: 7, sockets: 3 },
                r#"{"method":"revoked","id":7,"sockets":3,"host_id":"h"}"#,
            ),
            (
                Message::Missed {
                    since: Duration::from_secs(2),
                },
                r#"{"method":"missed","since_ms":2000,"host_id":"h"}"#,
            ),
        ] {
            let envelope = Envelope {
                host: HostId("h".to_owned()),
                message,
            };
            assert_eq!(encode(&envelope).as_deref(), Some(text));
            assert_eq!(decode(text.as_bytes(), 1_000).unwrap(), envelope);
        }
    }

    #[test]
    fn a_repetition_without_an_age_is_new() {
        for (text, expected) in [
            (r#""again":true"#, Some(Duration::ZERO)),
            (r#""again":false,"ago_ms":7"#, None),
            (r#""ago_ms":7"#, None),
        ] {
            let text = format!(
                r#"{{"method":"revoke","who":"everybody","room":null,"id":7,{text},"host_id":"h"}}"#
            );
            let read = decode(text.as_bytes(), 1_000).unwrap();
            let Message::Revoke { again, .. } = read.message else {
                panic!("{text}")
            };
            assert_eq!(again, expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_said_is_not_everything() {
        for text in [
            r#"{"method":"revoke","who":"everybody","id":7,"host_id":"h"}"#,
            r#"{"method":"revoke","room":null,"id":7,"host_id":"h"}"#,
            r#"{"method":"revoke","who":{},"room":null,"id":7,"host_id":"h"}"#,
            r#"{"method":"revoke","who":"everybody","room":["/",""],"id":7,"host_id":"h"}"#,
            r#"{"method":"revoke","who":"everybody","room":null,"id":7,"again":true,"ago_ms":-1,"host_id":"h"}"#,
            r#"{"method":"emit","event":"x","data":[],"room":null,"namespace":"/"}"#,
        ] {
            assert!(decode(text.as_bytes(), 1_000).is_err(), "{text}");
        }
        assert!(decode(&[b' '; 1_001], 1_000).is_err());
    }
}
