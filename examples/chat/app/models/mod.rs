//! Users, chats and messages, kept in memory.

mod chat;
mod chats;
mod message;
mod user;

pub use chat::Chat;
pub use chats::Chats;
pub use message::Message;
pub use user::User;
