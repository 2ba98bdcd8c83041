//! The connection that asks the server for broadcasts.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::http::Response;
use crate::series::Series;
use crate::{Error, Result};

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
        let Some(response) = Response::decode(&self.received) else {
            return Ok(false);
        };
        if !response.is_ok() {
            let text = String::from_utf8_lossy(&self.received).into_owned();
            return Err(Error::Answer(text));
        }
        let len = response.len;
        self.received.drain(..len);
        Ok(true)
    }
}

fn request(address: SocketAddr, series: &Series) -> String {
    let body = series.body().to_string();
    format!(
        "POST /broadcast HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
