//! The connection that asks the server for broadcasts.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use serde_json::json;

use crate::http::Head;
use crate::{Error, Result};

/// A series of broadcasts to ask for.
#[derive(Debug, Clone)]
pub struct Series {
    /// The room they go to.
    pub room: String,
    /// How many.
    pub count: u64,
    /// Each one's WebSocket payload in bytes.
    pub size: usize,
    /// From one to the next; zero for as fast as can be.
    pub interval: Duration,
}

/// A keep-alive HTTP connection.
#[derive(Debug)]
pub struct Control {
    stream: TcpStream,
    address: SocketAddr,
    received: Vec<u8>,
}

impl Control {
    /// Connects to the server.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address).and_then(|stream| {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(TcpStream::from_std(stream))
        });
        Ok(Self {
            stream: stream.map_err(Error::io(format!("connecting to {address}")))?,
            address,
            received: Vec::new(),
        })
    }

    /// Its connection, to be polled.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends the request for a series.
    pub fn post(&mut self, series: &Series) -> Result<()> {
        let request = request(self.address, series);
        self.stream
            .write_all(request.as_bytes())
            .map_err(Error::io("sending POST /broadcast"))
    }

    /// Reads what has come.
    pub fn read(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Error::Closed("the connection of POST /broadcast")),
                Ok(len) => self.received.extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Error::io("reading the answer to POST /broadcast")(error));
                }
            }
        }
    }

    /// Whether the answer has come; it is taken then, and one that is not 200 is an error.
    pub fn take_answer(&mut self) -> Result<bool> {
        let Some((status, len)) = answer(&self.received) else {
            return Ok(false);
        };
        if !status.starts_with("HTTP/1.1 200") {
            let text = String::from_utf8_lossy(&self.received).into_owned();
            return Err(Error::Answer(text));
        }
        self.received.drain(..len);
        Ok(true)
    }
}

fn request(address: SocketAddr, series: &Series) -> String {
    let body = json!({
        "room": series.room,
        "count": series.count,
        "size": series.size,
        "interval_us": series.interval.as_micros() as u64,
    })
    .to_string();
    format!(
        "POST /broadcast HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The status line and whole length of the answer, once all of it is there.
fn answer(bytes: &[u8]) -> Option<(String, usize)> {
    let head = Head::decode(bytes)?;
    let len = head.len + head.content_length();
    (bytes.len() >= len).then(|| (head.start_line().to_owned(), len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_body() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(answer(&bytes[..bytes.len() - 1]), None);
        assert_eq!(
            answer(bytes),
            Some(("HTTP/1.1 200 OK".to_owned(), bytes.len()))
        );
    }
}
