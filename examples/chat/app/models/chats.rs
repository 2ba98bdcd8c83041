//! All of them.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Chat, Message, User};

/// The store: a clone is the same one.
#[derive(Clone, Debug)]
pub struct Chats(Arc<Store>);

#[derive(Debug)]
struct Store {
    users: Vec<User>,
    chats: Mutex<Vec<Chat>>,
}

impl Chats {
    /// Alice and Bob, "General" for both and "Private" for Alice.
    pub fn sample() -> Self {
        let (alice, bob) = (User::new("alice", "Alice"), User::new("bob", "Bob"));
        let chat = |id: &str, name: &str, members| Chat {
            id: id.to_owned(),
            name: name.to_owned(),
            members,
            last_message: None,
        };
        let chats = vec![
            chat("1", "General", vec![alice.clone(), bob.clone()]),
            chat("2", "Private", vec![alice.clone()]),
        ];
        Self(Arc::new(Store {
            users: vec![alice, bob],
            chats: Mutex::new(chats),
        }))
    }

    /// Everybody.
    pub fn users(&self) -> &[User] {
        &self.0.users
    }

    /// The user with this access token.
    pub fn user_by_token(&self, token: &str) -> Option<User> {
        self.0.users.iter().find(|user| user.id == token).cloned()
    }

    /// Every chat.
    pub fn all(&self) -> Vec<Chat> {
        self.0.chats.lock().clone()
    }

    /// Whether a user is a member of a chat. Async as a database's answer would be.
    pub async fn has_member(&self, chat_id: &str, user_id: &str) -> bool {
        let chats = self.0.chats.lock();
        let chat = chats.iter().find(|chat| chat.id == chat_id);
        chat.is_some_and(|chat| chat.members.iter().any(|user| user.id == user_id))
    }

    /// Adds a message to a chat and returns the chat, or nothing when there is no such chat.
    pub fn say(&self, chat_id: &str, text: String) -> Option<Chat> {
        let mut chats = self.0.chats.lock();
        let chat = chats.iter_mut().find(|chat| chat.id == chat_id)?;
        chat.last_message = Some(Message::new(chat_id, text));
        Some(chat.clone())
    }
}
