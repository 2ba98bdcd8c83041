use fast_app::{Socket, namespace};

struct Chats;

#[namespace]
impl Chats {
    async fn on_typing(&self, socket: &Socket) {
        let _ = socket;
    }

    async fn on_reading(&self) {}
}

fn main() {}
