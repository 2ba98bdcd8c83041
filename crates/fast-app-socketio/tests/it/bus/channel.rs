//! What other programs write to a channel of Redis, and what becomes of it.

use std::sync::Arc;

use fast_app_socketio::{
    Emit, EmitError, Manager, Payload, SocketIo,
    bus::{BusError, RedisBus},
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use testkit::{PythonManager, RawSocket, RedisServer, StockClient, TIMEOUT, To};
use tokio::time::{Instant, timeout};

use super::{Workers, redis_bus, until, until_listening, worker};
use crate::{diary, news, start};

/// Two workers on a Redis, and the Redis.
async fn redis_workers() -> (RedisServer, Workers) {
    let redis = RedisServer::spawn().await;
    let workers = Workers::start(|| redis_bus(&redis)).await;
    (redis, workers)
}

#[tokio::test]
async fn python_publishes_to_both_workers() {
    let (redis, mut workers) = redis_workers().await;
    let [a, b] = [&workers.a, &workers.b].map(|client| client.sid().to_owned());
    let python = PythonManager::start(&redis.url());
    for (data, args) in [
        (Value::Null, ""),
        (json!("ž😀"), r#","\u017e\ud83d\ude00""#),
        (json!({"a": [1, null, true]}), r#",{"a": [1, null, true]}"#),
        (json!([1, 2]), ",[1, 2]"),
        (json!([]), ",[]"),
        (
            json!({"tuple": [1, "b", {"c": 1.0}]}),
            r#",1, "b", {"c": 1.0}"#,
        ),
        (json!({"tuple": [null, null]}), ",null, null"),
        (json!({"tuple": []}), ""),
    ] {
        python.emit("ev", data, To::default()).await;
        let expected = format!(r#"42["ev"{args}]"#);
        workers.a.expect_text(&expected).await;
        workers.b.expect_text(&expected).await;
    }

    let bytes: Vec<u8> = (0..=255).collect();
    let data = json!({"tuple": [
        {"name": "x", "data": StockClient::binary(&bytes)},
        StockClient::binary([]),
    ]});
    python.emit("bin", data, To::room("both")).await;
    for client in [&mut workers.a, &mut workers.b] {
        let text = client.recv_text().await;
        let args: Value = serde_json::from_str(text.strip_prefix("452-").unwrap()).unwrap();
        let hole = |num| json!({"_placeholder": true, "num": num});
        assert_eq!(
            args,
            json!(["bin", {"name": "x", "data": hole(0)}, hole(1)])
        );
        assert_eq!(client.recv_binary().await, bytes);
        assert_eq!(client.recv_binary().await, [0; 0]);
    }

    let to = |room: Value, skip_sid: Value| To {
        room,
        skip_sid,
        ..To::default()
    };
    for (room, skip_sid, hears) in [
        (json!("both"), Value::Null, [true, true]),
        (json!(a), Value::Null, [true, false]),
        (json!([a, b, "both"]), Value::Null, [true, true]),
        (json!(["none", b]), Value::Null, [false, true]),
        (json!([]), Value::Null, [false, false]),
        (Value::Null, json!(a), [false, true]),
        (json!("both"), json!([a, b]), [false, false]),
    ] {
        python.emit("ev", json!(1), to(room, skip_sid)).await;
        python.emit("marker", Value::Null, To::default()).await;
        for (client, hears) in [&mut workers.a, &mut workers.b].into_iter().zip(hears) {
            if hears {
                client.expect_text(r#"42["ev",1]"#).await;
            }
            client.expect_text(r#"42["marker"]"#).await;
        }
    }
}

#[tokio::test]
async fn python_moves_and_disconnects_sockets() {
    let (redis, mut workers) = redis_workers().await;
    let b = workers.b.sid().to_owned();
    let python = PythonManager::start(&redis.url());
    let member = |room: &str| json!({"sid": b, "namespace": "/", "room": room});
    python.call("enter_room", member("one")).await;
    python.call("enter_room", member("two")).await;
    python.call("leave_room", member("one")).await;
    python.emit("one", Value::Null, To::room("one")).await;
    python.emit("two", Value::Null, To::room("two")).await;
    workers.b.expect_text(r#"42["two"]"#).await;
    python
        .call("close_room", json!({"room": "two", "namespace": "/"}))
        .await;
    python.emit("two", Value::Null, To::room("two")).await;
    let other = To {
        namespace: "/other",
        ..To::default()
    };
    python.emit("ev", Value::Null, other).await;
    // Its `disconnect` needs a server in its own process.
    python
        .call("can_disconnect", json!({"sid": b, "namespace": "/"}))
        .await;
    workers.b.expect_text("41").await;
    workers
        .diary
        .expect(&format!("{b} server disconnect"))
        .await;
}

/// Publishes what `redis-cli` cannot take as an argument.
async fn publish(redis: &RedisServer, message: &[u8]) {
    let client = redis::Client::open(redis.url()).unwrap();
    // The workers are in this thread too, and take their time to read a large message.
    let patient = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(TIMEOUT));
    let connection = client.get_multiplexed_async_connection_with_config(&patient);
    let mut connection = connection.await.unwrap();
    let mut publish = redis::cmd("PUBLISH");
    let published = publish.arg("socketio").arg(message);
    published.exec_async(&mut connection).await.unwrap();
}

/// A message of python-socketio as `json.dumps` writes it.
fn python_emit(data: &str) -> String {
    format!(
        r#"{{"method": "emit", "event": "ev", "data": {data}, "binary": false, "namespace": "/", "room": null, "skip_sid": null, "callback": null, "host_id": "d1fb7d29ec2c4dd08ab2f1a0bf3ba3a4"}}"#
    )
}

#[tokio::test]
async fn what_python_writes_is_not_parsed_on_the_way() {
    let (redis, mut workers) = redis_workers().await;
    for args in [
        "1180591620717411303424",
        "1.0",
        "-0.0",
        "1e+22",
        "0.1234567890123456789",
        r#"{"zebra": 1, "apple": 2, "mango": {"b": 1, "a": 2}}"#,
        r#"{"a": 1, "a": 2}"#,
        r#""\ud800""#,
        r#""\u017e \/ \u0000""#,
    ] {
        let message = python_emit(&format!("[{args}]"));
        assert_eq!(redis.cli(&["PUBLISH", "socketio", &message]).await, "2");
        let expected = format!(r#"42["ev",{args}]"#);
        workers.a.expect_text(&expected).await;
        workers.b.expect_text(&expected).await;
    }
}

#[tokio::test]
async fn what_is_no_message_is_dropped_and_the_next_is_heard() {
    let (redis, mut workers) = redis_workers().await;
    let good = python_emit("[1]");
    let messages = [
        "",
        "hello",
        "\u{80}\u{4}\u{95}pickle",
        "a:1:{s:6:\"method\";}",
        "[]",
        "null",
        "{}",
        r#"{"method": 1}"#,
        r#"{"method": "emit"}"#,
        r#"{"method": "unknown", "host_id": "x"}"#,
        r#"{"method": "disconnect"}"#,
        r#"{"method": "enter_room", "sid": 1, "room": 2, "namespace": 3}"#,
        &python_emit("[NaN]"),
        &python_emit("[Infinity]"),
        &good.replace(r#""room": null, "#, ""),
        &good.replace(r#""room": null"#, r#""room": 1"#),
        &good.replace(r#""room": null"#, r#""room": [1]"#),
        &good.replace(r#""room": null"#, r#""room": []"#),
        &good.replace(r#""ev""#, r#""connect""#),
        &good.replace(r#""ev""#, "7"),
        &good.replace(r#""binary": false"#, r#""binary": 7"#),
        &good.replace(r#"[1], "binary": false"#, r#"[], "binary": true"#),
        &good.replace(r#"[1], "binary": false"#, r#"[[1], "!"], "binary": true"#),
        &good[..good.len() - 1],
        &format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000)),
    ];
    for message in messages {
        redis.cli(&["PUBLISH", "socketio", message]).await;
    }
    // {"method": "emit"} of python-socketio before 5.14, and something that only begins like it.
    for pickle in [
        &b"\x80\x04\x95\x18\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x06method\x94\x8c\x04emit\x94s."[..],
        b"\x80\x04",
    ] {
        publish(&redis, pickle).await;
    }
    // {"method": "emit"} as msgpack, and the beginning of anything that gzip has compressed.
    let others = [
        &b"\x81\xa6method\xa4emit"[..],
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
        b"\xff",
    ];
    for message in others {
        publish(&redis, message).await;
    }
    redis.cli(&["PUBLISH", "another channel", &good]).await;
    let elsewhere = good.replace(r#""namespace": "/""#, r#""namespace": "/unknown""#);
    redis.cli(&["PUBLISH", "socketio", &elsewhere]).await;
    redis
        .cli(&["PUBLISH", "socketio", &python_emit("[\"last\"]")])
        .await;
    workers.a.expect_text(r#"42["ev","last"]"#).await;
    workers.b.expect_text(r#"42["ev","last"]"#).await;
    for server in &workers.servers {
        let stats = server.manager().stats();
        assert_eq!(
            (stats.dropped, stats.pickled),
            ((messages.len() + others.len()) as u64 + 2, 2)
        );
    }
}

#[tokio::test]
async fn a_message_may_name_a_hundred_thousand_rooms_and_sids() {
    let (redis, mut workers) = redis_workers().await;
    let names: Vec<String> = (0..100_000)
        .map(|number| format!("name {number}"))
        .collect();
    let names = json!(names).to_string();
    for (key, hears) in [("room", false), ("skip_sid", true)] {
        let whole = format!(r#""{key}": {names}"#);
        let message = python_emit("[1]").replace(&format!(r#""{key}": null"#), &whole);
        publish(&redis, message.as_bytes()).await;
        publish(&redis, python_emit("[2]").as_bytes()).await;
        for client in [&mut workers.a, &mut workers.b] {
            if hears {
                client.expect_text(r#"42["ev",1]"#).await;
            }
            client.expect_text(r#"42["ev",2]"#).await;
        }
    }
    assert_eq!(workers.servers[0].manager().stats().dropped, 0);
}

#[tokio::test]
async fn an_answer_is_taken_from_nobody_who_was_not_asked() {
    let (redis, workers) = redis_workers().await;
    let client = redis::Client::open(redis.url()).unwrap();
    let mut spy = client.get_async_pubsub().await.unwrap();
    spy.subscribe("socketio").await.unwrap();
    let mut heard = spy.into_on_message();
    let ask = Emit::new("ready?", Payload::empty()).to(["both"]);
    let asked = workers
        .outsider
        .emit_collecting(ask, Instant::now() + TIMEOUT);
    let (_, mut collecting) = asked.await.unwrap();
    let question = async {
        loop {
            let message = heard.next().await.unwrap();
            let message: Value = serde_json::from_slice(message.get_payload_bytes()).unwrap();
            if message["method"] == "emit" {
                return message;
            }
        }
    };
    let question = timeout(TIMEOUT, question).await.unwrap();
    let answer = json!({
        "method": "callback", "host_id": question["host_id"], "sid": "both", "namespace": "/",
        "id": question["callback"][2], "args": ["true"],
    });
    for (key, value) in [
        ("host_id", json!("0123456789abcdef0123456789abcdef")),
        ("sid", json!("other")),
        ("namespace", json!("/other")),
        ("id", json!(question["callback"][2].as_u64().unwrap() + 1)),
        ("id", json!("1")),
    ] {
        let mut forged = answer.clone();
        forged[key] = value;
        forged["args"] = json!(["forged"]);
        publish(&redis, forged.to_string().as_bytes()).await;
    }
    publish(&redis, answer.to_string().as_bytes()).await;
    let first = timeout(TIMEOUT, collecting.next()).await.unwrap().unwrap();
    assert_eq!(first.iter().next().unwrap().get(), r#""true""#);
}

#[tokio::test]
async fn a_channel_keeps_applications_apart_and_a_database_does_not() {
    let redis = RedisServer::spawn().await;
    let (pen, _diary) = diary();
    let bus = |database: u8, channel: &str| {
        let url = redis.url().replace("/0", &format!("/{database}"));
        let bus = RedisBus::builder(url).channel(channel).build().unwrap();
        Manager::new(Arc::new(bus))
    };
    let (_shop, shop) = worker(bus(0, "shop"), &pen).await;
    let (_blog, blog) = worker(bus(0, "blog"), &pen).await;
    let (_other, other) = worker(bus(1, "blog"), &pen).await;
    let mut shop = RawSocket::socketio(shop, "").await;
    let mut blog = RawSocket::socketio(blog, "").await;
    let mut other = RawSocket::socketio(other, "").await;
    let delivery = bus(2, "blog").emit(news()).await.unwrap();
    assert_eq!(delivery.workers, Some(2));
    PythonManager::start_on(&redis.url(), "shop")
        .emit("sale", Value::Null, To::default())
        .await;
    shop.expect_text(r#"42["sale"]"#).await;
    for client in [&mut blog, &mut other] {
        client.expect_text(r#"42["news"]"#).await;
        crate::expect_silence(client).await;
    }
}

#[tokio::test]
async fn what_workers_would_not_read_is_not_sent() {
    let (redis, mut workers) = redis_workers().await;
    let bus = RedisBus::builder(redis.url()).max_message(10_000);
    let manager = Manager::new(Arc::new(bus.build().unwrap()));
    let rooms = |count: usize| {
        (0..count)
            .map(|number| format!("room {number:04}"))
            .chain(["both".to_owned()])
    };
    manager.emit(news().to(rooms(500))).await.unwrap();
    let error = manager.emit(news().to(rooms(1_000))).await.unwrap_err();
    assert!(
        matches!(
            error,
            EmitError::Bus(BusError::TooLarge { limit: 10_000, .. })
        ),
        "{error}"
    );
    for client in [&mut workers.a, &mut workers.b] {
        client.expect_text(r#"42["news"]"#).await;
        crate::expect_silence(client).await;
    }
}

#[tokio::test]
async fn a_server_starts_without_redis_and_hears_it_when_it_comes() {
    let mut redis = RedisServer::spawn().await;
    redis.stop().await;
    let manager = Manager::from_url(&redis.url()).unwrap();
    let (server, addr) = start(
        SocketIo::builder()
            .manager(manager.clone())
            .namespace(crate::echo("/")),
    )
    .await;
    assert!(!manager.is_listening());
    let mut client = crate::echo_client(addr).await;
    crate::expect_silence(&mut client).await;
    // Its own clients get what is emitted, and the emitter learns that no one else did.
    for error in [
        server.emit(news()).await.map(drop),
        server
            .manager()
            .disconnect("/", "no sid")
            .await
            .map_err(Into::into),
    ] {
        assert!(matches!(error, Err(EmitError::Bus(_))), "{error:?}");
    }
    client.expect_text(r#"42["news"]"#).await;

    for _outage in 0..2 {
        redis.start().await;
        until_listening(&manager).await;
        let outsider = Manager::from_url(&redis.url()).unwrap();
        let delivery = outsider.emit(news()).await.unwrap();
        assert_eq!(delivery.workers, Some(1));
        client.expect_text(r#"42["news"]"#).await;
        let delivery = server.emit(news()).await.unwrap();
        assert_eq!((delivery.local, delivery.workers), (1, Some(1)));
        client.expect_text(r#"42["news"]"#).await;
        crate::expect_silence(&mut client).await;

        redis.stop().await;
        until(|| !manager.is_listening()).await;
        assert!(server.emit(news()).await.is_err());
        client.expect_text(r#"42["news"]"#).await;
    }
}
