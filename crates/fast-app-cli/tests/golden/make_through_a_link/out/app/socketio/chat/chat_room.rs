//! The room `chat`.

use fast_app::prelude::*;

/// Its name on the wire is `chat|<chat_id>`; clients enter it with `join_chat`.
#[derive(RoomName, Deserialize)]
pub struct ChatRoom {
    // Edit: what tells one of these rooms from another.
    /// Which one.
    pub chat_id: String,
}

impl Room for ChatRoom {
    async fn can_join(&self, _session: &Session) -> bool {
        // Edit: who may join? Nobody, until this says who.
        false
    }
}
