//! How models look to clients.

mod chat_resource;

pub use chat_resource::ChatResource;
