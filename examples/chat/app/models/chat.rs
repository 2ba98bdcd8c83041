//! Chats.

use super::{Message, User};

/// A chat, its members, and the last thing that was said in it.
#[derive(Clone, Debug)]
pub struct Chat {
    /// The chat's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Who may join.
    pub members: Vec<User>,
    /// The newest message.
    pub last_message: Option<Message>,
}
