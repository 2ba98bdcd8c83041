//! HTTP/1.1 with every byte in the test's hands.
//!
//! [`get`] and [`post`] are for ordinary requests, [`request`] sends any bytes on a connection of its own, and a
//! [`Connection`] stays open: for keep-alive, pipelining, or a request that is never finished.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::TIMEOUT;

/// A parsed HTTP response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case and values, in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// The body, chunks joined.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    /// The body as text, wrong UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; panics when it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("body is not JSON ({error}): {self:?}"))
    }
}

/// `GET path` on a connection of its own.
pub async fn get(addr: SocketAddr, path: &str) -> Response {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    request(addr, head).await
}

/// `POST path` on a connection of its own.
///
/// A body that starts like JSON goes as `application/json`, any other as `text/plain;charset=UTF-8`, which is what
/// Engine.IO clients send. Use [`request`] for another type.
pub async fn post(addr: SocketAddr, path: &str, body: impl AsRef<[u8]>) -> Response {
    let body = body.as_ref();
    let content_type = match body.first() {
        Some(b'{' | b'[') => "application/json",
        _ => "text/plain;charset=UTF-8",
    };
    let mut bytes = format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend(body);
    request(addr, bytes).await
}

/// Sends these bytes on a connection of their own and reads one response; panics when there is none.
pub async fn request(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> Response {
    let bytes = bytes.as_ref();
    try_request(addr, bytes).await.unwrap_or_else(|error| {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
        panic!("no HTTP response from {addr} ({error}) to: {shown:?}")
    })
}

/// Like [`request`], for requests that a server may answer by closing the connection.
///
/// # Errors
///
/// `UnexpectedEof` or `ConnectionReset` when the connection ended before a whole response, `TimedOut` after
/// [`TIMEOUT`], `InvalidData` when the answer is not HTTP/1.
pub async fn try_request(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> io::Result<Response> {
    let mut connection = Connection::open(addr).await;
    connection.send(bytes).await;
    connection.response().await
}

/// One TCP connection that speaks HTTP/1.1.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects; panics when nobody listens.
    pub async fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr)
            .await
            .unwrap_or_else(|error| panic!("cannot connect to {addr}: {error}"));
        stream
            .set_nodelay(true)
            .expect("a connected socket takes TCP_NODELAY");
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Sends these bytes.
    ///
    /// A peer that is already gone is no error here, because it may have answered before it went: the next read tells.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // Nothing can be learned from a failed write that the next read does not say.
        let _gone = self.stream.get_mut().write_all(bytes.as_ref()).await;
    }

    /// Reads one response, waiting [`TIMEOUT`]; errors as [`try_request`].
    pub async fn response(&mut self) -> io::Result<Response> {
        self.response_within(TIMEOUT).await
    }

    /// Reads one response, waiting this long; errors as [`try_request`].
    pub async fn response_within(&mut self, limit: Duration) -> io::Result<Response> {
        timeout(limit, self.read_response()).await?
    }

    /// Ends the connection with a TCP reset.
    pub fn reset(self) {
        reset(self.stream.into_inner());
    }

    pub(crate) fn into_stream(self) -> BufReader<TcpStream> {
        self.stream
    }

    async fn read_response(&mut self) -> io::Result<Response> {
        let status_line = self.line().await?;
        let status = status_line
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.get(2..5))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| invalid(format!("not a status line: {status_line:?}")))?;
        let mut response = Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        };
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| invalid(format!("not a header: {line:?}")))?;
            response
                .headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        response.body = self.body(&response).await?;
        Ok(response)
    }

    async fn body(&mut self, head: &Response) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if matches!(head.status, 100..=199 | 204 | 304) {
            return Ok(body);
        }
        if head.header("transfer-encoding") == Some("chunked") {
            while self.chunk(&mut body).await? {}
        } else if let Some(len) = head.header("content-length") {
            let len = len
                .parse()
                .map_err(|_| invalid(format!("not a content length: {len:?}")))?;
            self.exactly(len, &mut body).await?;
        } else {
            self.stream.read_to_end(&mut body).await?;
        }
        Ok(body)
    }

    /// Appends one chunk; false after the last one.
    async fn chunk(&mut self, body: &mut Vec<u8>) -> io::Result<bool> {
        let line = self.line().await?;
        let size = line.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size.trim(), 16)
            .map_err(|_| invalid(format!("not a chunk size: {line:?}")))?;
        self.exactly(size, body).await?;
        if self.line().await?.is_empty() {
            Ok(size > 0)
        } else {
            Err(invalid("a chunk is longer than its size".to_owned()))
        }
    }

    async fn exactly(&mut self, len: u64, body: &mut Vec<u8>) -> io::Result<()> {
        let got = (&mut self.stream).take(len).read_to_end(body).await?;
        if got as u64 == len {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Ends a connection with a TCP reset, as a process that dies with unread data does.
pub(crate) fn reset(stream: TcpStream) {
    stream
        .set_zero_linger()
        .expect("a connected socket takes SO_LINGER");
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn answering(bytes: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut ignored = [0; 1024];
            let _ = stream.read(&mut ignored).await.unwrap();
            stream.write_all(bytes).await.unwrap();
        });
        addr
    }

    #[tokio::test]
    async fn reads_bodies_with_a_length_in_chunks_and_to_the_end() {
        for bytes in [
            b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world".as_slice(),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\nhello world",
        ] {
            let response = get(answering(bytes).await, "/").await;
            assert_eq!((response.status, response.text().as_str()), (200, "hello world"));
        }
    }

    #[tokio::test]
    async fn an_answer_cut_short_is_an_error() {
        for bytes in [
            b"".as_slice(),
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        ] {
            let error = try_request(answering(bytes).await, "GET / HTTP/1.1\r\n\r\n")
                .await
                .unwrap_err();
            assert_eq!(
                error.kind(),
                io::ErrorKind::UnexpectedEof,
                "{:?}",
                bytes.escape_ascii()
            );
        }
    }
}
