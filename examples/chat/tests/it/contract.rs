//! The contract, to the byte.

use serde_json::{Value, json};
use testkit::{RawSocket, http};

use super::{chat, say};

const ALICE: &str = r#"{"token":"alice"}"#;
const BOB: &str = r#"{"token":"bob"}"#;

#[tokio::test]
async fn refusals_say_why() {
    let server = chat().await;
    let no_token = r#"44{"message":"No access token provided"}"#;
    let bad_token = r#"44{"message":"Invalid access token"}"#;
    for (auth, want) in [
        ("", no_token),
        ("{}", no_token),
        ("null", no_token),
        (r#"{"token":null}"#, no_token),
        (r#"{"token":""}"#, no_token),
        (r#""alice""#, no_token),
        ("[\"alice\"]", no_token),
        (r#"{"token":"mallory"}"#, bad_token),
        (r#"{"token":"Alice"}"#, bad_token),
        (r#"{"token":["alice"]}"#, bad_token),
        (r#"{"token":{"$ne":null}}"#, bad_token),
    ] {
        let mut socket = RawSocket::engineio(server.addr()).await;
        socket.send_text(format!("40{auth}")).await;
        socket.expect_text(want).await;
    }
}

#[tokio::test]
async fn joining_and_leaving_answer_with_an_event_and_an_ack() {
    let server = chat().await;
    let mut bob = RawSocket::socketio(server.addr(), BOB).await;
    let forbidden = |room: &str| json!({ "type": "forbidden", "room": room });
    let invalid = |msg: &str| json!({ "type": "validation_error", "msg": msg });
    let required = invalid("chat_id is required");
    let id = 7;
    for (event, data, want) in [
        ("join_chat", json!({ "chat_id": "1" }), Ok("chat|1")),
        ("join_chat", json!({ "chat_id": "1" }), Ok("chat|1")),
        ("join_chat", json!({ "chat_id": 1 }), Ok("chat|1")),
        (
            "join_chat",
            json!({ "chat_id": "1", "other": [1] }),
            Ok("chat|1"),
        ),
        (
            "join_chat",
            json!({ "chat_id": "2" }),
            Err(forbidden("chat|2")),
        ),
        (
            "join_chat",
            json!({ "chat_id": "404" }),
            Err(forbidden("chat|404")),
        ),
        (
            "join_chat",
            json!({ "chat_id": " 1" }),
            Err(forbidden("chat| 1")),
        ),
        (
            "join_chat",
            json!({ "chat_id": "ž😀" }),
            Err(forbidden("chat|ž😀")),
        ),
        ("join_chat", json!({}), Err(required.clone())),
        (
            "join_chat",
            json!({ "chat_id": null }),
            Err(required.clone()),
        ),
        ("join_chat", json!({ "chat_id": "" }), Err(required.clone())),
        ("join_chat", json!(null), Err(required.clone())),
        ("join_chat", json!("1"), Err(required.clone())),
        ("join_chat", json!([]), Err(required.clone())),
        (
            "join_chat",
            json!({ "chat_id": true }),
            Err(invalid("chat_id must be a string or an integer")),
        ),
        (
            "join_chat",
            json!({ "chat_id": {"$ne": null} }),
            Err(invalid("chat_id must be a string or an integer")),
        ),
        (
            "join_chat",
            json!({ "chat_id": "1|2" }),
            Err(invalid("chat_id must not contain '|'")),
        ),
        (
            "join_chat",
            json!({ "chat_id": "1\u{0}" }),
            Err(invalid("chat_id must not contain control characters")),
        ),
        (
            "join_chat",
            json!({ "chat_id": "x".repeat(201) }),
            Err(invalid("chat_id is longer than 200 bytes")),
        ),
        ("leave_chat", json!({ "chat_id": "1" }), Ok("chat|1")),
        ("leave_chat", json!({ "chat_id": "2" }), Ok("chat|2")),
        ("leave_chat", json!({}), Err(required)),
    ] {
        let packet = json!([event, data]);
        bob.send_text(format!("42{id}{packet}")).await;
        match want {
            Ok(room) => {
                let done = if event == "join_chat" {
                    "joined"
                } else {
                    "left"
                };
                bob.expect_text(&format!(r#"42["{done}"]"#)).await;
                bob.expect_text(&format!(r#"43{id}[{{"ok":true,"room":"{room}"}}]"#))
                    .await;
            }
            Err(error) => {
                // Compared as values: the order of keys in an error is not part of the contract.
                let event: Value = json_behind("42", &bob.recv_text().await);
                assert_eq!(event, json!(["error", error]), "{packet}");
                let ack: Value = json_behind(&format!("43{id}"), &bob.recv_text().await);
                assert_eq!(ack, json!([{ "ok": false, "error": error }]), "{packet}");
            }
        }
    }
}

#[tokio::test]
async fn a_message_reaches_members_with_nested_resources() {
    let server = chat().await;
    let mut alice = RawSocket::socketio(server.addr(), ALICE).await;
    alice.send_text(r#"42["join_chat",{"chat_id":"1"}]"#).await;
    alice.expect_text(r#"42["joined"]"#).await;
    let text = "žluť 😀 \u{2028} </script> \" \\";
    say(&server, "1", text).await;
    let frame = alice.recv_text().await;
    let head = r#"42["update_chat",{"_id":"1","name":"General","members":[{"_id":"alice","name":"Alice"},{"_id":"bob","name":"Bob"}],"last_message":{"_id":""#;
    assert!(frame.starts_with(head), "{frame}");
    let message = &json_behind("42", &frame)[1]["last_message"];
    let id = message["_id"].as_str().unwrap();
    assert!(
        id.len() == 24 && id.chars().all(|c| c.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(
        (&message["chat_id"], &message["text"]),
        (&json!("1"), &json!(text))
    );
    let time = message["created_at"].as_str().unwrap();
    assert!(
        chrono::DateTime::parse_from_rfc3339(time).is_ok()
            && time.len() == 32
            && time.ends_with("+00:00"),
        "{time}"
    );
}

#[tokio::test]
async fn only_who_has_joined_gets_messages() {
    let server = chat().await;
    let mut alice = RawSocket::socketio(server.addr(), ALICE).await;
    let mut bob = RawSocket::socketio(server.addr(), BOB).await;
    alice.send_text(r#"420["join_chat",{"chat_id":"2"}]"#).await;
    alice.expect_text(r#"42["joined"]"#).await;
    alice.recv_text().await;
    bob.send_text(r#"420["join_chat",{"chat_id":"2"}]"#).await;
    bob.expect_text(r#"42["error",{"type":"forbidden","room":"chat|2"}]"#)
        .await;
    bob.recv_text().await;
    say(&server, "2", "for alice").await;
    assert!(alice.recv_text().await.contains("for alice"));
    // What bob hears next is the answer to his question: nothing came before it.
    bob.send_text(r#"421["nothing"]"#).await;
    bob.expect_text("431[]").await;
}

#[tokio::test]
async fn typing_is_told_to_the_others_in_the_chat() {
    let server = chat().await;
    let mut alice = RawSocket::socketio(server.addr(), ALICE).await;
    let mut bob = RawSocket::socketio(server.addr(), BOB).await;
    bob.send_text(r#"42["typing",{"chat_id":"1"}]"#).await;
    for socket in [&mut alice, &mut bob] {
        socket.send_text(r#"42["join_chat",{"chat_id":"1"}]"#).await;
        socket.expect_text(r#"42["joined"]"#).await;
    }
    bob.send_text(r#"42["typing",{"chat_id":"1"}]"#).await;
    let event = json_behind("42", &alice.recv_text().await);
    assert_eq!(
        event,
        json!(["user_typing", { "chat_id": "1", "user": { "_id": "bob", "name": "Bob" } }])
    );
    alice.send_text(r#"420["nothing"]"#).await;
    alice.expect_text("430[]").await;
}

#[tokio::test]
async fn http_answers_with_the_right_status() {
    let server = chat().await;
    let addr = server.addr();
    for (path, said) in [
        ("/health", r#"{"status":"ok"}"#),
        ("/ready", r#"{"status":"ready"}"#),
    ] {
        let answer = http::get(addr, path).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, said));
    }
    let path = "/chats/1/messages";
    for (path, body, want) in [
        ("/chats/404/messages", r#"{"text":"x"}"#.to_owned(), 404),
        (path, "{}".to_owned(), 422),
        (path, r#"{"text":5}"#.to_owned(), 422),
        (path, r#"{"text":null}"#.to_owned(), 422),
        (path, "[]".to_owned(), 422),
        (path, "not json".to_owned(), 422),
        (path, String::new(), 422),
        (
            path,
            format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000_000)),
            413,
        ),
        (
            path,
            format!(r#"{{"text":"{}"}}"#, "x".repeat(200_000)),
            200,
        ),
    ] {
        let response = http::post(addr, path, &body).await;
        assert_eq!(response.status, want, "{path} {body:.40}");
        assert!(response.json().is_object(), "{path} {body:.40}");
    }
}

fn json_behind(prefix: &str, frame: &str) -> Value {
    let json = frame
        .strip_prefix(prefix)
        .unwrap_or_else(|| panic!("{frame} does not begin with {prefix}"));
    serde_json::from_str(json).unwrap()
}
