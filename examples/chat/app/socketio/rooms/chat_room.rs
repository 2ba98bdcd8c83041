//! The room of a chat.

use fast_app::prelude::*;

use crate::models::{Chats, User};

/// Everybody in one chat. Its name on the wire is `chat|<chat_id>`.
#[derive(RoomName, Deserialize)]
pub struct ChatRoom {
    /// The chat.
    pub chat_id: String,
}

impl Room for ChatRoom {
    async fn can_join(&self, session: &Session) -> bool {
        let Some(user) = session.get::<User>() else {
            return false;
        };
        session
            .state::<Chats>()
            .has_member(&self.chat_id, &user.id)
            .await
    }
}
