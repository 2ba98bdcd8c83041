//! Rooms that clients may join.

mod chat_room;

pub use chat_room::ChatRoom;
