//! The only namespace of the chat.

use fast_app::prelude::*;
use serde_json::json;

use crate::{
    models::User,
    socketio::{
        common::authentication::authenticate,
        rooms::{ChatRoom, PresenceRoom},
    },
};

/// `/`: chats, who is in them, and who is typing.
#[derive(Clone)]
pub struct GlobalNamespace;

/// `typing {"chat_id":"1"}`
#[derive(Deserialize)]
struct Typing {
    chat_id: String,
}

#[namespace("/")]
#[register_room(ChatRoom)]
#[register_room(PresenceRoom)]
impl GlobalNamespace {
    async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        authenticate(socket, auth).await
    }

    /// Tells the others in the chat, if the client is in it itself.
    async fn on_typing(&self, socket: &Socket, data: Data<Typing>) {
        let room = format!("chat|{}", data.chat_id);
        let Some(user) = socket.session().get::<User>() else {
            return;
        };
        if !socket.rooms().iter().any(|name| name.as_str() == room) {
            return;
        }
        let typing =
            json!({ "chat_id": data.chat_id, "user": { "_id": user.id, "name": user.name } });
        if let Err(error) = socket.to([room]).emit("user_typing", &typing).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "typing was not told to every worker"
            );
        }
    }

    async fn on_disconnect(&self, socket: &Socket, reason: DisconnectReason) {
        tracing::info!(sid = ?socket.sid(), %reason, "a client has gone");
    }
}
