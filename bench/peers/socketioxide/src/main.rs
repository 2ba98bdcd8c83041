//! The peer socketioxide: the server that `load` asks for, on axum, with socketioxide-redis when `REDIS_URL` is set.
//!
//! ```text
//! cargo build --release --locked --manifest-path bench/peers/socketioxide/Cargo.toml --target-dir target/peers
//! BIND=127.0.0.1:8000 [REDIS_URL=redis://127.0.0.1:6379] target/peers/release/peer-socketioxide
//! ```

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::routing::post;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::ConnectHandler;
use socketioxide::layer::SocketIoLayer;
use socketioxide::{ParserError, SocketIo, SocketIoBuilder};
use socketioxide_redis::drivers::redis::redis_client as redis;
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until};

/// Packets that may wait for a client. With the default, 128, a client loses the rest of a burst of 200.
const BUFFER: usize = 1024;

#[derive(Clone, Deserialize)]
struct Session {
    #[allow(dead_code, reason = "it is there for its weight")]
    token: String,
}

#[derive(Deserialize)]
struct Join {
    chat_id: String,
}

#[derive(Deserialize)]
struct Series {
    room: Option<String>,
    rooms: Option<u64>,
    count: u64,
    size: usize,
    interval_us: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    match std::env::var("REDIS_URL") {
        Ok(url) => {
            let client = redis::Client::open(with_resp3(&url))?;
            let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
            let (layer, io) = builder()
                .with_adapter::<RedisAdapter<_>>(adapter)
                .build_layer();
            io.ns("/", on_connect.with(authenticate)).await?;
            serve(layer, io).await
        }
        Err(_) => {
            let (layer, io) = builder().build_layer();
            io.ns("/", on_connect.with(authenticate));
            serve(layer, io).await
        }
    }
}

fn builder() -> SocketIoBuilder {
    SocketIo::builder().max_buffer_size(BUFFER)
}

/// The adapter's driver receives through RESP3 pushes and nothing else.
fn with_resp3(url: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}protocol=resp3")
}

async fn serve<A: Adapter>(layer: SocketIoLayer<A>, io: SocketIo<A>) -> Result<(), Box<dyn Error>> {
    let app = Router::new()
        .route("/broadcast", post(broadcast::<A>))
        .with_state(io)
        .layer(layer);
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(bind).await?.tap_io(|stream| {
        // A stream that is closed already has no options.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await?;
    Ok(())
}

/// Refuses who has no token: what cannot be extracted is a CONNECT_ERROR.
async fn authenticate<A: Adapter>(
    socket: SocketRef<A>,
    Data(session): Data<Session>,
) -> Result<(), ParserError> {
    socket.extensions.insert(session);
    Ok(())
}

async fn on_connect<A: Adapter>(socket: SocketRef<A>) {
    socket.on("join_chat", join_chat);
    socket.on("echo", echo);
}

async fn join_chat<A: Adapter>(socket: SocketRef<A>, Data(join): Data<Join>, ack: AckSender<A>) {
    socket.join(format!("chat|{}", join.chat_id));
    // The client may be gone.
    let _ = ack.send(&json!({ "ok": true }));
}

async fn echo<A: Adapter>(Data(argument): Data<Value>, ack: AckSender<A>) {
    let _ = ack.send(&argument);
}

async fn broadcast<A: Adapter>(State(io): State<SocketIo<A>>, Json(series): Json<Series>) {
    let start = Instant::now();
    for seq in 0..series.count {
        sleep_until(start + Duration::from_micros(series.interval_us * seq)).await;
        let argument = argument(seq, series.size);
        // An error names the clients that are full or gone; the others have it. `load` sees what is missing.
        let _ = io.to(series.room(seq)).emit("bench", &argument).await;
    }
}

impl Series {
    fn room(&self, seq: u64) -> String {
        match (self.rooms, &self.room) {
            (Some(rooms), _) => {
                let hash = (seq as u32).wrapping_mul(2_654_435_761);
                format!("chat|r{}", u64::from(hash) % rooms)
            }
            (None, room) => room.clone().unwrap_or_default(),
        }
    }
}

/// What makes `42["bench","<argument>"]` exactly `size` bytes.
fn argument(seq: u64, size: usize) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let head = format!("{seq} {} ", since.unwrap_or_default().as_nanos());
    let width = size.saturating_sub(r#"42["bench",""]"#.len());
    format!("{head:x<width$}")
}
