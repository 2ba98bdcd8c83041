//! A client of a Socket.IO server, which listens.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error as WebSocketError, Message, http::Uri},
};

use super::packet::{self, Event, Packet, Partial, Unreadable};
use crate::error::Error;

/// How long a server may take until it has let a client in.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// Connected to one namespace.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    url: String,
    namespace: String,
    /// A server that is silent for longer is gone.
    silence: Duration,
}

/// Something that a listener hears of.
#[derive(Debug)]
pub(crate) enum Heard {
    Event(Event),
    /// The answer to the call of this number.
    Answer(u64, Vec<Value>),
}

impl Client {
    /// Connects to a server, and to a namespace of it.
    pub(crate) async fn connect(url: &str, namespace: &str, auth: &str) -> Result<Self, Error> {
        let connecting = Self::connect_slowly(url, namespace, auth);
        timeout(CONNECT_LIMIT, connecting)
            .await
            .unwrap_or_else(|_| {
                let (url, reason) = (url.to_owned(), "it is silent".to_owned());
                Err(Error::NoSocketIo { url, reason })
            })
    }

    async fn connect_slowly(url: &str, namespace: &str, auth: &str) -> Result<Self, Error> {
        // Somebody else in this process may have chosen already; there is only one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (socket, _) = connect_async(address(url)?)
            .await
            .map_err(|error| not_connected(url, error))?;
        let mut client = Self {
            socket,
            url: url.to_owned(),
            namespace: namespace.to_owned(),
            silence: CONNECT_LIMIT,
        };
        match client.packet().await? {
            Packet::Open(session) => client.silence = silence(&session),
            _ => return Err(client.no_socketio("it opens no session")),
        }
        client.send(packet::connect(namespace, auth)).await?;
        loop {
            match client.packet().await? {
                Packet::Connect => return Ok(client),
                Packet::Refused(why) => return Err(refused(&why)),
                Packet::Close => return Err(client.ended("the server closed it")),
                _ => {}
            }
        }
    }

    /// Sends an event, whose answer will have this number.
    pub(crate) async fn call(&mut self, id: u64, event: &str, payload: &str) -> Result<(), Error> {
        self.send(packet::call(&self.namespace, id, event, payload))
            .await
    }

    /// The next thing that is for this namespace. Cancelling it may lose a part of a binary event, nothing else.
    pub(crate) async fn next(&mut self) -> Result<Heard, Error> {
        loop {
            match self.packet().await? {
                Packet::Event(event) => return Ok(Heard::Event(event)),
                Packet::Ack { id, args } => return Ok(Heard::Answer(id, args)),
                Packet::Close => return Err(self.ended("the server closed it")),
                _ => {}
            }
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(mut self) {
        // The server finds out by itself if it does not get this.
        let _ = self.send(packet::disconnect(&self.namespace)).await;
        let _ = self.socket.close(None).await;
    }

    /// The next packet that is whole; pings are answered.
    async fn packet(&mut self) -> Result<Packet, Error> {
        let mut partial: Option<Partial> = None;
        loop {
            let packet = match (self.message().await?, partial.take()) {
                (Message::Text(text), None) => Packet::decode(&text, &self.namespace),
                (Message::Binary(bytes), Some(it)) => it.attach(bytes.into()),
                (Message::Text(_), Some(_)) | (Message::Binary(_), None) => Err(Unreadable),
                // WebSocket's own pings, which may come at any time.
                (_, it) => {
                    partial = it;
                    continue;
                }
            };
            match packet.map_err(|_| self.no_socketio("a packet cannot be read"))? {
                Packet::Ping => self.send("3".to_owned()).await?,
                Packet::Partial(it) => partial = Some(it),
                packet => return Ok(packet),
            }
        }
    }

    async fn message(&mut self) -> Result<Message, Error> {
        match timeout(self.silence, self.socket.next()).await {
            Err(_) => Err(self.ended("the server is silent")),
            Ok(None | Some(Ok(Message::Close(_)))) => Err(self.ended("the server closed it")),
            Ok(Some(Err(error))) => Err(self.ended(&error.to_string())),
            Ok(Some(Ok(message))) => Ok(message),
        }
    }

    async fn send(&mut self, text: String) -> Result<(), Error> {
        let sent = self.socket.send(Message::text(text)).await;
        sent.map_err(|error| self.ended(&error.to_string()))
    }

    fn ended(&self, reason: &str) -> Error {
        Error::Ended {
            reason: reason.to_owned(),
        }
    }

    fn no_socketio(&self, reason: &str) -> Error {
        Error::NoSocketIo {
            url: self.url.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// Where the WebSocket of a server is.
fn address(url: &str) -> Result<String, Error> {
    let refused = |reason: &str| Error::Url {
        url: url.to_owned(),
        reason: reason.to_owned(),
    };
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| refused("it has no scheme"))?;
    let scheme = match scheme {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        _ => return Err(refused("its scheme is none of http, https, ws and wss")),
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = match path {
        "" | "/" => "/socket.io/",
        path => path,
    };
    let joint = if path.contains('?') { '&' } else { '?' };
    let address = format!("{scheme}://{host}{path}{joint}EIO=4&transport=websocket");
    match address.parse::<Uri>() {
        Ok(uri) if uri.host().is_some_and(|host| !host.is_empty()) => Ok(address),
        Ok(_) => Err(refused("it has no host")),
        Err(error) => Err(refused(&error.to_string())),
    }
}

fn not_connected(url: &str, error: WebSocketError) -> Error {
    let url = url.to_owned();
    match error {
        WebSocketError::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            let words = String::from_utf8_lossy(body);
            let reason = format!(
                "{} {}",
                response.status(),
                words.lines().next().unwrap_or_default()
            );
            let reason = reason.trim().to_owned();
            Error::NoSocketIo { url, reason }
        }
        source => Error::Unreachable {
            url,
            source: Box::new(source),
        },
    }
}

/// Engine.IO: a server pings this often, and a client may take a while to hear it.
fn silence(session: &Value) -> Duration {
    let milliseconds = |name: &str, default| session[name].as_u64().unwrap_or(default);
    Duration::from_millis(
        milliseconds("pingInterval", 25_000) + milliseconds("pingTimeout", 20_000),
    )
}

fn refused(why: &Value) -> Error {
    let message = why.get("message").unwrap_or(why);
    let text = message
        .as_str()
        .map_or_else(|| message.to_string(), str::to_owned);
    Error::Refused { reason: text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_those_of_websockets() {
        let query = "EIO=4&transport=websocket";
        for (url, want) in [
            ("http://a:1", "ws://a:1/socket.io/?"),
            ("https://a/", "wss://a/socket.io/?"),
            ("ws://[::1]:8/x/", "ws://[::1]:8/x/?"),
            ("http://a/x/?b=c", "ws://a/x/?b=c&"),
        ] {
            assert_eq!(address(url).unwrap(), format!("{want}{query}"));
        }
        for url in ["a:1", "ftp://a", "http://", "http://a b", "http:///x"] {
            assert!(address(url).is_err(), "{url}");
        }
    }
}
