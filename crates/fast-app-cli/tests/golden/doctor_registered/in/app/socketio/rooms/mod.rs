//! Rooms that clients may join.

mod chat_room;
mod lobby_room;

pub use chat_room::ChatRoom;
pub use lobby_room::LobbyRoom;
