use serde_json::{Value, json};
use testkit::{PythonManager, RedisServer, To};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection in Redis's own protocol, subscribed to one channel.
struct Subscriber(BufReader<TcpStream>);

impl Subscriber {
    async fn new(redis: &RedisServer, channel: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", redis.port()))
            .await
            .expect("redis listens");
        let mut subscriber = Self(BufReader::new(stream));
        let command = format!("SUBSCRIBE {channel}\r\n");
        subscriber
            .0
            .get_mut()
            .write_all(command.as_bytes())
            .await
            .expect("redis reads");
        // *3 $9 subscribe $<n> <channel> :1
        for _ in 0..6 {
            subscriber.line().await;
        }
        subscriber
    }

    async fn message(&mut self) -> Value {
        // *3 $7 message $<n> <channel> $<n> <text>
        for _ in 0..6 {
            self.line().await;
        }
        serde_json::from_str(&self.line().await).expect("messages are JSON")
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.expect("redis answers");
        line
    }
}

#[tokio::test]
async fn redis_is_empty_and_on_the_same_port_after_an_outage() {
    let mut redis = RedisServer::spawn().await;
    let url = redis.url();
    assert_eq!(redis.cli(&["SET", "key", "value"]).await, "OK");
    redis.stop().await;
    assert!(
        TcpStream::connect(("127.0.0.1", redis.port()))
            .await
            .is_err()
    );
    redis.start().await;
    assert_eq!(redis.url(), url);
    assert_eq!(redis.cli(&["GET", "key"]).await, "");
}

#[tokio::test]
async fn a_python_manager_publishes() {
    let redis = RedisServer::spawn().await;
    let mut subscriber = Subscriber::new(&redis, "socketio").await;
    let manager = PythonManager::start(&redis.url());

    manager
        .emit("update_chat", json!({"_id": "1"}), To::room("chat|1"))
        .await;
    let mut message = subscriber.message().await;
    assert_eq!(message["host_id"].take().as_str().map(str::len), Some(32));
    let expected = json!({
        "method": "emit", "event": "update_chat", "data": [{"_id": "1"}], "binary": false, "namespace": "/",
        "room": "chat|1", "skip_sid": null, "callback": null, "host_id": null,
    });
    assert_eq!(message, expected);

    let to = To {
        room: json!(["a", "b"]),
        namespace: "/admin",
        skip_sid: json!("sid"),
    };
    manager.emit("two", json!({"tuple": [1, [2]]}), to).await;
    let message = subscriber.message().await;
    assert_eq!(message["data"], json!([1, [2]]));
    assert_eq!(message["room"], json!(["a", "b"]));
    assert_eq!(
        (&message["namespace"], &message["skip_sid"]),
        (&json!("/admin"), &json!("sid"))
    );

    manager
        .emit("bytes", json!({"$bin": "AQID"}), To::default())
        .await;
    let message = subscriber.message().await;
    assert_eq!(
        message["data"],
        json!([[{"_placeholder": true, "num": 0}], "AQID"])
    );

    manager
        .call("close_room", json!({"room": "chat|1", "namespace": "/"}))
        .await;
    assert_eq!(subscriber.message().await["method"], "close_room");
}

#[tokio::test]
#[should_panic(expected = "could not publish")]
async fn a_python_manager_without_redis_panics() {
    let mut redis = RedisServer::spawn().await;
    redis.stop().await;
    PythonManager::start(&redis.url())
        .emit("x", Value::Null, To::default())
        .await;
}
