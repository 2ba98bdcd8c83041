//! How a user looks to clients.

use fast_app::prelude::*;

use crate::models::User;

/// `{"_id":"alice","name":"Alice"}`
pub struct UserResource<'a>(pub &'a User);

impl Resource for UserResource<'_> {
    fn to_object(&self) -> Object {
        Object::new()
            .field("_id", &self.0.id)
            .field("name", &self.0.name)
    }
}
