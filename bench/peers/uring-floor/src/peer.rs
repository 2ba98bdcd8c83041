//! A connection: HTTP first, and WebSocket after an upgrade; no more of both than `load` needs.

use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use serde_json::Value;
use sha1::{Digest, Sha1};
use socket2::SockRef;

use crate::frame;
use crate::http::Head;
use crate::message::Message;

/// What RFC 6455, section 1.3, appends to the key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const OPEN: &str = r#"0{"sid":"floor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// A connection.
pub(crate) struct Peer {
    stream: Rc<TcpStream>,
    partial: Vec<u8>,
    stage: Stage,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Http,
    WebSocket,
    Joined,
}

/// What a `POST /broadcast` asks for.
pub(crate) struct Order {
    pub(crate) count: u64,
    pub(crate) interval: Duration,
    size: usize,
}

impl Order {
    fn decode(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        Some(Self {
            count: body["count"].as_u64()?,
            size: body["size"].as_u64()? as usize,
            interval: Duration::from_micros(body["interval_us"].as_u64()?),
        })
    }

    /// The frame of the message `seq`, made now.
    pub(crate) fn frame(&self, seq: u64) -> Vec<u8> {
        frame::text(Message::now(seq).payload(self.size).as_bytes())
    }
}

impl Peer {
    pub(crate) fn new(
        mut stream: TcpStream,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE)?;
        Ok(Self {
            stream: Rc::new(stream),
            partial: Vec::new(),
            stage: Stage::Http,
        })
    }

    pub(crate) fn is_joined(&self) -> bool {
        self.stage == Stage::Joined
    }

    pub(crate) fn stream(&self) -> Rc<TcpStream> {
        Rc::clone(&self.stream)
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<Order>> {
        let len = match (&*self.stream).read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            result => result?,
        };
        self.partial.extend_from_slice(&buffer[..len]);
        let bytes = std::mem::take(&mut self.partial);
        let (used, order) = match self.stage {
            Stage::Http => self.http(&bytes)?,
            _ => (self.frames(&bytes)?, None),
        };
        // An idle client owns no buffer.
        if used < bytes.len() {
            self.partial = bytes[used..].to_vec();
        }
        Ok(order)
    }

    /// Answers `POST /broadcast`.
    pub(crate) fn answer(&self, order: &Order) -> io::Result<()> {
        let body = format!(r#"{{"broadcasts":{}}}"#, order.count);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        self.write((head + &body).as_bytes())
    }

    /// Writes what a send has left of `frame`, waiting for room.
    pub(crate) fn finish(&self, frame: &[u8], sent: io::Result<usize>) -> io::Result<()> {
        let sent = match sent {
            Ok(sent) if sent == frame.len() => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            result => result?,
        };
        SockRef::from(&*self.stream).set_nonblocking(false)?;
        let result = (&*self.stream).write_all(&frame[sent..]);
        SockRef::from(&*self.stream).set_nonblocking(true)?;
        result
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let sent = (&*self.stream).write(bytes);
        self.finish(bytes, sent)
    }

    /// Handles one request, once it is whole; says how many bytes it took.
    fn http(&mut self, bytes: &[u8]) -> io::Result<(usize, Option<Order>)> {
        let Some(head) = Head::decode(bytes) else {
            return Ok((0, None));
        };
        if let Some(key) = head.header("sec-websocket-key") {
            self.upgrade(key)?;
            return Ok((head.len, None));
        }
        let Some(body) = bytes.get(head.len..head.len + head.content_length()) else {
            return Ok((0, None));
        };
        match Order::decode(body) {
            Some(order) if head.start_line().starts_with("POST /broadcast ") => {
                Ok((head.len + body.len(), Some(order)))
            }
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }

    fn upgrade(&mut self, key: &str) -> io::Result<()> {
        let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n\r\n",
            STANDARD.encode(digest)
        );
        self.stage = Stage::WebSocket;
        self.write(&[head.into_bytes(), frame::text(OPEN.as_bytes())].concat())
    }

    fn frames(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut used = 0;
        while let Some(frame) = frame::decode(&bytes[used..]) {
            used += frame.len;
            if frame.opcode == frame::CLOSE {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            self.packet(&frame.unmasked())?;
        }
        Ok(used)
    }

    /// Answers CONNECT, and takes any event that wants an ack for a join.
    fn packet(&mut self, packet: &[u8]) -> io::Result<()> {
        if packet.starts_with(b"40") {
            return self.write(&frame::text(br#"40{"sid":"floor"}"#));
        }
        let Some(event) = packet.strip_prefix(b"42") else {
            return Ok(());
        };
        self.stage = Stage::Joined;
        let digits = event.iter().take_while(|byte| byte.is_ascii_digit());
        let id = String::from_utf8_lossy(&event[..digits.count()]);
        let ack = frame::text(format!("43{id}[]").as_bytes());
        self.write(&[frame::text(br#"42["joined"]"#), ack].concat())
    }
}
