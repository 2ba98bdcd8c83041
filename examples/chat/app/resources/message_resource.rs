//! How a message looks to clients.

use fast_app::prelude::*;

use crate::models::Message;

/// A message, with its time as Python's `isoformat` writes it.
pub struct MessageResource<'a>(pub &'a Message);

impl Resource for MessageResource<'_> {
    fn to_object(&self) -> Object {
        let Message {
            id,
            chat_id,
            text,
            created_at,
        } = self.0;
        Object::new()
            .field("_id", id)
            .field("chat_id", chat_id)
            .field("text", text)
            .field(
                "created_at",
                &created_at.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
            )
    }
}
