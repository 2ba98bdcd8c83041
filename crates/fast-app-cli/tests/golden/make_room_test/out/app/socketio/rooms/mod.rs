//! Rooms that clients may join.

mod another_room;
mod chat_room;
mod zoo_room;

pub use another_room::AnotherRoom;
pub use chat_room::ChatRoom;
pub use zoo_room::ZooRoom;
