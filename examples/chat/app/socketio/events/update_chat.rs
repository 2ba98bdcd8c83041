//! A chat has changed.

use fast_app::prelude::*;

use crate::{models::Chat, resources::ChatResource, socketio::rooms::ChatRoom};

/// Sent to everybody in a chat when it changes. Its name on the wire is `update_chat`.
#[derive(Event, Serialize)]
pub struct UpdateChat {
    /// The chat as it is now.
    #[serde(skip)]
    pub chat: Chat,
}

impl BroadcastEvent for UpdateChat {
    async fn broadcast_on(&self) -> Channels {
        ChatRoom {
            chat_id: self.chat.id.clone(),
        }
        .into()
    }

    async fn broadcast_as(&self) -> Payload {
        ChatResource(&self.chat).into()
    }
}
