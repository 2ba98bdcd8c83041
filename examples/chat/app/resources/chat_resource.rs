//! How a chat looks to clients.

use fast_app::prelude::*;

use super::{MessageResource, UserResource};
use crate::models::Chat;

/// A chat with its members and its last message.
pub struct ChatResource<'a>(pub &'a Chat);

impl Resource for ChatResource<'_> {
    fn to_object(&self) -> Object {
        Object::new()
            .field("_id", &self.0.id)
            .field("name", &self.0.name)
            .resources("members", self.0.members.iter().map(UserResource))
            .optional(
                "last_message",
                self.0.last_message.as_ref().map(MessageResource),
            )
    }
}
