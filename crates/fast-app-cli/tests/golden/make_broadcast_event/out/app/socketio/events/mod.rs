//! What happens.

mod update_chat;

pub use update_chat::UpdateChat;
