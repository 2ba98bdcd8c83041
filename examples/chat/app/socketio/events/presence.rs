//! Somebody has come or gone.

use fast_app::prelude::*;

use crate::{models::User, resources::UserResource, socketio::rooms::PresenceRoom};

/// Sent to everybody who is looking at a chat when somebody comes or goes. Its name on the wire is `presence`.
#[derive(Event, Serialize)]
pub struct Presence {
    /// The chat.
    pub chat_id: String,
    /// Who is there now.
    #[serde(skip)]
    pub users: Vec<User>,
}

impl BroadcastEvent for Presence {
    async fn broadcast_on(&self) -> Channels {
        PresenceRoom {
            chat_id: self.chat_id.clone(),
        }
        .into()
    }

    async fn broadcast_as(&self) -> Payload {
        Object::new()
            .field("chat_id", &self.chat_id)
            .resources("users", self.users.iter().map(UserResource))
            .into()
    }
}
