//! The page for a person.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use fast_app::SocketIo;
use serde_json::{Value, json};

/// The client from npm, or nothing where the build had no npm: then the page takes it from a CDN.
const CLIENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/socket.io-client.js"));

/// `GET /`
pub async fn page() -> Html<&'static str> {
    Html(include_str!("../../page/index.html"))
}

/// `GET /chat.js`
pub async fn script() -> Response {
    javascript(include_bytes!("../../page/chat.js"))
}

/// `GET /socket.io-client.js`
pub async fn client() -> Response {
    match CLIENT {
        [] => StatusCode::NOT_FOUND.into_response(),
        client => javascript(client),
    }
}

/// `GET /health`: 503 while the other workers cannot be heard.
pub async fn health(socketio: SocketIo) -> (StatusCode, Json<Value>) {
    let ok = socketio.manager().is_listening();
    let status = match ok {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(json!({ "ok": ok })))
}

fn javascript(source: &'static [u8]) -> Response {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        source,
    )
        .into_response()
}
