//! The event that is broadcast: `42["bench","<seq> <unix nanos> xxxx…"]`, padded to a size.

use std::time::{SystemTime, UNIX_EPOCH};

const PREFIX: &str = "42[\"bench\",\"";
const SUFFIX: &str = "\"]";

/// The least size that has room for every sequence number and time.
pub const LEAST_SIZE: usize = 64;

/// What a message carries besides its padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Its number within one `POST /broadcast`, from 0.
    pub seq: u64,
    /// When the server made it, in nanoseconds since 1970.
    pub sent: u64,
}

impl Message {
    /// The message `seq`, made now.
    pub fn now(seq: u64) -> Self {
        Self {
            seq,
            sent: unix_nanos(),
        }
    }

    /// The event's one argument, which makes the WebSocket payload of the event in namespace `/` exactly `size` bytes.
    pub fn argument(&self, size: usize) -> String {
        let width = size.saturating_sub(PREFIX.len() + SUFFIX.len());
        let head = format!("{} {} ", self.seq, self.sent);
        format!("{head:x<width$}")
    }

    /// The whole WebSocket payload.
    pub fn payload(&self, size: usize) -> String {
        format!("{PREFIX}{}{SUFFIX}", self.argument(size))
    }

    /// The message in a WebSocket payload; none when it is another packet.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let rest = payload.strip_prefix(PREFIX.as_bytes())?;
        let (seq, rest) = number(rest)?;
        let (sent, _) = number(rest)?;
        Some(Self { seq, sent })
    }
}

/// The wall clock in nanoseconds since 1970.
pub fn unix_nanos() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_nanos() as u64
}

/// The digits up to a space, and what follows it.
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value.checked_mul(10)?.checked_add((byte - b'0').into())?,
            b' ' if at > 0 => return Some((value, &bytes[at + 1..])),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_exactly_its_size_and_reads_back() {
        let longest = Message {
            seq: u64::MAX,
            sent: u64::MAX,
        };
        for message in [longest, Message::now(0), Message { seq: 9, sent: 1 }] {
            for size in [LEAST_SIZE, 128, 1024, 16 * 1024] {
                let payload = message.payload(size);
                assert_eq!(payload.len(), size);
                assert_eq!(Message::decode(payload.as_bytes()), Some(message));
            }
        }
    }

    #[test]
    fn the_payload_is_the_event_of_the_contract() {
        let payload = Message { seq: 7, sent: 12 }.payload(24);
        assert_eq!(payload, "42[\"bench\",\"7 12 xxxxx\"]");
    }

    #[test]
    fn other_packets_are_not_messages() {
        for payload in [
            "2",
            "42[\"joined\"]",
            "42[\"bench\",\"7\"]",
            "42[\"bench\",\" 1 x\"]",
        ] {
            assert_eq!(Message::decode(payload.as_bytes()), None);
        }
    }
}
