//! The names that the derives give, with and without attributes.

use std::fmt::Display;

use fast_app::{Event, RoomName};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize)]
struct UpdateChatEvent {
    chat_id: String,
}

#[derive(Event, Serialize)]
#[event(name = "newMessage")]
enum Message {
    Text(String),
}

#[derive(Event, Serialize)]
struct Changed<'a, T: Clone, const N: usize>
where
    T: Serialize,
{
    values: &'a [T],
}

#[derive(RoomName, Deserialize)]
struct ChatRoom {
    chat_id: String,
}

#[derive(RoomName, Deserialize)]
struct LobbyRoom;

#[derive(RoomName, Deserialize)]
#[room(name = "topic", namespace = "/admin")]
struct ThreadRoom<T: Display> {
    r#type: T,
    #[serde(default, rename = "id")]
    thread_id: u64,
    #[room(skip)]
    password: Option<String>,
}

fn main() {
    assert_eq!(UpdateChatEvent::NAME, "update_chat");
    assert_eq!(Message::NAME, "newMessage");
    assert_eq!(Changed::<u8, 1>::NAME, "changed");

    assert_eq!(ChatRoom::KEY, "chat");
    assert_eq!(ChatRoom::FIELDS, ["chat_id"]);
    assert_eq!(ChatRoom::NAMESPACE, None);
    let room = ChatRoom {
        chat_id: "1".to_owned(),
    };
    assert_eq!(room.identifiers(), ["1"]);

    assert_eq!(LobbyRoom::KEY, "lobby");
    assert!(LobbyRoom.identifiers().is_empty());

    assert_eq!(ThreadRoom::<u8>::KEY, "topic");
    assert_eq!(ThreadRoom::<u8>::FIELDS, ["type", "id"]);
    assert_eq!(ThreadRoom::<u8>::NAMESPACE, Some("/admin"));
    let room = ThreadRoom {
        r#type: "a",
        thread_id: 2,
        password: None,
    };
    assert_eq!(room.identifiers(), ["a", "2"]);
}
