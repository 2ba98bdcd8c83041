mod chat_room;
#[path = "old.rs"]
mod zoo;

pub use chat_room::ChatRoom;
pub use zoo::{
    Lion,
    Zoo,
};
