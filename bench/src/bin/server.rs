//! The server of ours that is measured: one guarded room, and `POST /broadcast` as `load` asks for it.
//!
//! ```text
//! cargo run --release -p bench --bin load -- --pin --server target/release/server
//! ```

use std::{error::Error, thread::available_parallelism};

use axum::{Router, routing::post};
use bench::broadcasts::run_series;
use fast_app::prelude::*;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

#[derive(RoomName, Deserialize)]
struct ChatRoom {
    chat_id: String,
}

impl Room for ChatRoom {
    async fn can_join(&self, session: &Session) -> bool {
        session.get::<User>().is_some()
    }
}

/// A small session, as an application has it.
struct User {
    #[allow(dead_code, reason = "it is there for its weight")]
    name: String,
}

#[derive(Clone)]
struct Global;

#[namespace("/")]
#[register_room(ChatRoom)]
impl Global {
    async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        let token: Token = auth
            .parse()
            .map_err(|_| ConnectionRefused::new("Invalid access token"))?;
        socket.session().insert(User { name: token.token });
        Ok(())
    }

    async fn on_echo(&self, data: Data<Value>) -> Value {
        data.0
    }
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    runtime()?.block_on(serve())
}

/// On one core a runtime of one thread, which costs less: the kernel need not guard what threads share.
fn runtime() -> std::io::Result<Runtime> {
    match available_parallelism()?.get() {
        1 => Builder::new_current_thread().enable_all().build(),
        _ => Runtime::new(),
    }
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let redis = std::env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    let socketio = SocketIo::builder()
        .manager(Manager::from_url(&redis)?)
        .namespace(Global)
        .build()?;
    let app = Router::new()
        .route("/broadcast", post(run_series))
        .with_state(socketio.clone())
        .layer(socketio.layer());
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8000".to_owned());
    fast_app::serve(TcpListener::bind(bind).await?, app, &socketio).await?;
    Ok(())
}
