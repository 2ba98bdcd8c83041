use fast_app::prelude::*;

#[derive(RoomName, Deserialize)]
pub struct SideRoom;

impl Room for SideRoom {}
