//! A server that answers what it is sent: the one that conformance suites of Engine.IO, Socket.IO and WebSocket expect.
//!
//! ```text
//! cargo run -p fast-app-socketio --example echo -- 3000
//! ```
//!
//! - `/` and `/custom` emit `auth` with the handshake's auth on connect, answer `message` with `message-back` and
//!   `message-with-ack` with an acknowledgement, both with the arguments they came with.
//! - `/echo` is a plain WebSocket that returns every message.
//!
//! Ping interval 300 ms, ping timeout 200 ms, max payload 1,000,000 bytes, every origin.

use std::{error::Error, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::any,
};
use fast_app_socketio::{
    Args, Auth, Config, Namespace, Payload, Socket, SocketIo, serve, websocket_echo,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The largest message of a plain WebSocket, in bytes.
const MAX_MESSAGE: usize = 16 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args()
        .nth(1)
        .map_or(Ok(3000), |port| port.parse())?;
    let socketio = SocketIo::builder()
        .heartbeat(Duration::from_millis(300), Duration::from_millis(200))
        .connect_timeout(Duration::from_secs(1))
        .max_payload(1_000_000)
        .cors_allowed_origins("*")
        .namespace(echo("/"))
        .namespace(echo("/custom"))
        .build()?;
    let app = Router::new()
        .route("/echo", any(websocket))
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
                tokio::time::sleep(Duration::from_millis(10)).await;
                let _ = socket.emit("auth", &auth);
            });
        })
        .on("message", async |socket: Socket, args: Args| {
            let _ = socket.emit_payload("message-back", &Payload::from(args));
        })
        .on("message-with-ack", async |_: Socket, args: Args| args)
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
