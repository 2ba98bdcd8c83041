//! Several workers on one bus.
//!
//! The contract is written once and holds for every bus: two workers with a client each, and a manager in no worker.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use fast_app_socketio::{
    Binary, DisconnectReason, Emit, EmitError, Manager, Namespace, Payload, Socket, SocketIo,
    bus::{Bus, MemoryBus, RedisBus},
};
use serde_json::{Value, json};
use testkit::{PythonManager, RawSocket, RedisServer, StockClient, TIMEOUT, To};
use tokio::time::{Instant, timeout};

use crate::{Diary, Pen, diary, enter, news, room, start, write};

/// Two workers, `a` and `b`, with a client each, and somebody who only emits.
struct Workers {
    servers: [SocketIo; 2],
    addrs: [SocketAddr; 2],
    a: RawSocket,
    b: RawSocket,
    outsider: Manager,
    diary: Diary,
}

impl Workers {
    async fn start(bus: impl Fn() -> Arc<dyn Bus>) -> Self {
        let (pen, diary) = diary();
        let (a, a_addr) = worker(Manager::new(bus()), &pen).await;
        let (b, b_addr) = worker(Manager::new(bus()), &pen).await;
        Self {
            servers: [a, b],
            addrs: [a_addr, b_addr],
            a: RawSocket::socketio(a_addr, "").await,
            b: RawSocket::socketio(b_addr, "").await,
            outsider: Manager::new(bus()),
            diary,
        }
    }

    /// Who can emit: a worker, the other worker, and somebody else.
    fn emitters(&self) -> [Manager; 3] {
        let [a, b] = &self.servers;
        [
            a.manager().clone(),
            b.manager().clone(),
            self.outsider.clone(),
        ]
    }

    /// Asserts that neither client gets anything from what `emitter` did before.
    async fn expect_silence(&mut self, emitter: &Manager) {
        emitter
            .emit(Emit::new("marker", Payload::empty()))
            .await
            .unwrap();
        self.a.expect_text(r#"42["marker"]"#).await;
        self.b.expect_text(r#"42["marker"]"#).await;
    }
}

/// A worker that hears the bus.
async fn worker(manager: Manager, pen: &Pen) -> (SocketIo, SocketAddr) {
    let namespace = Namespace::new("/")
        .on_connect(async |socket: Socket| {
            socket.enter_room("both").unwrap();
            socket.on_leave(room("both"), async |socket, reason| {
                if reason.is_none() {
                    write(&socket, format!("{} left", socket.sid()));
                }
            });
        })
        .on_disconnect(async |socket: Socket, reason: DisconnectReason| {
            write(&socket, format!("{} {reason}", socket.sid()));
        });
    let builder = SocketIo::builder()
        .manager(manager.clone())
        .state(pen.clone())
        .namespace(namespace)
        .namespace(Namespace::new("/other"));
    let started = start(builder).await;
    until_listening(&manager).await;
    started
}

pub(crate) async fn until_listening(manager: &Manager) {
    let listening = async {
        while !manager.is_listening() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, listening).await.unwrap();
}

fn redis_bus(redis: &RedisServer) -> Arc<dyn Bus> {
    Arc::new(RedisBus::new(&redis.url()).unwrap())
}

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                let bus = super::MemoryBus::private();
                super::$name(super::Workers::start(|| super::Arc::new(bus.clone())).await).await;
            })*
        }

        mod redis {
            $(#[tokio::test]
            async fn $name() {
                let redis = super::RedisServer::spawn().await;
                super::$name(super::Workers::start(|| super::redis_bus(&redis)).await).await;
            })*
        }
    };
}

contract! {
    everybody_hears_once,
    rooms_are_heard_by_their_occupants_once,
    a_sid_is_found_wherever_it_is,
    some_can_be_left_out,
    payloads_arrive_as_they_are,
    namespaces_are_kept_apart,
    messages_arrive_in_order,
    a_socket_is_disconnected_wherever_it_is,
    rooms_are_entered_left_and_closed_wherever_the_socket_is,
    nobody_is_put_into_a_room_that_is_named_like_a_socket,
    what_may_not_be_emitted_is_not_sent,
    a_socket_tells_those_on_other_workers,
    acknowledgements_are_collected_from_every_worker,
    what_is_too_large_reaches_nobody,
}

async fn everybody_hears_once(mut workers: Workers) {
    for (emitter, local) in workers.emitters().into_iter().zip([1, 1, 0]) {
        let delivery = emitter.emit(news()).await.unwrap();
        assert_eq!((delivery.local, delivery.workers), (local, Some(2)));
        workers.a.expect_text(r#"42["news"]"#).await;
        workers.b.expect_text(r#"42["news"]"#).await;
        workers.expect_silence(&emitter).await;
    }
}

async fn rooms_are_heard_by_their_occupants_once(mut workers: Workers) {
    let [a, b] = [&workers.a, &workers.b].map(|client| client.sid().to_owned());
    for emitter in workers.emitters() {
        for rooms in [vec!["both"], vec!["both", "none", &a], vec![&a, &b, "both"]] {
            emitter.emit(news().to(rooms)).await.unwrap();
            workers.a.expect_text(r#"42["news"]"#).await;
            workers.b.expect_text(r#"42["news"]"#).await;
            workers.expect_silence(&emitter).await;
        }
        for rooms in [vec!["none"], vec![], vec![""]] {
            emitter.emit(news().to(rooms)).await.unwrap();
            workers.expect_silence(&emitter).await;
        }
    }
}

async fn a_sid_is_found_wherever_it_is(mut workers: Workers) {
    let [a, b] = [&workers.a, &workers.b].map(|client| client.sid().to_owned());
    for emitter in workers.emitters() {
        emitter.emit(news().to([&a])).await.unwrap();
        workers.a.expect_text(r#"42["news"]"#).await;
        workers.expect_silence(&emitter).await;
        emitter.emit(news().to([&b])).await.unwrap();
        workers.b.expect_text(r#"42["news"]"#).await;
        workers.expect_silence(&emitter).await;
    }
}

async fn some_can_be_left_out(mut workers: Workers) {
    let [a, b] = [&workers.a, &workers.b].map(|client| client.sid().to_owned());
    for emitter in workers.emitters() {
        emitter.emit(news().except(&a)).await.unwrap();
        workers.b.expect_text(r#"42["news"]"#).await;
        workers.expect_silence(&emitter).await;
        emitter.emit(news().to(["both"]).except(&b)).await.unwrap();
        workers.a.expect_text(r#"42["news"]"#).await;
        workers.expect_silence(&emitter).await;
        let nobody = news().to(["both"]).except(&b).except(&a).except("no sid");
        emitter.emit(nobody).await.unwrap();
        workers.expect_silence(&emitter).await;
    }
}

async fn payloads_arrive_as_they_are(mut workers: Workers) {
    let raw = |json: &str| Payload::raw(&serde_json::from_str::<Box<_>>(json).unwrap());
    let exact = r#"{"z":1.0,"a":[1180591620717411303424,1e+22],"s":"\ud800 é\u0000"}"#;
    let plain = [
        (Payload::empty(), String::new()),
        (Payload::new(&()).unwrap(), String::new()),
        (Payload::new("ž😀").unwrap(), r#","ž😀""#.to_owned()),
        (Payload::new(&[1, 2]).unwrap(), ",[1,2]".to_owned()),
        (
            Payload::args(&(1, "b", [0; 0])).unwrap(),
            r#",1,"b",[]"#.to_owned(),
        ),
        (raw(exact), format!(",{exact}")),
    ];
    let bytes: Vec<u8> = (0..=255).collect();
    let binary = json!({"deep": [1]});
    let binary = (Binary::from(bytes.clone()), binary, [Binary::from(vec![])]);
    let binary = Payload::args(&binary).unwrap();
    for emitter in workers.emitters() {
        for (payload, args) in &plain {
            let event = Emit::new("quo\"ted", payload.clone());
            emitter.emit(event).await.unwrap();
            for client in [&mut workers.a, &mut workers.b] {
                client
                    .expect_text(&format!(r#"42["quo\"ted"{args}]"#))
                    .await;
            }
        }
        emitter
            .emit(Emit::new("bin", binary.clone()))
            .await
            .unwrap();
        for client in [&mut workers.a, &mut workers.b] {
            client
                .expect_text(
                    r#"452-["bin",{"_placeholder":true,"num":0},{"deep":[1]},[{"_placeholder":true,"num":1}]]"#,
                )
                .await;
            assert_eq!(client.recv_binary().await, bytes);
            assert_eq!(client.recv_binary().await, [0; 0]);
        }
        workers.expect_silence(&emitter).await;
    }
}

async fn namespaces_are_kept_apart(mut workers: Workers) {
    enter(&mut workers.b, "/other").await;
    for emitter in workers.emitters() {
        emitter.emit(news().in_namespace("/other")).await.unwrap();
        emitter.emit(news().in_namespace("/unknown")).await.unwrap();
        workers.b.expect_text(r#"42/other,["news"]"#).await;
        workers.expect_silence(&emitter).await;
    }
}

async fn messages_arrive_in_order(mut workers: Workers) {
    for emitter in workers.emitters() {
        let emits = async {
            for number in 0..300 {
                let emit = Emit::new("n", Payload::new(&number).unwrap());
                emitter.emit(emit.to(["both"])).await.unwrap();
            }
        };
        let reads = async {
            for number in 0..300 {
                let expected = format!(r#"42["n",{number}]"#);
                workers.a.expect_text(&expected).await;
                workers.b.expect_text(&expected).await;
            }
        };
        tokio::join!(emits, reads);
    }
}

async fn a_socket_is_disconnected_wherever_it_is(mut workers: Workers) {
    for emitter in workers.emitters() {
        for addr in workers.addrs {
            let mut client = RawSocket::socketio(addr, "").await;
            let sid = client.sid().to_owned();
            emitter.disconnect("/other", &sid).await.unwrap();
            emitter.disconnect("/", &sid).await.unwrap();
            client.expect_text("41").await;
            let line = format!("{sid} server disconnect");
            workers.diary.expect(&line).await;
            emitter.disconnect("/", &sid).await.unwrap();
            emitter.disconnect("/", "no sid").await.unwrap();
            workers.expect_silence(&emitter).await;
            workers.diary.expect_end();
        }
    }
}

async fn rooms_are_entered_left_and_closed_wherever_the_socket_is(mut workers: Workers) {
    let [a, b] = [&workers.a, &workers.b].map(|client| client.sid().to_owned());
    for emitter in workers.emitters() {
        let room = news().to(["new"]);
        for sid in [&a, &b] {
            emitter.enter_room("/", sid, "new").await.unwrap();
            emitter.enter_room("/other", sid, "new").await.unwrap();
        }
        emitter.emit(room.clone()).await.unwrap();
        workers.a.expect_text(r#"42["news"]"#).await;
        workers.b.expect_text(r#"42["news"]"#).await;

        emitter.leave_room("/", &a, "new").await.unwrap();
        emitter.leave_room("/other", &b, "new").await.unwrap();
        emitter.emit(room.clone()).await.unwrap();
        workers.b.expect_text(r#"42["news"]"#).await;
        workers.expect_silence(&emitter).await;

        emitter.enter_room("/", &a, "new").await.unwrap();
        emitter.close_room("/other", "new").await.unwrap();
        emitter.close_room("/", "new").await.unwrap();
        emitter.emit(room).await.unwrap();
        workers.expect_silence(&emitter).await;
    }
    // Whoever is made to leave is told, as if it had left by itself.
    let outsider = workers.outsider.clone();
    outsider.leave_room("/", &a, "both").await.unwrap();
    workers.diary.expect(&format!("{a} left")).await;
    outsider.close_room("/", "both").await.unwrap();
    workers.diary.expect(&format!("{b} left")).await;
    workers.expect_silence(&outsider).await;
    workers.diary.expect_end();
}

async fn nobody_is_put_into_a_room_that_is_named_like_a_socket(mut workers: Workers) {
    let [a, b] = [&workers.a, &workers.b].map(|client| client.sid().to_owned());
    let mut spy = RawSocket::socketio(workers.addrs[0], "").await;
    let spy_sid = spy.sid().to_owned();
    for emitter in workers.emitters() {
        emitter.enter_room("/", &spy_sid, &a).await.unwrap();
        emitter.enter_room("/", &spy_sid, "").await.unwrap();
        emitter.close_room("/", &a).await.unwrap();
        for (sid, client) in [(&a, &mut workers.a), (&b, &mut workers.b)] {
            emitter.emit(news().to([sid])).await.unwrap();
            client.expect_text(r#"42["news"]"#).await;
        }
        workers.expect_silence(&emitter).await;
        spy.expect_text(r#"42["marker"]"#).await;
    }
}

async fn what_may_not_be_emitted_is_not_sent(mut workers: Workers) {
    for emitter in workers.emitters() {
        let reserved = Emit::new("connect", Payload::empty());
        assert!(matches!(
            emitter.emit(reserved).await,
            Err(EmitError::ReservedEvent(_))
        ));
        let nobody = emitter.emit(news().to([""; 0])).await.unwrap();
        assert_eq!((nobody.local, nobody.workers), (0, None));
        workers.expect_silence(&emitter).await;
    }
}

/// The number that a client is to answer to.
async fn question(client: &mut RawSocket) -> String {
    let text = client.recv_text().await;
    let id = text.strip_prefix("42").unwrap().split('[').next().unwrap();
    assert_eq!(text, format!(r#"42{id}["ready?"]"#));
    id.to_owned()
}

async fn acknowledgements_are_collected_from_every_worker(mut workers: Workers) {
    for emitter in workers.emitters() {
        let ask = Emit::new("ready?", Payload::empty()).to(["both"]);
        let deadline = Instant::now() + TIMEOUT;
        let (delivery, mut collecting) = emitter.emit_collecting(ask, deadline).await.unwrap();
        let outsider = usize::from(delivery.local == 0);
        assert_eq!(delivery.workers, Some(2 + outsider));
        let (a, b) = (
            question(&mut workers.a).await,
            question(&mut workers.b).await,
        );
        // Not asked, and asked but of another number: neither is an answer.
        workers.a.send_text(r#"4399["forged"]"#).await;
        workers
            .a
            .send_text(format!(r#"43{a}["a",[null,1.0]]"#))
            .await;
        workers.a.send_text(format!(r#"43{a}["again"]"#)).await;
        workers.b.send_text(format!("43{b}[null]")).await;
        let mut answers = Vec::new();
        for _ in 0..2 {
            let answer = timeout(TIMEOUT, collecting.next()).await.unwrap().unwrap();
            let args: Vec<&str> = answer.iter().map(|value| value.get()).collect();
            answers.push(args.join(","));
        }
        answers.sort();
        assert_eq!(answers, [r#""a",[null,1.0]"#, "null"]);
        workers.expect_silence(&emitter).await;
        drop(collecting);
    }
    // Only clients of this process hear it: nobody waits longer than for them.
    let [server, _] = &workers.servers;
    let ask = Emit::new("ready?", Payload::empty()).to(["both"]).local();
    let asking = server.manager().emit_with_acks(ask, TIMEOUT);
    let answering = async {
        let id = question(&mut workers.a).await;
        workers.a.send_text(format!(r#"43{id}["here"]"#)).await;
    };
    let (answers, ()) = timeout(TIMEOUT / 2, async { tokio::join!(asking, answering) })
        .await
        .unwrap();
    assert_eq!(answers.unwrap().args.len(), 1);
    // Nobody to ask.
    let nobody = Emit::new("ready?", Payload::empty()).to(["nobody"]).local();
    let answers = server.manager().emit_with_acks(nobody, TIMEOUT);
    let answers = timeout(TIMEOUT / 2, answers).await.unwrap().unwrap();
    assert!(answers.args.is_empty());
}

async fn what_is_too_large_reaches_nobody(mut workers: Workers) {
    for emitter in workers.emitters() {
        let emitter = emitter.max_payload(1_000);
        let fits = "x".repeat(998);
        let emit = |text: &str| Emit::new("e", Payload::new(text).unwrap());
        emitter.emit(emit(&fits)).await.unwrap();
        workers.a.expect_text(&format!(r#"42["e","{fits}"]"#)).await;
        workers.b.expect_text(&format!(r#"42["e","{fits}"]"#)).await;
        let bytes = Payload::new(&Binary::from(vec![0; 750])).unwrap();
        for emit in [emit(&format!("{fits}x")), Emit::new("e", bytes)] {
            let error = emitter.emit(emit).await.unwrap_err();
            assert!(
                matches!(error, EmitError::TooLarge { limit: 1_000, .. }),
                "{error}"
            );
        }
        workers.expect_silence(&emitter).await;
    }
}

async fn a_socket_tells_those_on_other_workers(mut workers: Workers) {
    let [server, _] = &workers.servers;
    let (pen, mut diary) = diary();
    let speaker = Namespace::new("/").on("tell", async |socket: Socket| {
        let told = socket.to(["both"]).emit("told", &1).await.unwrap();
        write(&socket, told.workers.unwrap());
    });
    // A third worker on the same bus: the manager of the first, with a server of its own, is still one listener each.
    let manager = server.manager().clone();
    let builder = SocketIo::builder().manager(manager).state(pen);
    let (_third, addr) = start(builder.namespace(speaker)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"421["tell"]"#).await;
    client.expect_text("431[]").await;
    diary.next().await;
    workers.b.expect_text(r#"42["told",1]"#).await;
}

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
    for message in [
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
        &good.replace(r#""namespace": "/""#, r#""namespace": "/unknown""#),
        &good[..good.len() - 1],
        &format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000)),
    ] {
        redis.cli(&["PUBLISH", "socketio", message]).await;
    }
    redis.cli(&["PUBLISH", "another channel", &good]).await;
    redis
        .cli(&["PUBLISH", "socketio", &python_emit("[\"last\"]")])
        .await;
    workers.a.expect_text(r#"42["ev","last"]"#).await;
    workers.b.expect_text(r#"42["ev","last"]"#).await;
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
        let unheard = async {
            while manager.is_listening() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(TIMEOUT, unheard).await.unwrap();
        assert!(server.emit(news()).await.is_err());
        client.expect_text(r#"42["news"]"#).await;
    }
}

#[tokio::test]
async fn servers_of_one_memory_url_hear_each_other() {
    let (pen, _diary) = diary();
    let (a, a_addr) = worker(Manager::from_url("memory://one").unwrap(), &pen).await;
    let (_b, b_addr) = worker(Manager::from_url("memory://one").unwrap(), &pen).await;
    let (_c, c_addr) = worker(Manager::from_url("memory://two").unwrap(), &pen).await;
    let mut heard = RawSocket::socketio(b_addr, "").await;
    let mut own = RawSocket::socketio(a_addr, "").await;
    let mut apart = RawSocket::socketio(c_addr, "").await;
    assert_eq!(a.emit(news()).await.unwrap().workers, Some(2));
    heard.expect_text(r#"42["news"]"#).await;
    own.expect_text(r#"42["news"]"#).await;
    crate::expect_silence(&mut apart).await;
}
