//! The page for a person.

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};

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

fn javascript(source: &'static [u8]) -> Response {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        source,
    )
        .into_response()
}
