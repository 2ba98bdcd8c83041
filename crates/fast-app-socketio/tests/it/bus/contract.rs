//! The contract of a bus: every test runs in memory and on Redis.

use fast_app_socketio::{Binary, Emit, EmitError, Namespace, Payload, Socket, SocketIo};
use serde_json::json;
use testkit::{RawSocket, TIMEOUT};
use tokio::time::{Instant, timeout};

use super::Workers;
use crate::{diary, enter, news, start, write};

on_every_bus! {
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
    let (pen, mut diary) = diary();
    let speaker = Namespace::new("/").on("tell", async |socket: Socket| {
        let told = socket.to(["both"]).emit("told", &1).await.unwrap();
        write(&socket, told.workers.unwrap());
    });
    // A third worker on the same bus.
    let manager = workers.outsider.clone();
    let builder = SocketIo::builder().manager(manager).state(pen);
    let (_third, addr) = start(builder.namespace(speaker)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"421["tell"]"#).await;
    client.expect_text("431[]").await;
    diary.next().await;
    workers.b.expect_text(r#"42["told",1]"#).await;
}
