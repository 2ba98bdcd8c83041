//! 4b, 4j: what may name a room, and what a refusal says.

use fast_app::{SocketIoBuilder, prelude::*};
use serde_json::{Value, json};

use super::{ask, connected, occupants};
use crate::serve;

#[derive(RoomName, Deserialize)]
struct ChatRoom {
    chat_id: String,
}

impl Room for ChatRoom {}

#[derive(RoomName, Deserialize)]
struct NumberRoom {
    number: i64,
}

impl Room for NumberRoom {}

#[derive(RoomName, Deserialize)]
struct LongRoom {
    first: String,
    second: String,
}

impl Room for LongRoom {}

fn builder() -> SocketIoBuilder {
    let namespace = Namespace::new("/")
        .room::<ChatRoom>()
        .room::<NumberRoom>()
        .room::<LongRoom>()
        .on("rooms", async |socket: Socket| {
            let rooms = socket.rooms();
            rooms.iter().map(ToString::to_string).collect::<Vec<_>>()
        });
    SocketIo::builder().namespace(namespace)
}

#[tokio::test]
async fn security_4b_identifiers_are_strings_or_integers_and_short() {
    let (_server, mut client) = connected(serve(builder()).await).await;
    let nested: Value =
        serde_json::from_str(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).unwrap();
    for id in [
        json!({"$ne": null}),
        json!({}),
        json!({"toString": "1"}),
        json!(["x"]),
        json!([]),
        json!(true),
        json!(false),
        json!(null),
        json!(""),
        json!(1.5),
        json!(1e300),
        json!(1e3),
        json!("x".repeat(201)),
        json!("é".repeat(101)),
        json!("x".repeat(70_000)),
        json!("a|b"),
        json!("|"),
        json!("a\u{0}b"),
        json!("a\nb"),
        json!("\u{7f}"),
        json!("\u{85}"),
        json!({"_placeholder": true, "num": 0}),
        nested,
    ] {
        for event in ["join_chat", "leave_chat"] {
            let (events, answer) = ask(&mut client, event, &json!({"chat_id": id})).await;
            let shown: String = id.to_string().chars().take(40).collect();
            assert_eq!(answer[0]["error"]["type"], "validation_error", "{shown}");
            assert_eq!(events, [json!(["error", answer[0]["error"]])], "{shown}");
        }
    }
    for payload in [
        json!(null),
        json!("1"),
        json!(1),
        json!(["1"]),
        json!([]),
        json!(true),
        json!({"id": "1"}),
    ] {
        let (_, answer) = ask(&mut client, "join_chat", &payload).await;
        assert_eq!(
            answer[0]["error"]["msg"], "chat_id is required",
            "{payload}"
        );
    }
    for id in [
        json!("x"),
        json!(1.0),
        json!("1 "),
        json!("0x1"),
        json!(u64::MAX),
    ] {
        let (_, answer) = ask(&mut client, "join_number", &json!({"number": id})).await;
        assert_eq!(answer[0]["error"]["type"], "validation_error", "{id}");
    }
    // Each part may be as long as this; the name may not.
    let both = json!({"first": "x".repeat(200), "second": "y".repeat(200)});
    let (_, answer) = ask(&mut client, "join_long", &both).await;
    assert_eq!(
        answer[0]["error"]["msg"],
        "room name of 406 bytes is too long"
    );
    let (_, answer) = ask(&mut client, "rooms", &json!(null)).await;
    assert_eq!(answer, json!([[]]), "nothing was joined");
}

#[tokio::test]
async fn security_4b_what_is_one_is_the_room_that_it_looks_like() {
    let (server, mut client) = connected(serve(builder()).await).await;
    for (id, room) in [
        (json!("1"), "chat|1".to_owned()),
        (json!(1), "chat|1".to_owned()),
        (json!(-1), "chat|-1".to_owned()),
        (json!(0), "chat|0".to_owned()),
        (json!(u64::MAX), format!("chat|{}", u64::MAX)),
        (json!(i64::MIN), format!("chat|{}", i64::MIN)),
        (json!("ž😀 \"\\"), "chat|ž😀 \"\\".to_owned()),
        (json!("x".repeat(200)), format!("chat|{}", "x".repeat(200))),
        (json!("null"), "chat|null".to_owned()),
        (json!("../etc"), "chat|../etc".to_owned()),
        (json!("*"), "chat|*".to_owned()),
    ] {
        let data = json!({"chat_id": id, "other": {"is": "ignored"}});
        let (events, answer) = ask(&mut client, "join_chat", &data).await;
        assert_eq!(
            (events, answer),
            (vec![json!(["joined"])], json!([{"ok": true, "room": room}]))
        );
        assert_eq!(occupants(&server, &room), 1, "{room}");
    }
    // Written in another way, it is another room: nothing is normalised, so nothing is by mistake.
    for (id, room) in [("01", "chat|01"), ("1 ", "chat|1 "), ("１", "chat|１")] {
        let (_, answer) = ask(&mut client, "join_chat", &json!({"chat_id": id})).await;
        assert_eq!(answer[0]["room"], room);
    }
}

/// A megabyte of nonsense is not sent back twice, and numbers of other clients, types and files are not named.
#[tokio::test]
async fn security_4j_refusals_say_little() {
    let (_server, mut client) = connected(serve(builder()).await).await;
    let nonsense = json!({"number": "x".repeat(900_000)});
    for (event, data) in [
        ("join_number", &nonsense),
        ("leave_number", &nonsense),
        ("join_number", &json!({"number": "x"})),
        ("join_chat", &json!({"chat_id": "x".repeat(900_000)})),
    ] {
        let (events, answer) = ask(&mut client, event, data).await;
        let (said, told) = (json!(events).to_string(), answer.to_string());
        for text in [said, told] {
            assert!(text.len() < 400, "{} bytes", text.len());
            for secret in ["src/", ".rs", "NumberRoom", "ChatRoom", " at line "] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}

#[test]
fn security_8_limits_of_rooms_are_those_of_the_docs() {
    let docs = include_str!("../../../../../docs/security.md");
    let guard = ChatRoom::GUARD_TIMEOUT.as_secs();
    let named = |length: usize| {
        let chat_id = "x".repeat(length);
        ChatRoom { chat_id }.room_name().is_ok()
    };
    let part = (1..).take_while(|length| named(*length)).count();
    for row in [
        format!("| `Room::GUARD_TIMEOUT` | {guard} s |"),
        format!("| one part of a room's identifier | fixed | {part} bytes |"),
    ] {
        assert!(docs.contains(&row), "{row}");
    }
}
