//! The event `wire_name`.

use fast_app::prelude::*;

/// Its name on the wire is `wire_name`.
#[derive(Event, Serialize)]
pub struct TypeName {
    // Edit: what clients get of it, as JSON.
    /// What it is about.
    pub id: String,
}

impl BroadcastEvent for TypeName {
    async fn broadcast_on(&self) -> Channels {
        // Edit: whose members get it? Nobody, until this names a room: `ChatRoom { … }.into()`.
        Channels::none()
    }
}
