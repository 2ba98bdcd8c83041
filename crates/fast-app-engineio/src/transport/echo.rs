//! A WebSocket that returns what it gets.

use std::io;

use http::{Request, Response};
use hyper::upgrade::OnUpgrade;
use tokio::time::timeout;

use super::{
    decoder::{Decoder, Incoming},
    handshake,
    socket::{self, Upgrade},
    websocket::say_goodbye,
};
use crate::{
    body::ResponseBody, config::Config, error::RequestError, frame::Frame, outbox::Outbox,
    session::LINGER,
};

/// Answers a request for a WebSocket on which every message is sent back, text as text and bytes as bytes.
///
/// There is no Engine.IO on it: it is for conformance suites of WebSocket itself, which this way run against the code
/// that sessions use. Of the settings, the limits of messages count.
///
/// # Errors
///
/// When the request is no WebSocket handshake.
pub fn websocket_echo<B>(
    request: Request<B>,
    config: &Config,
) -> Result<Response<ResponseBody>, RequestError> {
    let (mut request, _) = request.into_parts();
    let (upgrade, response) = handshake::accept(&mut request)?;
    let decoder = Decoder::new(config.max_payload, config.max_fragments);
    tokio::spawn(async move {
        if let Err(error) = echo(upgrade, decoder).await {
            tracing::debug!(%error, "echo ended");
        }
    });
    Ok(response)
}

async fn echo(upgrade: OnUpgrade, mut decoder: Decoder) -> io::Result<()> {
    let upgraded = upgrade.await.map_err(io::Error::other)?;
    let Upgrade {
        socket,
        mut reader,
        early,
        ..
    } = socket::take_apart(upgraded);
    let mut incoming = Vec::new();
    let mut decoded = decoder.decode(&early, &mut incoming);
    let code = loop {
        let mut answer = Outbox::default();
        let mut closed = None;
        for next in incoming.drain(..) {
            match next {
                Incoming::Text(text) => answer.push(Frame::control(&text)),
                Incoming::Binary(bytes) => answer.push(Frame::binary(&bytes)),
                Incoming::Ping(payload) => answer.push(Frame::pong(&payload)),
                Incoming::Close => {
                    closed = Some(1000);
                    // What came behind it is no longer heard (RFC 6455, section 5.5.1).
                    break;
                }
            }
        }
        socket.write_all(answer).await?;
        if let Some(code) = closed.or(decoded.err().map(|error| error.websocket_code())) {
            break code;
        }
        decoded = match reader
            .read(|bytes| decoder.decode(bytes, &mut incoming))
            .await?
        {
            Some(decoded) => decoded,
            None => return Ok(()),
        };
    };
    let _ = timeout(LINGER, say_goodbye(&socket, reader, code)).await;
    Ok(())
}
