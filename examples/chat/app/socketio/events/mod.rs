//! What clients are told.

mod presence;
mod update_chat;

pub use presence::Presence;
pub use update_chat::UpdateChat;
