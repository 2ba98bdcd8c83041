//! A client whose every byte a job decides on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::http::{Head, Response};
use crate::{Error, Result, frame, link};

/// Source addresses, 127.0.0.2 and up: each has its own ports, and those of closed connections rest for a minute.
const SOURCES: usize = 64;
/// How much is read at a time.
const READ: usize = 16 * 1024;
/// Connections that are being opened at a time: a listener's backlog has room for so many, and none waits for the kernel
/// to ask a second time.
pub const OPENING: usize = 64;
/// How long a server may take to answer before the job gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Connects the client `number` over TCP; `buffer` is how many bytes its kernel may receive for it.
pub async fn dial(address: SocketAddr, number: usize, buffer: Option<u32>) -> Result<TcpStream> {
    let dialed = async {
        let socket = TcpSocket::new_v4()?;
        if let Some(buffer) = buffer {
            socket.set_recv_buffer_size(buffer)?;
        }
        let source = Ipv4Addr::new(127, 0, 0, 2 + (number % SOURCES) as u8);
        socket.bind((IpAddr::V4(source), 0).into())?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    let dialed = within(PATIENCE, "connecting", dialed).await?;
    dialed.map_err(Error::io(format!("connecting client {number}")))
}

/// Waits no longer than `limit`.
pub async fn within<T>(limit: Duration, what: &str, action: impl Future<Output = T>) -> Result<T> {
    timeout(limit, action).await.map_err(|_| Error::Stalled {
        what: what.to_owned(),
        seconds: limit.as_secs(),
    })
}

/// Ends a connection with a TCP reset.
pub fn reset(stream: TcpStream) -> Result<()> {
    let reset = stream.set_zero_linger();
    reset.map_err(Error::io("resetting a connection"))
}

/// A connection for HTTP requests, one after the other.
#[derive(Debug)]
pub struct Http {
    stream: TcpStream,
    address: SocketAddr,
    received: Vec<u8>,
}

impl Http {
    /// Connects the client `number`.
    pub async fn open(address: SocketAddr, number: usize) -> Result<Self> {
        Ok(Self {
            stream: dial(address, number, None).await?,
            address,
            received: Vec::new(),
        })
    }

    /// The body of the answer to a GET.
    pub async fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        let address = self.address;
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
            .await?;
        self.body().await
    }

    /// The body of the answer to a POST.
    pub async fn post(&mut self, path: &str, kind: &str, body: &str) -> Result<Vec<u8>> {
        self.begin_post(path, kind, body.len()).await?;
        self.send(body).await?;
        self.body().await
    }

    /// Sends the head of a POST.
    pub async fn begin_post(&mut self, path: &str, kind: &str, length: usize) -> Result<()> {
        let address = self.address;
        self.send(format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await
    }

    /// The sid of a new polling session.
    pub async fn handshake(&mut self) -> Result<String> {
        let open = self.get("/socket.io/?EIO=4&transport=polling").await?;
        link::sid(&open)
    }

    /// A new polling session that is connected to `/`; its answer waits to be polled.
    pub async fn connect(&mut self) -> Result<String> {
        let sid = self.handshake().await?;
        let path = polling(&sid);
        self.post(&path, "text/plain", "40{}").await?;
        let answer = self.get(&path).await?;
        match answer.starts_with(b"40") {
            true => Ok(sid),
            false => Err(unexpected(&answer)),
        }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        let written = self.stream.write_all(bytes.as_ref()).await;
        written.map_err(|_| Error::Closed("an HTTP connection"))
    }

    /// The connection itself.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    async fn body(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(response) = Response::decode(&self.received) {
                if !response.is_ok() {
                    return Err(unexpected(&self.received));
                }
                let (len, body) = (response.len, response.body.into_owned());
                self.received.drain(..len);
                return Ok(body);
            }
            let read = self.stream.read_buf(&mut self.received);
            match within(PATIENCE * 4, "waiting for a response", read).await? {
                Ok(1..) => {}
                _ => return Err(Error::Closed("an HTTP connection")),
            }
        }
    }
}

/// Where a polling session is.
pub fn polling(sid: &str) -> String {
    format!("/socket.io/?EIO=4&transport=polling&sid={sid}")
}

fn unexpected(bytes: &[u8]) -> Error {
    Error::Answer(String::from_utf8_lossy(bytes).into_owned())
}

/// A WebSocket.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    received: Vec<u8>,
    /// How much of `received` has been taken.
    taken: usize,
    /// The code of the close frame, once it has come.
    code: Option<u16>,
}

impl Peer {
    /// Opens a session on a WebSocket and reads its open packet.
    pub async fn open(address: SocketAddr, number: usize, buffer: Option<u32>) -> Result<Self> {
        let mut peer = Self::upgrade(address, number, buffer, None).await?;
        let open = peer.packet().await?;
        link::sid(open.as_bytes())?;
        Ok(peer)
    }

    /// A WebSocket, for the session `sid` or for a new one.
    pub async fn upgrade(
        address: SocketAddr,
        number: usize,
        buffer: Option<u32>,
        sid: Option<&str>,
    ) -> Result<Self> {
        let mut peer = Self {
            stream: dial(address, number, buffer).await?,
            received: Vec::new(),
            taken: 0,
            code: None,
        };
        peer.write(&link::upgrade(address, sid)).await?;
        loop {
            if let Some(head) = Head::decode(&peer.received) {
                link::check_upgrade(&head)?;
                peer.taken = head.len;
                return Ok(peer);
            }
            within(PATIENCE, "waiting for an upgrade", peer.fill()).await??;
        }
    }

    /// Opens a session and connects to `/` with this auth.
    pub async fn connect(address: SocketAddr, number: usize, auth: &Value) -> Result<Self> {
        let mut peer = Self::open(address, number, None).await?;
        peer.enter(auth).await?;
        Ok(peer)
    }

    /// Connects to `/` with this auth, and returns the sid there.
    pub async fn enter(&mut self, auth: &Value) -> Result<String> {
        self.send(&format!("40{auth}")).await?;
        let answer = self.packet().await?;
        match answer.starts_with("40") {
            true => link::sid(&answer.as_bytes()[1..]),
            false => Err(Error::Answer(answer)),
        }
    }

    /// Sends an event that wants the acknowledgement `id`, and waits for that; what comes before it is passed over.
    pub async fn ask(&mut self, id: u64, event: &Value) -> Result<Value> {
        self.send(&format!("42{id}{event}")).await?;
        let prefix = format!("43{id}[");
        loop {
            let packet = self.packet().await?;
            if packet.starts_with(&prefix) {
                let args = &packet[prefix.len() - 1..];
                return serde_json::from_str(args).map_err(|_| Error::Answer(packet.clone()));
            }
        }
    }

    /// Sends a packet.
    pub async fn send(&mut self, packet: &str) -> Result<()> {
        self.write(&frame::masked_text(packet.as_bytes())).await
    }

    /// The next packet that is no ping; pings are answered.
    pub async fn packet(&mut self) -> Result<String> {
        loop {
            match self.take()? {
                Some(packet) if packet == "2" => self.send("3").await?,
                Some(packet) => return Ok(packet),
                None => within(PATIENCE, "waiting for a packet", self.fill()).await??,
            }
        }
    }

    /// Waits for what comes, shows each packet to `take`, and answers pings.
    pub async fn read(&mut self, mut take: impl FnMut(&[u8])) -> Result<()> {
        self.fill().await?;
        let mut pings = 0;
        while let Some(frame) = frame::decode(&self.received[self.taken..]) {
            self.taken += frame.len;
            match frame.opcode {
                frame::TEXT if frame.payload == b"2" => pings += 1,
                frame::TEXT => take(frame.payload),
                frame::CLOSE => {
                    self.code = code(frame.payload);
                    return Err(Error::Closed("a client"));
                }
                _ => {}
            }
        }
        for _ in 0..pings {
            self.send("3").await?;
        }
        Ok(())
    }

    /// Takes exactly so many bytes from the kernel, for later.
    pub async fn sip(&mut self, bytes: usize) -> Result<()> {
        let start = self.received.len();
        self.received.resize(start + bytes, 0);
        let read = self.stream.read_exact(&mut self.received[start..]);
        let read = within(PATIENCE, "waiting for bytes", read).await?;
        read.map(drop).map_err(|_| Error::Closed("a client"))
    }

    /// Waits for the end without answering anything, pings neither; the code of the close frame, if there was one.
    pub async fn ended(&mut self) -> Option<u16> {
        loop {
            while let Ok(Some(_)) = self.take() {}
            if self.fill().await.is_err() {
                return self.code;
            }
        }
    }

    /// Its address, as the server sees it.
    pub fn address(&self) -> Result<SocketAddr> {
        let address = self.stream.local_addr();
        address.map_err(Error::io("asking for an address"))
    }

    /// The code of the close frame, if it has come.
    pub fn code(&self) -> Option<u16> {
        self.code
    }

    /// The connection itself.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// The next packet that is there.
    fn take(&mut self) -> Result<Option<String>> {
        while let Some(frame) = frame::decode(&self.received[self.taken..]) {
            self.taken += frame.len;
            match frame.opcode {
                frame::TEXT => {
                    return Ok(Some(String::from_utf8_lossy(frame.payload).into_owned()));
                }
                frame::CLOSE => {
                    self.code = code(frame.payload);
                    return Err(Error::Closed("a client"));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    async fn fill(&mut self) -> Result<()> {
        self.received.drain(..self.taken);
        self.taken = 0;
        self.received.reserve(READ);
        match self.stream.read_buf(&mut self.received).await {
            Ok(1..) => Ok(()),
            _ => Err(Error::Closed("a client")),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.stream.write_all(bytes).await;
        written.map_err(|_| Error::Closed("a client"))
    }
}

fn code(payload: &[u8]) -> Option<u16> {
    payload.first_chunk().copied().map(u16::from_be_bytes)
}
