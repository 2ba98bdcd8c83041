//! Stock clients, over every transport.

use serde_json::json;
use testkit::{ConnectOptions, StockClient};

use super::{chat, say, text_of};

const TRANSPORTS: [&[&str]; 3] = [&["websocket"], &["polling"], &["polling", "websocket"]];

fn alice<'a>(transports: &'a [&'a str]) -> ConnectOptions<'a> {
    ConnectOptions {
        auth: json!({ "token": "alice" }),
        transports,
        ..ConnectOptions::default()
    }
}

async fn whole_flow(client: fn() -> StockClient) {
    let server = chat().await;
    for transports in TRANSPORTS {
        let client = client();
        client
            .connect(server.url(), alice(transports))
            .await
            .unwrap();
        client
            .transport_becomes(transports[transports.len() - 1])
            .await;
        let ack = client
            .call("join_chat", vec![json!({ "chat_id": "1" })])
            .await;
        assert_eq!(
            ack,
            [json!({ "ok": true, "room": "chat|1" })],
            "{transports:?}"
        );
        assert!(client.expect("joined").await.is_empty());
        for text in ["one", "ž😀"] {
            say(&server, "1", text).await;
            assert_eq!(
                text_of(&client.expect("update_chat").await[0]),
                text,
                "{transports:?}"
            );
        }
        client
            .emit("join_chat", vec![json!({ "chat_id": "404" })])
            .await;
        assert_eq!(
            client.expect("error").await,
            [json!({ "type": "forbidden", "room": "chat|404" })]
        );
        client
            .call("leave_chat", vec![json!({ "chat_id": "1" })])
            .await;
        assert!(client.expect("left").await.is_empty());
        say(&server, "1", "nobody is there").await;
        client.call("nothing", vec![]).await;
        assert_eq!(client.log(), [], "{transports:?}");
        client.disconnect().await;
    }
}

async fn refusals(client: fn() -> StockClient) {
    let server = chat().await;
    for transports in TRANSPORTS {
        for (auth, want) in [
            (json!({}), json!({ "message": "No access token provided" })),
            (
                json!({ "token": "mallory" }),
                json!({ "message": "Invalid access token" }),
            ),
        ] {
            let options = ConnectOptions {
                auth,
                transports,
                ..ConnectOptions::default()
            };
            let refused = client().connect(server.url(), options).await.unwrap_err();
            assert_eq!(refused["message"], want["message"], "{transports:?}");
        }
    }
}

#[tokio::test]
async fn socket_io_client_does_everything() {
    whole_flow(StockClient::node).await;
}

#[tokio::test]
async fn python_socketio_does_everything() {
    whole_flow(StockClient::python).await;
}

#[tokio::test]
async fn socket_io_client_is_refused_in_words() {
    refusals(StockClient::node).await;
}

#[tokio::test]
async fn python_socketio_is_refused_in_words() {
    refusals(StockClient::python).await;
}
