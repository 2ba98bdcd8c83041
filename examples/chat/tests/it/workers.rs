//! Several workers on one Redis.

use std::time::Instant;

use serde_json::json;
use testkit::{ConnectOptions, PythonManager, RedisServer, Server, StockClient, TIMEOUT, To};

use super::{say, text_of, worker};

async fn two_workers() -> (RedisServer, [Server; 2]) {
    let redis = RedisServer::spawn().await;
    let workers = [worker(&redis.url()).await, worker(&redis.url()).await];
    listeners(&redis, 2).await;
    (redis, workers)
}

/// Waits until so many workers listen.
async fn listeners(redis: &RedisServer, count: usize) {
    let start = Instant::now();
    loop {
        let answer = redis.cli(&["PUBSUB", "NUMSUB", "socketio"]).await;
        if answer.split_whitespace().last() == Some(count.to_string().as_str()) {
            return;
        }
        assert!(
            start.elapsed() < TIMEOUT,
            "{count} workers do not listen: {answer}"
        );
    }
}

async fn member(server: &Server, client: StockClient, token: &str) -> StockClient {
    let options = ConnectOptions {
        auth: json!({ "token": token }),
        ..ConnectOptions::default()
    };
    client.connect(server.url(), options).await.unwrap();
    client
        .call("join_chat", vec![json!({ "chat_id": "1" })])
        .await;
    client.expect("joined").await;
    client
}

#[tokio::test]
async fn a_post_to_one_worker_reaches_clients_of_both_once_and_in_order() {
    let (redis, workers) = two_workers().await;
    let clients = [
        member(&workers[0], StockClient::node(), "alice").await,
        member(&workers[1], StockClient::python(), "bob").await,
    ];
    let texts: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for text in &texts {
        say(&workers[0], "1", text).await;
    }
    // Through Redis, and last: whatever was to come has come before it.
    PythonManager::start(&redis.url())
        .emit("end", json!(null), To::room("chat|1"))
        .await;
    for client in clients {
        assert!(client.expect("end").await.is_empty());
        for text in &texts {
            assert_eq!(text_of(&client.expect("update_chat").await[0]), *text);
        }
        assert_eq!(client.log(), []);
    }
}

#[tokio::test]
async fn a_python_process_reaches_clients_of_both_workers() {
    let (redis, workers) = two_workers().await;
    let clients = [
        member(&workers[0], StockClient::node(), "alice").await,
        member(&workers[1], StockClient::python(), "bob").await,
    ];
    let python = PythonManager::start(&redis.url());
    let data = json!({ "big": 9_007_199_254_740_991_i64, "text": "ž😀", "list": [1, null, true] });
    python
        .emit("update_chat", data.clone(), To::room("chat|1"))
        .await;
    python
        .emit("update_chat", json!("not for them"), To::room("chat|2"))
        .await;
    python.emit("end", json!(null), To::default()).await;
    for client in clients {
        assert!(client.expect("end").await.is_empty());
        assert_eq!(
            client.expect("update_chat").await,
            std::slice::from_ref(&data)
        );
        assert_eq!(client.log(), []);
    }
}

#[tokio::test]
async fn without_redis_local_clients_are_served_and_the_error_is_said() {
    let mut redis = RedisServer::spawn().await;
    redis.stop().await;
    let server = worker(&redis.url()).await;
    let client = member(&server, StockClient::node(), "alice").await;
    let response =
        testkit::http::post(server.addr(), "/chats/1/messages", r#"{"text":"local"}"#).await;
    assert_eq!(response.status, 503);
    assert_eq!(text_of(&client.expect("update_chat").await[0]), "local");
    assert!(
        server.stderr().contains("redis cannot be heard"),
        "{}",
        server.stderr()
    );

    redis.start().await;
    listeners(&redis, 1).await;
    PythonManager::start(&redis.url())
        .emit("back", json!(1), To::room("chat|1"))
        .await;
    assert_eq!(client.expect("back").await, [json!(1)]);
    say(&server, "1", "again").await;
    assert_eq!(text_of(&client.expect("update_chat").await[0]), "again");
}
