//! A server that answers what it is sent: the one that conformance suites of Engine.IO, Socket.IO and WebSocket expect.
//!
//! ```text
//! cargo run -p fast-app-socketio --example echo -- 3000
//! ```
//!
//! - `/` and `/custom` emit `auth` with the handshake's auth on connect, answer `message` with `message-back` and
//!   `message-with-ack` with an acknowledgement, both with the arguments they came with.
//! - `/engine.io/` is Engine.IO without Socket.IO on top: it returns every message.
//! - `/echo` is a plain WebSocket that returns every message, up to 16 MiB.
//!
//! Ping interval 300 ms, ping timeout 200 ms, max payload 1,000,000 bytes, every origin. Another interval and timeout may
//! follow the port: `3000 25000 20000`.

use std::{
    error::Error,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::any,
};
use fast_app_engineio::{
    CloseReason, Connection, Engine, EngineIoLayer, Frame, Handler, Message, Session,
};
use fast_app_socketio::{
    Args, Auth, Config, Namespace, Origins, Payload, Socket, SocketIo, serve, websocket_echo,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const MAX_PAYLOAD: usize = 1_000_000;

/// How long a client on a busy machine gets to read that it is connected. The time from a ping to its timeout, in which one
/// of the public cases connects, is twice as long.
const AUTH_DELAY: Duration = Duration::from_millis(100);

/// The largest message of a plain WebSocket, in bytes.
const MAX_MESSAGE: usize = 16 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let argument = |index, default| {
        std::env::args()
            .nth(index)
            .map_or(Ok(default), |value| value.parse())
    };
    let port = u16::try_from(argument(1, 3000)?)?;
    let ping_interval = Duration::from_millis(argument(2, 300)?);
    let ping_timeout = Duration::from_millis(argument(3, 200)?);
    let socketio = SocketIo::builder()
        .heartbeat(ping_interval, ping_timeout)
        .connect_timeout(Duration::from_secs(1))
        .max_payload(MAX_PAYLOAD)
        // Tests count what 40 clients at once leave unfinished, on a busy machine for longer than the default.
        .attachment_timeout(Duration::from_secs(60))
        .cors_allowed_origins("*")
        .namespace(echo("/"))
        .namespace(echo("/custom"))
        .build()?;
    let engineio = Config {
        path: "/engine.io/".to_owned(),
        ping_interval,
        ping_timeout,
        max_payload: MAX_PAYLOAD,
        origins: Origins::Any,
        ..Config::default()
    };
    let app = Router::new()
        .route("/echo", any(websocket))
        .layer(EngineIoLayer::new(Engine::new(engineio, EngineIoEcho)))
        .layer(socketio.layer());
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    serve(
        listener,
        app,
        socketio.engine().clone(),
        std::future::pending(),
    )
    .await?;
    Ok(())
}

fn echo(path: &str) -> Namespace {
    Namespace::new(path)
        .on_connect(async |socket: Socket, auth: Auth| {
            let auth = match auth.value() {
                Value::Null => json!({}),
                auth => auth,
            };
            // Suites wait for one message after the other; two that arrive in one read would be one too many.
            tokio::spawn(async move {
                tokio::time::sleep(AUTH_DELAY).await;
                let _ = socket.emit("auth", &auth);
            });
        })
        .on("message", async |socket: Socket, args: Args| {
            let _ = socket.emit_payload("message-back", &Payload::from(args));
        })
        .on("message-with-ack", async |_: Socket, args: Args| args)
}

struct EngineIoEcho;

impl Handler for EngineIoEcho {
    fn open(&self, session: &Arc<Session>, _: &Parts) -> Box<dyn Connection> {
        Box::new(EchoConnection(Arc::downgrade(session)))
    }
}

/// Weak, because the session owns its connection.
struct EchoConnection(Weak<Session>);

impl Connection for EchoConnection {
    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn message(&self, message: Message) {
        let frame = match message {
            Message::Text(text) => Frame::message(text.len(), |message| message.push_str(&text)),
            Message::Binary(bytes) => Frame::binary(&bytes),
        };
        if let Some(session) = self.0.upgrade() {
            session.send(&[frame]);
        }
    }

    fn closed(&self, _: CloseReason) {}
}

async fn websocket(request: Request) -> Response {
    let config = Config {
        max_payload: MAX_MESSAGE,
        max_fragments: MAX_MESSAGE,
        ..Config::default()
    };
    match websocket_echo(request, &config) {
        Ok(response) => response.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}
