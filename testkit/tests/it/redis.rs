use std::time::Duration;

use serde_json::{Value, json};
use testkit::{PythonManager, RedisServer, Sentinel, To};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::process::Command;
use tokio::time::timeout;

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

/// What is answered to a PING.
async fn ping(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) -> String {
    stream.write_all(b"PING\r\n").await.expect("redis reads");
    let mut answer = vec![0; 64];
    let length = stream.read(&mut answer).await.expect("redis answers");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn a_frozen_redis_answers_when_it_is_thawed() {
    let redis = RedisServer::spawn().await;
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port()))
        .await
        .unwrap();
    assert_eq!(ping(&mut stream).await, "+PONG\r\n");
    redis.freeze().await;
    let mut pinged = std::pin::pin!(ping(&mut stream));
    let early = timeout(Duration::from_millis(50), &mut pinged).await;
    assert!(early.is_err(), "{early:?}");
    redis.thaw().await;
    assert_eq!(pinged.await, "+PONG\r\n");
}

#[tokio::test]
async fn redis_wants_its_password_from_new_connections() {
    let mut redis = RedisServer::spawn_with_password("first").await;
    assert!(redis.url().starts_with("redis://:first@127.0.0.1:"));
    let connect = async || {
        TcpStream::connect(("127.0.0.1", redis.port()))
            .await
            .unwrap()
    };
    assert!(ping(&mut connect().await).await.starts_with("-NOAUTH"));
    redis.set_password("second").await;
    assert_eq!(redis.cli(&["PING"]).await, "PONG");
    redis.stop().await;
    redis.start().await;
    assert_eq!(redis.cli(&["PING"]).await, "PONG");
}

#[tokio::test]
async fn redis_is_reached_by_its_other_ways() {
    let redis = RedisServer::spawn_with_tls().await;
    let url = redis.unix_url();
    let path = url.strip_prefix("unix://").unwrap();
    let mut stream = UnixStream::connect(path).await.unwrap();
    assert_eq!(ping(&mut stream).await, "+PONG\r\n");

    let output = Command::new("redis-cli")
        .args(["--tls", "-u", &redis.tls_url(), "--cacert"])
        .arg(redis.ca_certificate())
        .arg("PING")
        .output()
        .await
        .unwrap();
    assert_eq!(output.stdout, b"PONG\n", "{output:?}");

    let sentinel = Sentinel::spawn(&redis).await;
    assert!(sentinel.url().ends_with("/0/mymaster"));
}

#[tokio::test]
async fn subscribers_are_counted() {
    let redis = RedisServer::spawn().await;
    assert_eq!(redis.subscribers("socketio").await, 0);
    let _one = Subscriber::new(&redis, "socketio").await;
    let _two = Subscriber::new(&redis, "socketio").await;
    redis.until_subscribers("socketio", 2).await;
}
