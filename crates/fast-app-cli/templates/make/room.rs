//! The room `wire_name`.

use fast_app::prelude::*;

/// Its name on the wire is `wire_name|<wire_name_id>`; clients enter it with `join_wire_name`.
#[derive(RoomName, Deserialize)]
pub struct TypeName {
    // Edit: what tells one of these rooms from another.
    /// Which one.
    pub wire_name_id: String,
}

impl Room for TypeName {
    async fn can_join(&self, _session: &Session) -> bool {
        // Edit: who may join? Nobody, until this says who.
        false
    }
}
