use fast_app::namespace;

#[derive(Clone)]
struct Chats;

#[namespace("admin")]
impl Chats {}

#[namespace("/a,b")]
impl Chats {}

#[namespace(ADMIN)]
impl Chats {}

#[namespace]
struct Other;

#[namespace]
impl Default for Chats {
    fn default() -> Self {
        Self
    }
}

fn main() {
    let _ = Chats::default();
}
