//! Rooms that clients may join.

mod another_room;
mod zoo_room;

pub use another_room::AnotherRoom;
pub use zoo_room::ZooRoom;
