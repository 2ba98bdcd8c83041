//! Who may join a `ChatRoom`?

mod client;

use fast_app::prelude::*;
use serde_json::json;

use client::Client;

use shop::socketio::rooms::ChatRoom;

#[tokio::test]
async fn a_stranger_may_not_join() {
    let client = Client::connect(Namespace::new("/").room::<ChatRoom>()).await;
    let payload = json!({ "chat_id": "1" });
    let answer = client.call("join_chat", payload).await;
    assert_eq!(answer["ok"], false, "{answer}");
}

#[tokio::test]
async fn a_member_may_join() {
    let namespace = Namespace::new("/").on_connect(|socket: Socket| async move {
        // Edit: keep somebody in the session who may join, and expect true below.
        socket.session().insert("somebody");
    });
    let client = Client::connect(namespace.room::<ChatRoom>()).await;
    let payload = json!({ "chat_id": "1" });
    let answer = client.call("join_chat", payload).await;
    assert_eq!(answer["ok"], false, "{answer}");
}
