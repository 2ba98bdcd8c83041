use fast_app::register_room;

struct ChatRoom;
struct Chats;

#[register_room(ChatRoom)]
impl Chats {}

#[register_room(ChatRoom)]
struct Other;

fn main() {}
