//! What happens.

mod new_chat;
mod old_chat;

pub use new_chat::NewChat;
pub use old_chat::OldChat;
