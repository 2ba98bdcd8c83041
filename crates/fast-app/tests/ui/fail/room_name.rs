use fast_app::RoomName;

#[derive(RoomName)]
struct ChatRoom(String);

#[derive(RoomName)]
enum AnyRoom {
    Chat,
}

#[derive(RoomName)]
#[room(name = "a|b", namespace = "admin")]
struct OddRoom {
    #[room(skipped)]
    chat_id: String,
}

fn main() {}
