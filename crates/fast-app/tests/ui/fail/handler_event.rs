use fast_app::namespace;

#[derive(Clone)]
struct Chats;

#[namespace]
impl Chats {
    async fn on_connect_error(&self) {}

    async fn on_disconnecting(&self) {}

    async fn on_(&self) {}

    #[event(name = "removeListener")]
    async fn on_removed(&self) {}

    #[event(name = "anything")]
    async fn on_any(&self) {}

    #[event(name = "help")]
    fn helper(&self) {}
}

#[derive(Clone)]
struct Twice;

#[namespace]
impl Twice {
    async fn on_typing(&self) {}

    #[event(name = "typing")]
    async fn on_writing(&self) {}
}

fn main() {
    Chats.helper();
}
