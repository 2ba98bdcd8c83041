//! The room `zoo`.

use fast_app::prelude::*;

/// Its name on the wire is `zoo|<zoo_id>`; clients enter it with `join_zoo`.
#[derive(RoomName, Deserialize)]
pub struct ZooRoom {
    // Edit: what tells one of these rooms from another.
    /// Which one.
    pub zoo_id: String,
}

impl Room for ZooRoom {
    async fn can_join(&self, _session: &Session) -> bool {
        // Edit: who may join? Nobody, until this says who.
        false
    }
}
