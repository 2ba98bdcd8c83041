use fast_app::{Socket, namespace, register_room};

#[derive(Clone)]
struct Chats;

#[namespace]
#[register_room()]
impl Chats {
    fn on_blocking(&self) {}

    async fn on_exclusive(&mut self) {}

    async fn on_owned(self) {}

    async fn on_nothing() {}

    async fn on_generic<T>(&self, _value: T) {}

    async fn on_opaque(&self, _value: impl Copy) {}

    async fn on_late_socket(&self, _value: u8, _socket: &Socket) {}

    async fn on_mutable_socket(&self, _socket: &mut Socket) {}

    async fn on_owned_socket(&self, _socket: Socket) {}
}

fn main() {}
