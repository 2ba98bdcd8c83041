//! Is the application there?

use axum::{Json, extract::State, http::StatusCode};
use fast_app::SocketIo;
use serde_json::{Value, json};

/// `GET /health`: 503 while the other workers cannot be heard.
pub async fn health(State(socketio): State<SocketIo>) -> (StatusCode, Json<Value>) {
    let ok = socketio.manager().is_listening();
    let status = match ok {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(json!({ "ok": ok })))
}
