//! Chats over HTTP.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use fast_app::prelude::*;
use serde_json::{Value, json};

use crate::{modules::asgi::socketio::AppState, socketio::events::UpdateChat};

/// `GET /users`
pub async fn users(State(chats): State<AppState>) -> Json<Value> {
    chats
        .users()
        .iter()
        .map(|user| json!({ "_id": user.id, "name": user.name }))
        .collect::<Value>()
        .into()
}

/// `GET /chats`
pub async fn chats(State(chats): State<AppState>) -> Json<Value> {
    chats
        .all()
        .iter()
        .map(|chat| json!({ "_id": chat.id, "name": chat.name }))
        .collect::<Value>()
        .into()
}

/// `POST /chats/{id}/messages {"text":"hi"}`: the chat's members get `update_chat`.
pub async fn say(
    State(chats): State<AppState>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Refusal> {
    let text = text_of(&body?)?;
    let chat = chats.say(&id, text).ok_or(Refusal::NoChat)?;
    broadcast(UpdateChat { chat }).await?;
    Ok(Json(json!({ "broadcast": true })))
}

fn text_of(body: &[u8]) -> Result<String, Refusal> {
    match serde_json::from_slice::<Value>(body)
        .ok()
        .as_mut()
        .and_then(|body| body.get_mut("text"))
    {
        None => Err(Refusal::Text {
            msg: "Field required",
            kind: "missing",
        }),
        Some(Value::String(text)) => Ok(std::mem::take(text)),
        Some(_) => Err(Refusal::Text {
            msg: "Input should be a valid string",
            kind: "string_type",
        }),
    }
}

/// Why a message was not said.
pub enum Refusal {
    /// There is no such chat.
    NoChat,
    /// The body has no text.
    Text {
        /// What is wrong.
        msg: &'static str,
        /// A name for it.
        kind: &'static str,
    },
    /// The body is too large, or did not arrive.
    Body(StatusCode),
    /// The message was said, but not everybody could be told.
    Broadcast(BroadcastError),
}

impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        Self::Body(rejection.status())
    }
}

impl From<BroadcastError> for Refusal {
    fn from(error: BroadcastError) -> Self {
        Self::Broadcast(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, kind, message, data) = match self {
            Self::NoChat => (
                StatusCode::NOT_FOUND,
                "not_found",
                "Chat not found",
                Value::Null,
            ),
            Self::Text { msg, kind } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_request",
                "Request body validation failed.",
                json!([{ "loc": ["text"], "msg": msg, "type": kind }]),
            ),
            Self::Body(status) => (
                status,
                "invalid_request",
                "Request body could not be read",
                Value::Null,
            ),
            Self::Broadcast(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a message was not told to everybody"
                );
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "Not everybody could be told",
                    Value::Null,
                )
            }
        };
        (
            status,
            Json(json!({ "data": data, "error_type": kind, "message": message })),
        )
            .into_response()
    }
}
