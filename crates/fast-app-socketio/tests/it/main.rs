//! What clients, applications and other workers see of a server, through the wire.
//!
//! | module | is about |
//! |---|---|
//! | `connect`, `disconnect` | the two ends of a socket's life |
//! | `events`, `acks`, `binary` | what travels between them |
//! | `rooms`, `reach`, `bus` | one event to many sockets, here and on other workers |
//! | `fleet` | the same with Python workers among them |
//! | `revocation` | access that is taken away |
//! | `outage` | Redis and the way to it fail, and come back |
//! | `malformed` | what a client must not send |
//! | `resources` | what a client can make a server use |
//! | `security` | checks by their number that are about nothing of the above |
//! | `mixed` | one publisher and many clients of every kind |
//! | `suite` | what the public conformance suites ask for |
//! | `autobahn` | what the public suite of WebSocket asks for |
//! | `clients` | the libraries that applications use |

#![allow(
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod acks;
mod autobahn;
mod binary;
#[macro_use]
mod bus;
mod clients;
mod connect;
mod disconnect;
mod ending;
mod events;
mod fleet;
mod malformed;
mod mixed;
mod outage;
mod reach;
mod resources;
mod revocation;
mod rooms;
mod security;
mod suite;

use std::{future::pending, net::SocketAddr, sync::Arc};

use fast_app_socketio::{
    Args, Auth, Emit, Namespace, Payload, RoomName, Sid, Socket, SocketIo, SocketIoBuilder, serve,
};
use serde_json::{Value, json, value::RawValue};
use testkit::{RawSocket, TIMEOUT};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
    time::timeout,
};

/// Serves on a free port for as long as the test runs.
async fn start(builder: SocketIoBuilder) -> (SocketIo, SocketAddr) {
    let socketio = builder.build().unwrap();
    let app = axum::Router::new().layer(socketio.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app, socketio.engine().clone(), pending()));
    (socketio, addr)
}

/// A namespace that says what the client's `auth` was and sends messages back: what the public conformance suite of
/// Socket.IO v5 asks for.
fn echo(path: &str) -> Namespace {
    Namespace::new(path)
        .on_connect(async |socket: Socket, auth: Auth| {
            let auth = auth.parse::<Option<Box<RawValue>>>().unwrap();
            let payload = match &auth {
                Some(auth) => Payload::raw(auth),
                None => Payload::new(&json!({})).unwrap(),
            };
            socket.emit_payload("auth", &payload).unwrap();
        })
        .on("message", async |socket: Socket, args: Args| {
            socket.emit_payload("message-back", &args.into()).unwrap();
        })
        .on("message-with-ack", async |_: Socket, args: Args| args)
}

/// The echo in `/` and in `/custom`.
async fn echo_server() -> (SocketIo, SocketAddr) {
    start(
        SocketIo::builder()
            .namespace(echo("/"))
            .namespace(echo("/custom")),
    )
    .await
}

/// A client of [`echo_server`] in `/` that has read its `auth` event.
async fn echo_client(addr: SocketAddr) -> RawSocket {
    let mut client = RawSocket::socketio(addr, "").await;
    client.expect_text(r#"42["auth",{}]"#).await;
    client
}

/// Connects to a namespace other than `/` and returns the sid.
async fn enter(client: &mut RawSocket, namespace: &str) -> String {
    client.send_text(format!("40{namespace},")).await;
    sid_in(&client.recv_text().await, &format!("40{namespace},"))
}

/// The sid of `40{"sid":…}`.
#[track_caller]
fn sid_in(packet: &str, start: &str) -> String {
    let json = packet
        .strip_prefix(start)
        .unwrap_or_else(|| panic!("expected {start}, received {packet}"));
    let connected: Value = serde_json::from_str(json).unwrap();
    let sid = connected["sid"].as_str().unwrap();
    assert!(Sid::parse(sid).is_some(), "{packet}");
    sid.to_owned()
}

/// Asserts that nothing was sent to the client: the next thing it hears is the acknowledgement of an event that no
/// handler knows.
async fn expect_silence(client: &mut RawSocket) {
    client.send_text(r#"4299["nobody handles this"]"#).await;
    client.expect_text("4399[]").await;
}

/// What handlers tell the test, in order.
struct Diary(mpsc::UnboundedReceiver<String>);

/// A handler's end of a [`Diary`]; a server has it as its state, see [`write`].
#[derive(Clone)]
struct Pen(mpsc::UnboundedSender<String>);

fn diary() -> (Pen, Diary) {
    let (pen, diary) = mpsc::unbounded_channel();
    (Pen(pen), Diary(diary))
}

/// Tells the test something from a handler.
fn write(socket: &Socket, line: impl ToString) {
    socket.session().state::<Pen>().write(line);
}

impl Pen {
    fn write(&self, line: impl ToString) {
        // A test that has seen enough does not read on.
        let _ = self.0.send(line.to_string());
    }
}

impl Diary {
    async fn next(&mut self) -> String {
        timeout(TIMEOUT, self.0.recv())
            .await
            .expect("the handlers wrote nothing")
            .expect("the handlers are gone")
    }

    async fn expect(&mut self, line: &str) {
        assert_eq!(self.next().await, line);
    }

    /// Asserts that nothing was written that was not read.
    #[track_caller]
    fn expect_end(&mut self) {
        if let Ok(line) = self.0.try_recv() {
            panic!("the handlers also wrote {line:?}");
        }
    }
}

/// Where handlers wait until the test lets them go on; the server has it as its state, see [`pass`].
#[derive(Clone)]
struct Gate(Arc<Semaphore>);

impl Gate {
    fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets so many handlers pass, now or later.
    fn open(&self, count: usize) {
        self.0.add_permits(count);
    }
}

/// Waits in a handler until the test opens the gate.
async fn pass(socket: &Socket) {
    let gate = socket.session().state::<Gate>();
    gate.0.acquire().await.unwrap().forget();
}

/// Writes a line when it is dropped: kept in a session it tells that the connection's memory was freed.
struct Farewell(Pen, &'static str);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.write(self.1);
    }
}

/// Keeps a [`Farewell`] in the session.
fn leave_farewell(socket: &Socket, line: &'static str) {
    let session = socket.session();
    let pen = session.state::<Pen>();
    session.insert(Farewell(Pen::clone(&pen), line));
}

/// A room's name.
fn room(name: &str) -> RoomName {
    RoomName::new(name).unwrap()
}

/// An event without arguments to everybody in `/`.
fn news() -> Emit {
    Emit::new("news", Payload::empty())
}
