//! People.

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id, which in this sample is also the access token.
    pub id: String,
    /// The name others see.
    pub name: String,
}

impl User {
    /// A user.
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
        }
    }
}
