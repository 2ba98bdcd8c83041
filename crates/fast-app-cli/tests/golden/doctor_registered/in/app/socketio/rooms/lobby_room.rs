use fast_app::prelude::*;

#[derive(RoomName, Deserialize)]
pub struct LobbyRoom;

impl Room for LobbyRoom {}
