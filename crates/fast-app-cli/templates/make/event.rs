//! The event `wire_name`.

use fast_app::prelude::*;

/// Something that happens in the application. Clients are not told: `fast-app make broadcast_event` makes one for them.
#[derive(Clone, Debug, Event)]
pub struct TypeName {
    // Edit: what is known of it.
    /// What it is about.
    pub id: String,
}
