//! `chat`.

mod chat_room;

pub use chat_room::ChatRoom;
