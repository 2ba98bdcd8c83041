//! The connection of one client: Engine.IO v4 over WebSocket or polling, as far as a load needs it.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::net::TcpStream;
use socket2::{Domain, Socket, Type};

use crate::frame;
use crate::http::{Head, Response};
use crate::{Error, Result};

/// Source addresses, 127.0.0.2 and up: each has its own ports.
const SOURCES: usize = 8;

/// Key and answer of the example in RFC 6455, section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Between the packets of a polling body (Engine.IO protocol v4, "Payload").
const SEPARATOR: u8 = 0x1e;

/// How packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// WebSocket from the start.
    WebSocket,
    /// Long polling, on one connection.
    Polling,
}

/// A connection.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    partial: Vec<u8>,
    protocol: Protocol,
}

#[derive(Debug)]
enum Protocol {
    /// The handshake of the WebSocket has been sent.
    Upgrading,
    WebSocket,
    Polling(Polling),
}

#[derive(Debug)]
struct Polling {
    address: SocketAddr,
    sid: String,
    /// Packets for the next POST.
    outgoing: Vec<u8>,
    posting: bool,
}

impl Link {
    /// Connects the client `number` and asks for a session.
    pub fn open(address: SocketAddr, number: usize, transport: Transport) -> Result<Self> {
        let stream = connect(address, number).map_err(Error::io(format!(
            "connecting client {number} to {address}"
        )))?;
        let mut link = Self {
            stream,
            partial: Vec::new(),
            protocol: match transport {
                Transport::WebSocket => Protocol::Upgrading,
                Transport::Polling => Protocol::Polling(Polling::new(address)),
            },
        };
        let request = match &link.protocol {
            Protocol::Polling(polling) => polling.get(),
            _ => upgrade(address, None),
        };
        link.write(&request)?;
        Ok(link)
    }

    /// Its connection, to be polled.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Reads what has come, until there is no more; shows each packet to `take` and sends what it answers.
    pub fn read(
        &mut self,
        buffer: &mut [u8],
        take: &mut impl FnMut(&[u8]) -> Result<Option<Vec<u8>>>,
    ) -> Result<()> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(Error::Closed("a client")),
                Ok(len) => {
                    self.digest_all(&buffer[..len], take)?;
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

    /// Sends a packet; over polling with the next POST.
    pub fn send(&mut self, packet: &[u8]) -> Result<()> {
        match &mut self.protocol {
            Protocol::Polling(polling) => {
                polling.queue(packet);
                Ok(())
            }
            _ => self.write(&frame::masked_text(packet)),
        }
    }

    fn digest_all(
        &mut self,
        fresh: &[u8],
        take: &mut impl FnMut(&[u8]) -> Result<Option<Vec<u8>>>,
    ) -> Result<()> {
        if self.partial.is_empty() {
            let used = self.digest(fresh, take)?;
            self.partial.extend_from_slice(&fresh[used..]);
        } else {
            let mut bytes = std::mem::take(&mut self.partial);
            bytes.extend_from_slice(fresh);
            let used = self.digest(&bytes, take)?;
            bytes.drain(..used);
            self.partial = bytes;
        }
        Ok(())
    }

    /// Handles all that is whole in `bytes` and says how much that was.
    fn digest(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(&[u8]) -> Result<Option<Vec<u8>>>,
    ) -> Result<usize> {
        let mut used = 0;
        if let Protocol::Upgrading = self.protocol {
            let Some(head) = Head::decode(bytes) else {
                return Ok(0);
            };
            check_upgrade(&head)?;
            used = head.len;
            self.protocol = Protocol::WebSocket;
        }
        if let Protocol::Polling(_) = self.protocol {
            return self.digest_responses(bytes, take);
        }
        while let Some(frame) = frame::decode(&bytes[used..]) {
            used += frame.len;
            match frame.opcode {
                frame::TEXT => {
                    if let Some(answer) = take(frame.payload)? {
                        self.send(&answer)?;
                    }
                }
                frame::CLOSE => return Err(Error::Closed("a client")),
                _ => {}
            }
        }
        Ok(used)
    }

    fn digest_responses(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(&[u8]) -> Result<Option<Vec<u8>>>,
    ) -> Result<usize> {
        let mut used = 0;
        while let (Protocol::Polling(polling), Some(response)) =
            (&mut self.protocol, Response::decode(&bytes[used..]))
        {
            used += response.len;
            if !response.is_ok() {
                let text = String::from_utf8_lossy(&response.body).into_owned();
                return Err(Error::Answer(text));
            }
            let next = polling.answer(&response.body, take)?;
            self.write(&next)?;
        }
        Ok(used)
    }

    /// Writes a few bytes, for which a socket always has room as long as the server reads.
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.stream.write(bytes) {
            Ok(len) if len == bytes.len() => Ok(()),
            Ok(_) => Err(Error::Answer("the server does not read".into())),
            Err(_) => Err(Error::Closed("a client")),
        }
    }
}

impl Polling {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            sid: String::new(),
            outgoing: Vec::new(),
            posting: false,
        }
    }

    fn queue(&mut self, packet: &[u8]) {
        if !self.outgoing.is_empty() {
            self.outgoing.push(SEPARATOR);
        }
        self.outgoing.extend_from_slice(packet);
    }

    /// Takes the packets of a response and returns the request that follows it.
    fn answer(
        &mut self,
        body: &[u8],
        take: &mut impl FnMut(&[u8]) -> Result<Option<Vec<u8>>>,
    ) -> Result<Vec<u8>> {
        if !self.posting {
            for packet in body.split(|&byte| byte == SEPARATOR) {
                if self.sid.is_empty() {
                    self.sid = sid(packet)?;
                }
                if let Some(answer) = take(packet)? {
                    self.queue(&answer);
                }
            }
        }
        self.posting = !self.outgoing.is_empty();
        Ok(match self.posting {
            true => self.post(),
            false => self.get(),
        })
    }

    fn get(&self) -> Vec<u8> {
        let (address, path) = (self.address, self.path());
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes()
    }

    fn post(&mut self) -> Vec<u8> {
        let (address, path) = (self.address, self.path());
        let body = std::mem::take(&mut self.outgoing);
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.into_bytes(), body].concat()
    }

    fn path(&self) -> String {
        let sid = match self.sid.is_empty() {
            true => String::new(),
            false => format!("&sid={}", self.sid),
        };
        format!("/socket.io/?EIO=4&transport=polling{sid}")
    }
}

/// The sid in an open packet.
pub(crate) fn sid(packet: &[u8]) -> Result<String> {
    let open = packet.strip_prefix(b"0").unwrap_or_default();
    let open: serde_json::Value = serde_json::from_slice(open).unwrap_or_default();
    match open["sid"].as_str() {
        Some(sid) => Ok(sid.to_owned()),
        None => Err(Error::Answer(String::from_utf8_lossy(packet).into_owned())),
    }
}

/// The request for a WebSocket, to be a session of its own or to take over one that polls.
pub(crate) fn upgrade(address: SocketAddr, sid: Option<&str>) -> Vec<u8> {
    let sid = sid.map_or(String::new(), |sid| format!("&sid={sid}"));
    format!(
        "GET /socket.io/?EIO=4&transport=websocket{sid} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
    .into_bytes()
}

/// Whether a response consents to the upgrade.
pub(crate) fn check_upgrade(head: &Head) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_is_followed_by_what_was_answered_and_then_by_a_poll() {
        let mut polling = Polling::new(([127, 0, 0, 1], 80).into());
        let mut connect = |_: &[u8]| Ok(Some(b"40{}".to_vec()));
        let next = polling.answer(br#"0{"sid":"abc"}"#, &mut connect).unwrap();
        let next = String::from_utf8(next).unwrap();
        assert!(next.starts_with("POST /socket.io/?EIO=4&transport=polling&sid=abc "));
        assert!(next.ends_with("Content-Length: 4\r\n\r\n40{}"));
        let next = polling.answer(b"ok", &mut |_| unreachable!()).unwrap();
        assert!(next.starts_with(b"GET /socket.io/?EIO=4&transport=polling&sid=abc "));
    }

    #[test]
    fn each_packet_of_a_body_is_taken() {
        let mut polling = Polling::new(([127, 0, 0, 1], 80).into());
        polling.sid = "abc".into();
        let mut taken = Vec::new();
        let mut take = |packet: &[u8]| {
            taken.push(packet.to_vec());
            Ok(None)
        };
        polling.answer(b"2\x1e42[]", &mut take).unwrap();
        assert_eq!(taken, [&b"2"[..], b"42[]"]);
    }
}
