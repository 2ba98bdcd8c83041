use fast_app::{namespace, register_room};

struct ChatRoom;

#[derive(Clone)]
struct Chats;

#[namespace]
#[register_room(ChatRoom)]
impl Chats {}

fn main() {}
