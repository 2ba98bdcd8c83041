//! Rooms that clients may join.

mod chat_room;
mod presence_room;

pub use chat_room::ChatRoom;
pub use presence_room::PresenceRoom;
