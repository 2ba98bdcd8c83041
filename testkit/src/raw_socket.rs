//! A WebSocket client that sends whatever the test says.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::{self, Connection, Response};
use crate::{Frame, TIMEOUT};

/// The nonce of RFC 6455's example handshake and the answer that it must get (section 1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A raw WebSocket connection.
///
/// [`recv`](Self::recv) gives every frame as it comes; [`recv_text`](Self::recv_text) reads messages and answers the
/// heartbeats of Engine.IO and WebSocket on the way.
#[derive(Debug)]
pub struct RawSocket {
    stream: BufReader<TcpStream>,
    limit: Duration,
    open: Value,
    sid: String,
}

impl RawSocket {
    /// Opens a WebSocket at this path with these extra headers.
    ///
    /// # Errors
    ///
    /// The HTTP response of a server that refuses. Panics when there is no valid response at all.
    pub async fn connect(
        addr: SocketAddr,
        path_and_query: &str,
        extra_headers: &[(&str, &str)],
    ) -> Result<Self, Response> {
        let mut head = format!(
            "GET {path_and_query} HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
        );
        for (name, value) in extra_headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");

        let mut connection = Connection::open(addr).await;
        connection.send(head).await;
        let response = connection.response().await.unwrap_or_else(|error| {
            panic!("no response to the WebSocket handshake at {addr}: {error}")
        });
        if response.status != 101 {
            return Err(response);
        }
        let accept = response.header("sec-websocket-accept");
        assert_eq!(
            accept,
            Some(ACCEPT),
            "wrong Sec-WebSocket-Accept in {response:?}"
        );
        Ok(Self {
            stream: connection.into_stream(),
            limit: TIMEOUT,
            open: Value::Null,
            sid: String::new(),
        })
    }

    /// Opens an Engine.IO session at `/socket.io/` and reads its open packet, see [`open_packet`](Self::open_packet).
    pub async fn engineio(addr: SocketAddr) -> Self {
        let mut socket = Self::connect(addr, "/socket.io/?EIO=4&transport=websocket", &[])
            .await
            .unwrap_or_else(|response| panic!("the WebSocket handshake was refused: {response:?}"));
        let packet = socket.recv_text().await;
        socket.open = packet
            .strip_prefix('0')
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_else(|| panic!("expected an open packet, received {packet:?}"));
        socket
    }

    /// Opens an Engine.IO session and connects to the namespace `/` with this auth payload, `""` for none.
    ///
    /// ```no_run
    /// # async fn example(addr: std::net::SocketAddr) {
    /// let mut alice = testkit::RawSocket::socketio(addr, serde_json::json!({"token": "alice"})).await;
    /// alice.send_text(r#"42["join_chat",{"chat_id":"1"}]"#).await;
    /// alice.expect_text(r#"42["joined"]"#).await;
    /// # }
    /// ```
    pub async fn socketio(addr: SocketAddr, auth: impl ToString) -> Self {
        let mut socket = Self::engineio(addr).await;
        socket.send_text(format!("40{}", auth.to_string())).await;
        let packet = socket.recv_text().await;
        socket.sid = packet
            .strip_prefix("40")
            .and_then(|json| serde_json::from_str::<Value>(json).ok())
            .and_then(|connected| Some(connected["sid"].as_str()?.to_owned()))
            .unwrap_or_else(|| panic!("expected 40{{\"sid\":…}}, received {packet:?}"));
        socket
    }

    /// The JSON of the Engine.IO open packet; null on a socket made by [`connect`](Self::connect).
    pub fn open_packet(&self) -> &Value {
        &self.open
    }

    /// The Socket.IO session id in `/`; empty on a socket not made by [`socketio`](Self::socketio).
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Sets how long to wait for the server, [`TIMEOUT`] at first.
    pub fn set_timeout(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Sends a text message in one frame.
    pub async fn send_text(&mut self, payload: impl Into<String>) {
        self.send_frame(Frame::text(payload)).await;
    }

    /// Sends a binary message in one frame.
    pub async fn send_binary(&mut self, payload: impl Into<Vec<u8>>) {
        self.send_frame(Frame::binary(payload)).await;
    }

    /// Sends a frame, however wrong.
    pub async fn send_frame(&mut self, frame: Frame) {
        self.send_bytes(frame.encode()).await;
    }

    /// Sends bytes that need not be frames.
    ///
    /// A peer that is already gone is no error in any `send_*`, because it may have said why: the next read tells.
    pub async fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) {
        // Nothing can be learned from a failed write that the next read does not say.
        let _gone = self.stream.get_mut().write_all(bytes.as_ref()).await;
    }

    /// The next frame, whatever it is.
    pub async fn recv(&mut self) -> Frame {
        match self.read().await {
            Ok(Some(frame)) => frame,
            Ok(None) => panic!("the connection ended while the test waited for a frame"),
            Err(error) => {
                panic!("the connection failed while the test waited for a frame: {error}")
            }
        }
    }

    /// The next text message; answers pings of Engine.IO (`2`) and of WebSocket before it, panics at anything else.
    pub async fn recv_text(&mut self) -> String {
        loop {
            let text = self.recv_any_text().await;
            if text != "2" {
                return text;
            }
            self.send_text("3").await;
        }
    }

    /// The next binary message; answers pings as [`recv_text`](Self::recv_text) does.
    pub async fn recv_binary(&mut self) -> Vec<u8> {
        loop {
            let frame = self.recv_data().await;
            if frame
                == (Frame {
                    masked: false,
                    ..Frame::text("2")
                })
            {
                self.send_text("3").await;
                continue;
            }
            assert_eq!(
                frame.opcode,
                Frame::BINARY,
                "expected a binary message, received {frame:?}"
            );
            return frame.payload;
        }
    }

    /// Asserts that the next text message is this one; `"2"` waits for a ping and leaves the answer to the test.
    pub async fn expect_text(&mut self, expected: &str) {
        let text = match expected {
            "2" => self.recv_any_text().await,
            _ => self.recv_text().await,
        };
        assert_eq!(text, expected);
    }

    /// Waits for the end: the code of the close frame (1005 when it has none), or `None` when TCP just ended.
    ///
    /// Data frames before the end are dropped; read them first if they matter.
    pub async fn expect_close(&mut self) -> Option<u16> {
        loop {
            match self.read().await {
                Ok(Some(frame)) if frame.opcode == Frame::CLOSE => {
                    return Some(match frame.payload[..] {
                        [high, low, ..] => u16::from_be_bytes([high, low]),
                        _ => 1005,
                    });
                }
                Ok(Some(_)) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    panic!("the connection was still open after {:?}", self.limit)
                }
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Ends the connection with a TCP reset, no close frame.
    pub fn reset(self) {
        http::reset(self.stream.into_inner());
    }

    async fn recv_any_text(&mut self) -> String {
        let frame = self.recv_data().await;
        assert_eq!(
            frame.opcode,
            Frame::TEXT,
            "expected a text message, received {frame:?}"
        );
        String::from_utf8(frame.payload)
            .unwrap_or_else(|error| panic!("a text message is not UTF-8: {error}"))
    }

    /// The next message that is not a WebSocket ping or pong.
    async fn recv_data(&mut self) -> Frame {
        loop {
            let frame = self.recv().await;
            assert!(frame.fin, "received a fragment: {frame:?}");
            match frame.opcode {
                Frame::PING => {
                    self.send_frame(Frame::new(Frame::PONG, frame.payload))
                        .await
                }
                Frame::PONG => {}
                _ => return frame,
            }
        }
    }

    async fn read(&mut self) -> io::Result<Option<Frame>> {
        timeout(self.limit, Frame::read(&mut self.stream)).await?
    }
}
