//! One websocket client: Engine.IO v4 and Socket.IO v5 as far as a load needs them.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::net::TcpStream;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::frame::{self, Frame};
use crate::http::Head;
use crate::message::{Message, unix_nanos};
use crate::order::Order;
use crate::tally::Tally;
use crate::{Error, Result};

/// Source addresses, 127.0.0.2 and up: each has its own ports.
const SOURCES: usize = 8;

/// Key and answer of the example in RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// What every client sends to get into the room.
#[derive(Debug)]
pub struct Script {
    upgrade: Vec<u8>,
    connect: Vec<u8>,
    join: Vec<u8>,
}

impl Script {
    /// The handshake with `address`, CONNECT with `auth`, and the event `join` with `data`.
    pub fn new(address: SocketAddr, auth: &Value, join: &str, data: &Value) -> Self {
        let upgrade = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
        );
        let event = json!([join, data]);
        Self {
            upgrade: upgrade.into_bytes(),
            connect: frame::masked_text(format!("40{auth}").as_bytes()),
            join: frame::masked_text(format!("420{event}").as_bytes()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Upgrading,
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
    stream: TcpStream,
    stage: Stage,
    partial: Vec<u8>,
}

impl Client {
    /// Connects the client `number` and asks for the upgrade.
    pub fn open(address: SocketAddr, number: usize, script: &Script) -> Result<Self> {
        let mut client = Self {
            order: Order::default(),
            stream: connect(address, number).map_err(Error::io(format!(
                "connecting client {number} to {address}"
            )))?,
            stage: Stage::Upgrading,
            partial: Vec::new(),
        };
        client.send(&script.upgrade)?;
        Ok(client)
    }

    /// Its connection, to be polled.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Reads what has come, until there is no more; counts what it means in `tally`.
    ///
    /// The end of a connection after the join is counted, one before it is an error.
    pub fn read(&mut self, buffer: &mut [u8], script: &Script, tally: &mut Tally) -> Result<()> {
        match self.read_all(buffer, script, tally) {
            Err(Error::Closed(_)) if self.stage == Stage::Joined => {
                self.stage = Stage::Gone;
                tally.leave(&self.order);
                Ok(())
            }
            Err(Error::Closed(_)) if self.stage == Stage::Gone => Ok(()),
            result => result,
        }
    }

    fn read_all(&mut self, buffer: &mut [u8], script: &Script, tally: &mut Tally) -> Result<()> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(Error::Closed("a client")),
                Ok(len) => {
                    self.take(&buffer[..len], script, tally)?;
                    // A short read has emptied the socket; epoll tells of what comes later.
                    if len < buffer.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Error::Closed("a client")),
            }
        }
    }

    fn take(&mut self, fresh: &[u8], script: &Script, tally: &mut Tally) -> Result<()> {
        if self.partial.is_empty() {
            let used = self.digest(fresh, script, tally)?;
            self.partial.extend_from_slice(&fresh[used..]);
        } else {
            let mut bytes = std::mem::take(&mut self.partial);
            bytes.extend_from_slice(fresh);
            let used = self.digest(&bytes, script, tally)?;
            bytes.drain(..used);
            self.partial = bytes;
        }
        Ok(())
    }

    /// Handles all that is whole in `bytes` and says how much that was.
    fn digest(&mut self, bytes: &[u8], script: &Script, tally: &mut Tally) -> Result<usize> {
        let now = unix_nanos();
        let mut used = 0;
        if self.stage == Stage::Upgrading {
            let Some(head) = Head::decode(bytes) else {
                return Ok(0);
            };
            check_upgrade(&head)?;
            used = head.len;
            self.stage = Stage::Opening;
        }
        while let Some(frame) = frame::decode(&bytes[used..]) {
            used += frame.len;
            self.accept(&frame, now, script, tally)?;
        }
        Ok(used)
    }

    fn accept(
        &mut self,
        frame: &Frame,
        now: u64,
        script: &Script,
        tally: &mut Tally,
    ) -> Result<()> {
        if frame.opcode == frame::TEXT {
            match Message::decode(frame.payload) {
                Some(message) => tally.deliver(&mut self.order, message, frame.payload.len(), now),
                None => return self.packet(frame.payload, script, tally),
            }
        }
        if frame.opcode == frame::CLOSE {
            return Err(Error::Closed("a client"));
        }
        Ok(())
    }

    fn packet(&mut self, packet: &[u8], script: &Script, tally: &mut Tally) -> Result<()> {
        match self.stage {
            _ if packet == b"2" => self.send(&frame::masked_text(b"3")),
            Stage::Opening if packet.starts_with(b"0") => {
                self.stage = Stage::Connecting;
                self.send(&script.connect)
            }
            Stage::Connecting if packet.starts_with(b"40") => {
                self.stage = Stage::Joining;
                self.send(&script.join)
            }
            Stage::Joining if packet.starts_with(b"430") && !refuses(packet) => {
                self.stage = Stage::Joined;
                tally.joined += 1;
                Ok(())
            }
            Stage::Connecting | Stage::Joining if is_refusal(packet) => {
                Err(Error::Answer(String::from_utf8_lossy(packet).into_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Writes a few bytes, for which a socket always has room as long as the server reads.
    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match self.stream.write(bytes) {
            Ok(len) if len == bytes.len() => Ok(()),
            Ok(_) => Err(Error::Answer("the server does not read".into())),
            Err(_) => Err(Error::Closed("a client")),
        }
    }
}

fn connect(address: SocketAddr, number: usize) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.ip() == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (number % SOURCES) as u8);
        socket.bind(&SocketAddr::from((source, 0)).into())?;
    }
    socket.connect(&address.into())?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(TcpStream::from_std(socket.into()))
}

fn check_upgrade(head: &Head) -> Result<()> {
    let accepted = head.header("sec-websocket-accept") == Some(ACCEPT);
    if accepted && head.start_line().starts_with("HTTP/1.1 101") {
        Ok(())
    } else {
        Err(Error::Answer(format!(
            "{:?} to the upgrade",
            head.start_line()
        )))
    }
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
