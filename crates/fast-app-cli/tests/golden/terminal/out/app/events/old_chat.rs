//! The event `old_chat`.

use fast_app::prelude::*;

/// Something that happens in the application. Clients are not told: `fast-app make broadcast_event` makes one for them.
#[derive(Clone, Debug, Event)]
pub struct OldChat {
    // Edit: what is known of it.
    /// What it is about.
    pub id: String,
}
