//! The event `update_chat`.

use fast_app::prelude::*;

/// Its name on the wire is `update_chat`.
#[derive(Event, Serialize)]
pub struct UpdateChat {
    // Edit: what clients get of it, as JSON.
    /// What it is about.
    pub id: String,
}

impl BroadcastEvent for UpdateChat {
    async fn broadcast_on(&self) -> Channels {
        // Edit: whose members get it? Nobody, until this names a room: `ChatRoom { … }.into()`.
        Channels::none()
    }
}
