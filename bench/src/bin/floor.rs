//! The write floor: what a delivery costs in a program that does nothing but `write` the ready frame to each socket.
//!
//! It provides what `load` asks of a server, and no more: every client is in the one room, nothing is parsed that
//! need not be, no pings are sent, and a socket that is full is waited for.
//!
//! `floor` writes each frame by itself; `floor --batch N` hands the socket N frames in one `writev`, where N are at hand
//! (in a series without pauses).

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bench::args::Args;
use bench::http::Head;
use bench::message::Message;
use bench::series::{Series, Target};
use bench::{Error, Result, frame};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use sha1::{Digest, Sha1};
use socket2::SockRef;

const LISTENER: Token = Token(usize::MAX - 1);
/// What RFC 6455, section 1.3, appends to the key.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const OPEN: &str = r#"0{"sid":"floor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "error: {}\nhelp: BIND=127.0.0.1:8000 floor [--batch N]",
                error.chain()
            );
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<()> {
    let args = Args::parse(std::env::args().skip(1), &["batch"], &[])?;
    let batch = args.number("batch", 1, 1024)?;
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8000".into());
    let address = bind
        .parse()
        .map_err(|_| Error::Option(format!("BIND takes an address and a port, not {bind:?}")))?;
    rlimit::increase_nofile_limit(u64::MAX)
        .map_err(Error::io("raising the limit on open files"))?;
    Floor::bind(address, batch)
        .and_then(Floor::serve)
        .map_err(Error::io("serving"))
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    peers: Vec<Option<Peer>>,
    batch: usize,
}

/// A connection: HTTP first, and WebSocket after an upgrade.
struct Peer {
    stream: TcpStream,
    partial: Vec<u8>,
    stage: Stage,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Http,
    WebSocket,
    Joined,
}

impl Floor {
    fn bind(address: SocketAddr, batch: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            peers: Vec::new(),
            batch: batch.max(1),
        })
    }

    fn serve(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(number) => self.read(number, &mut buffer),
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let peer = Peer::new(stream, self.poll.registry(), Token(self.peers.len()))?;
                    self.peers.push(Some(peer));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads what a peer sent; a peer that fails is dropped.
    fn read(&mut self, number: usize, buffer: &mut [u8]) {
        let Some(peer) = &mut self.peers[number] else {
            return;
        };
        match peer.read(buffer) {
            Ok(None) => {}
            Ok(Some(order)) => self.broadcast(&order, number),
            Err(_) => self.peers[number] = None,
        }
    }

    fn broadcast(&mut self, order: &Series, asker: usize) {
        let started = Instant::now();
        let batch = if order.interval.is_zero() {
            self.batch as u64
        } else {
            1
        };
        let mut seq = 0;
        while seq < order.count {
            let due = started + order.interval * seq as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let end = order.count.min(seq + batch);
            self.deliver(
                &(seq..end)
                    .map(|seq| ready_frame(order, seq))
                    .collect::<Vec<_>>(),
            );
            seq = end;
        }
        let body = format!(r#"{{"broadcasts":{}}}"#, order.count);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        if let Some(peer) = &mut self.peers[asker]
            && write(&mut peer.stream, &[(head + &body).into_bytes()]).is_err()
        {
            self.peers[asker] = None;
        }
    }

    fn deliver(&mut self, frames: &[Vec<u8>]) {
        for slot in &mut self.peers {
            if let Some(peer) = slot
                && peer.stage == Stage::Joined
                && write(&mut peer.stream, frames).is_err()
            {
                *slot = None;
            }
        }
    }
}

fn ready_frame(series: &Series, seq: u64) -> Vec<u8> {
    frame::text(Message::now(seq).payload(series.size).as_bytes())
}

impl Peer {
    fn new(mut stream: TcpStream, registry: &Registry, token: Token) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE)?;
        Ok(Self {
            stream,
            partial: Vec::new(),
            stage: Stage::Http,
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<Series>> {
        let len = match self.stream.read(buffer) {
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

    /// Handles one request, once it is whole; says how many bytes it took.
    fn http(&mut self, bytes: &[u8]) -> io::Result<(usize, Option<Series>)> {
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
        match Series::decode(body) {
            Some(
                order @ Series {
                    target: Target::Room(_),
                    ..
                },
            ) if head.start_line().starts_with("POST /broadcast ") => {
                Ok((head.len + body.len(), Some(order)))
            }
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }

    fn upgrade(&mut self, key: &str) -> io::Result<()> {
        let accept = STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        self.stage = Stage::WebSocket;
        write(
            &mut self.stream,
            &[head.into_bytes(), frame::text(OPEN.as_bytes())],
        )
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
            return self.send(&[r#"40{"sid":"floor"}"#]);
        }
        let Some(event) = packet.strip_prefix(b"42") else {
            return Ok(());
        };
        self.stage = Stage::Joined;
        let digits = event
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let id = String::from_utf8_lossy(&event[..digits]);
        self.send(&[r#"42["joined"]"#, &format!("43{id}[]")])
    }

    fn send(&mut self, packets: &[&str]) -> io::Result<()> {
        let frames: Vec<_> = packets
            .iter()
            .map(|packet| frame::text(packet.as_bytes()))
            .collect();
        write(&mut self.stream, &frames)
    }
}

/// One `write`, or one `writev` of several frames; a full socket is waited for.
fn write(stream: &mut TcpStream, frames: &[Vec<u8>]) -> io::Result<()> {
    let (len, result) = match frames {
        [frame] => (frame.len(), stream.write(frame)),
        frames => {
            let slices: Vec<_> = frames.iter().map(|frame| IoSlice::new(frame)).collect();
            let len = slices.iter().map(|slice| slice.len()).sum();
            (len, stream.write_vectored(&slices))
        }
    };
    match result {
        Ok(written) if written == len => Ok(()),
        Ok(written) => finish(stream, frames, written),
        Err(error) if error.kind() == ErrorKind::WouldBlock => finish(stream, frames, 0),
        Err(error) => Err(error),
    }
}

/// Writes what is left after `written` bytes, waiting for room.
fn finish(stream: &mut TcpStream, frames: &[Vec<u8>], written: usize) -> io::Result<()> {
    SockRef::from(&*stream).set_nonblocking(false)?;
    let result = stream.write_all(&frames.concat()[written..]);
    SockRef::from(&*stream).set_nonblocking(true)?;
    result
}
