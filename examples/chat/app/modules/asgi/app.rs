//! The HTTP application, with the Socket.IO server in front of it.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use fast_app::{
    SocketIo,
    operations::{self, Prometheus},
};

use super::socketio::AppState;
use crate::controllers::{chat_controller, page_controller};

/// The largest body of a request, in bytes.
const MAX_BODY: usize = 1_000_000;

/// All routes. `/metrics` is among them to be looked at; a real deployment serves it on an internal address, with a listener
/// of its own: see `docs/operations.md`.
pub fn create_app(state: AppState, socketio: &SocketIo, prometheus: &Prometheus) -> Router {
    Router::new()
        .route("/", get(page_controller::page))
        .route("/chat.js", get(page_controller::script))
        .route("/socket.io-client.js", get(page_controller::client))
        .route("/users", get(chat_controller::users))
        .route("/chats", get(chat_controller::chats))
        .route("/chats/{id}/messages", post(chat_controller::say))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(state)
        .merge(operations::routes(socketio)) // GET /health, GET /ready
        .merge(prometheus.routes(socketio)) // GET /metrics
        .layer(socketio.layer())
}
