//! How models look to clients.

mod chat_resource;
mod message_resource;
mod user_resource;

pub use chat_resource::ChatResource;
pub use message_resource::MessageResource;
pub use user_resource::UserResource;
