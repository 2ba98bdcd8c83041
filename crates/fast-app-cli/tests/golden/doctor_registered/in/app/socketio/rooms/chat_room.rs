use fast_app::prelude::*;

#[derive(RoomName, Deserialize)]
pub struct ChatRoom;

impl Room for ChatRoom {}
