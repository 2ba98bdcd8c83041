use fast_app::RoomName;

#[derive(RoomName)]
struct ChatRoom {
    chat_id: Option<String>,
}

fn main() {}
