use fast_app::{Socket, namespace};

struct Unreadable;

#[derive(Clone)]
struct Chats;

#[namespace]
impl Chats {
    async fn on_typing(&self, socket: &Socket, typing: Unreadable) {
        let _ = (socket, typing);
    }
}

fn main() {}
