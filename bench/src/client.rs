//! One client: Socket.IO v5 as far as a load needs it.

use std::net::SocketAddr;

use mio::net::TcpStream;
use serde_json::{Value, json};

use crate::link::{Link, Transport};
use crate::message::{Message, unix_nanos};
use crate::order::Order;
use crate::tally::Tally;
use crate::{Error, Result};

/// What every client sends to get into the first room.
#[derive(Debug)]
pub struct Script {
    /// How its packets travel.
    pub transport: Transport,
    connect: Vec<u8>,
    event: String,
    join: Vec<u8>,
}

impl Script {
    /// CONNECT with `auth`, and the event `join` with `data`.
    pub fn new(transport: Transport, auth: &Value, join: &str, data: &Value) -> Self {
        Self {
            transport,
            connect: format!("40{auth}").into_bytes(),
            event: join.to_owned(),
            join: join_packet(join, data),
        }
    }
}

fn join_packet(event: &str, data: &Value) -> Vec<u8> {
    format!("420{}", json!([event, data])).into_bytes()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Connecting,
    Joining,
    Joined,
    Gone,
}

/// A client on its own connection.
#[derive(Debug)]
pub struct Client {
    /// What it received of the current series.
    pub order: Order,
    link: Link,
    stage: Stage,
    /// When its last event was sent of which it awaits the ack, in nanoseconds since 1970.
    asked: u64,
}

impl Client {
    /// Connects the client `number` and asks for a session.
    pub fn open(address: SocketAddr, number: usize, script: &Script) -> Result<Self> {
        Ok(Self {
            order: Order::default(),
            link: Link::open(address, number, script.transport)?,
            stage: Stage::Opening,
            asked: 0,
        })
    }

    /// Its connection, to be polled.
    pub fn stream(&mut self) -> &mut TcpStream {
        self.link.stream()
    }

    /// Asks for the room of this number, one of many.
    pub fn join(&mut self, room: u64, script: &Script) -> Result<()> {
        self.stage = Stage::Joining;
        self.order.room = room;
        let data = json!({ "chat_id": format!("r{room}") });
        self.link.send(&join_packet(&script.event, &data))
    }

    /// Begins a round trip.
    pub fn echo(&mut self) -> Result<()> {
        self.asked = unix_nanos();
        self.link.send(&echo())
    }

    /// Reads what has come; counts what it means in `tally`.
    ///
    /// The end of a connection after the join is counted, one before it is an error.
    pub fn read(&mut self, buffer: &mut [u8], script: &Script, tally: &mut Tally) -> Result<()> {
        let now = unix_nanos();
        let Self {
            order,
            link,
            stage,
            asked,
        } = self;
        let mut take = |packet: &[u8]| match Message::decode(packet) {
            Some(message) => {
                tally.deliver(order, message, packet.len(), now);
                Ok(None)
            }
            None => accept(stage, asked, packet, now, script, tally),
        };
        match link.read(buffer, &mut take) {
            Err(Error::Closed(_)) if *stage == Stage::Joined => {
                *stage = Stage::Gone;
                tally.leave(order);
                Ok(())
            }
            Err(Error::Closed(_)) if *stage == Stage::Gone => Ok(()),
            result => result,
        }
    }
}

/// Goes on by one packet that is no message, and returns what answers it.
fn accept(
    stage: &mut Stage,
    asked: &mut u64,
    packet: &[u8],
    now: u64,
    script: &Script,
    tally: &mut Tally,
) -> Result<Option<Vec<u8>>> {
    match stage {
        _ if packet == b"2" => return Ok(Some(b"3".to_vec())),
        Stage::Opening if packet.starts_with(b"0") => {
            *stage = Stage::Connecting;
            return Ok(Some(script.connect.clone()));
        }
        Stage::Connecting if packet.starts_with(b"40") => {
            *stage = Stage::Joining;
            return Ok(Some(script.join.clone()));
        }
        Stage::Joining if packet.starts_with(b"430") && !refuses(packet) => {
            *stage = Stage::Joined;
            tally.joined += 1;
        }
        Stage::Joined if packet.starts_with(b"431") => {
            tally.echo(*asked, now);
            if let Some(left) = tally.echoes.checked_sub(1) {
                tally.echoes = left;
                *asked = now;
                return Ok(Some(echo()));
            }
        }
        Stage::Connecting | Stage::Joining if is_refusal(packet) => {
            return Err(Error::Answer(String::from_utf8_lossy(packet).into_owned()));
        }
        _ => {}
    }
    Ok(None)
}

fn echo() -> Vec<u8> {
    b"421[\"echo\",{\"text\":\"hello, how are you today?\",\"number\":7}]".to_vec()
}

/// CONNECT_ERROR, an `error` event, or an ack that refuses.
fn is_refusal(packet: &[u8]) -> bool {
    packet.starts_with(b"44") || packet.starts_with(b"42[\"error\"") || refuses(packet)
}

fn refuses(ack: &[u8]) -> bool {
    const REFUSAL: &[u8] = b"\"ok\":false";
    ack.starts_with(b"430") && ack.windows(REFUSAL.len()).any(|part| part == REFUSAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_from_consent() {
        for refusal in [
            &b"44{\"message\":\"No access token provided\"}"[..],
            b"42[\"error\",{\"type\":\"forbidden\"}]",
            b"430[{\"ok\":false,\"error\":{}}]",
        ] {
            assert!(is_refusal(refusal));
        }
        for consent in [
            &b"430[]"[..],
            b"430[{\"ok\":true,\"room\":\"chat|1\"}]",
            b"42[\"joined\"]",
        ] {
            assert!(!is_refusal(consent));
        }
    }
}
