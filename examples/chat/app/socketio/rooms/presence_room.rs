//! The room of those who want to be seen in a chat, and to see who else is there.

use fast_app::prelude::*;

use super::ChatRoom;
use crate::{models::User, socketio::events::Presence};

/// Everybody who is looking at one chat. Its name on the wire is `presence|<chat_id>`.
#[derive(RoomName, Deserialize)]
pub struct PresenceRoom {
    /// The chat.
    pub chat_id: String,
}

impl Room for PresenceRoom {
    async fn can_join(&self, session: &Session) -> bool {
        ChatRoom {
            chat_id: self.chat_id.clone(),
        }
        .can_join(session)
        .await
    }

    async fn on_join(&self, socket: &Socket) {
        self.tell(socket).await;
    }

    async fn on_leave(&self, socket: &Socket, _reason: Option<DisconnectReason>) {
        self.tell(socket).await;
    }
}

impl PresenceRoom {
    /// Tells everybody in the room who is in it: the people connected to this worker.
    async fn tell(&self, socket: &Socket) {
        let mut users: Vec<User> = Vec::new();
        for occupant in socket.occupants(&format!("presence|{}", self.chat_id)) {
            if let Some(user) = occupant.session().get::<User>()
                && !users.contains(&user)
            {
                users.push((*user).clone());
            }
        }
        users.sort_by(|a, b| a.name.cmp(&b.name));
        let event = Presence {
            chat_id: self.chat_id.clone(),
            users,
        };
        if let Err(error) = broadcast(event).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "presence was not told to every worker"
            );
        }
    }
}
