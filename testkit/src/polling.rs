//! An Engine.IO client over long polling, one HTTP request at a time.

use std::collections::VecDeque;
use std::net::SocketAddr;

use serde_json::Value;

use crate::{RawSocket, http};

/// Between packets of one payload: Engine.IO protocol 4, "HTTP long-polling".
const SEPARATOR: char = '\x1e';

/// An Engine.IO session over polling.
///
/// [`poll`](Self::poll) gives what one GET brings; [`recv_text`](Self::recv_text) reads packet by packet and answers
/// heartbeats.
#[derive(Debug)]
pub struct Polling {
    addr: SocketAddr,
    base: String,
    open: Value,
    unread: VecDeque<String>,
    sid: String,
}

impl Polling {
    /// Opens a session at `/socket.io/`.
    pub async fn handshake(addr: SocketAddr) -> Self {
        Self::handshake_at(addr, "/socket.io/").await
    }

    /// Opens a session at this path.
    pub async fn handshake_at(addr: SocketAddr, path: &str) -> Self {
        let response = http::get(addr, &format!("{path}?EIO=4&transport=polling")).await;
        let body = response.text();
        let mut packets = body.split(SEPARATOR);
        let open: Value = packets
            .next()
            .and_then(|packet| serde_json::from_str(packet.strip_prefix('0')?).ok())
            .unwrap_or_else(|| panic!("expected an open packet, received {response:?}"));
        Self {
            addr,
            base: path.to_owned(),
            unread: packets.map(str::to_owned).collect(),
            open,
            sid: String::new(),
        }
    }

    /// Opens a session and connects to the namespace `/` with this auth payload, `""` for none.
    pub async fn socketio(addr: SocketAddr, auth: impl ToString) -> Self {
        let mut polling = Self::handshake(addr).await;
        polling.post(&[&format!("40{}", auth.to_string())]).await;
        let packet = polling.recv_text().await;
        polling.sid = packet
            .strip_prefix("40")
            .and_then(|json| serde_json::from_str::<Value>(json).ok())
            .and_then(|connected| Some(connected["sid"].as_str()?.to_owned()))
            .unwrap_or_else(|| panic!("expected 40{{\"sid\":…}}, received {packet:?}"));
        polling
    }

    /// The JSON of the open packet.
    pub fn open_packet(&self) -> &Value {
        &self.open
    }

    /// The Socket.IO session id in `/`; empty on a session not made by [`socketio`](Self::socketio).
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Path and query of this session for a transport, for requests made with [`http`] or [`RawSocket::connect`].
    pub fn path(&self, transport: &str) -> String {
        let sid = self.open["sid"].as_str().expect("an open packet has a sid");
        format!("{}?EIO=4&transport={transport}&sid={sid}", self.base)
    }

    /// Sends packets in one POST; panics unless the server answers 200 `ok`.
    pub async fn post(&self, packets: &[&str]) {
        let body = packets.join(&SEPARATOR.to_string());
        let response = http::post(self.addr, &self.path("polling"), body).await;
        assert_eq!(
            (response.status, response.text().as_str()),
            (200, "ok"),
            "to {packets:?}"
        );
    }

    /// The packets of one GET, or those that came with an earlier response and were not read.
    pub async fn poll(&mut self) -> Vec<String> {
        if !self.unread.is_empty() {
            return self.unread.drain(..).collect();
        }
        let response = http::get(self.addr, &self.path("polling")).await;
        assert_eq!(response.status, 200, "to a poll: {response:?}");
        response
            .text()
            .split(SEPARATOR)
            .map(str::to_owned)
            .collect()
    }

    /// The next packet, polling until there is one; answers pings (`2`) before it.
    pub async fn recv_text(&mut self) -> String {
        loop {
            while let Some(packet) = self.unread.pop_front() {
                if packet != "2" {
                    return packet;
                }
                self.post(&["3"]).await;
            }
            let packets = self.poll().await;
            self.unread.extend(packets);
        }
    }

    /// Asserts that the next packet, pings aside, is this one.
    pub async fn expect_text(&mut self, expected: &str) {
        assert_eq!(self.recv_text().await, expected);
    }

    /// Moves the session to a WebSocket: probe, answer, upgrade packet.
    ///
    /// Packets fetched and not read are lost. A poll of the test's own that is pending meanwhile must end by itself.
    pub async fn upgrade(self) -> RawSocket {
        let mut socket = RawSocket::connect(self.addr, &self.path("websocket"), &[])
            .await
            .unwrap_or_else(|response| panic!("the upgrade was refused: {response:?}"));
        socket.send_text("2probe").await;
        socket.expect_text("3probe").await;
        socket.send_text("5").await;
        socket
    }
}
