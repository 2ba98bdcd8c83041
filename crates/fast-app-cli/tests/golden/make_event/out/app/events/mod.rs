//! What happens.

mod new_chat;

pub use new_chat::NewChat;
