//! What the numbered checks of `docs/security.md` ask for and no test beside its subject proves; each is named after its
//! number.

mod guards;
mod identifiers;
mod panics;

use std::net::SocketAddr;

use fast_app::SocketIo;
use serde_json::{Value, json};
use testkit::RawSocket;

/// Sends `event` and returns what comes until its acknowledgement: the events before it, and the answer.
async fn ask(socket: &mut RawSocket, event: &str, data: &Value) -> (Vec<Value>, Value) {
    socket
        .send_text(format!("425{}", json!([event, data])))
        .await;
    let mut events = Vec::new();
    loop {
        let text = socket.recv_text().await;
        let json = |prefix| text.strip_prefix(prefix).map(serde_json::from_str::<Value>);
        match (json("435"), json("42")) {
            (Some(answer), _) => return (events, answer.unwrap()),
            (_, Some(event)) => events.push(event.unwrap()),
            _ => panic!("{text}"),
        }
    }
}

/// How many sockets of this process are in a room.
fn occupants(server: &SocketIo, room: &str) -> usize {
    server.occupants("/", room).len()
}

/// A server and a client of it in `/`.
async fn connected((server, addr): (SocketIo, SocketAddr)) -> (SocketIo, RawSocket) {
    (server, RawSocket::socketio(addr, "").await)
}
