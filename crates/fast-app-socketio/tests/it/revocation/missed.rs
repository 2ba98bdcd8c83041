//! Revocations that a worker has not heard, because it was cut off.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use fast_app_socketio::{
    Emit, Manager, Payload, Revocation, SocketIo, Who,
    bus::{Bus, Envelope, HostId, Listener, MemoryBus, Message, OnOutage, RedisBus},
};
use testkit::{Proxy, RawSocket, RedisServer, RedisSpy, TIMEOUT};
use tokio::{sync::mpsc, time::Instant};

use super::{BoxFuture, OUT_OF_THE_CLUB, Split, client, out_of_the_club, worker};
use crate::{
    Diary, Gate,
    bus::{redis_bus, until, until_listening},
    diary, expect_silence,
};

/// A worker that can be cut off, with a client each of Alice and Bob.
struct Far {
    redis: RedisServer,
    proxy: Proxy,
    server: SocketIo,
    addr: SocketAddr,
    gate: Gate,
    diary: Diary,
    alice: RawSocket,
    bob: RawSocket,
}

impl Far {
    async fn start() -> Self {
        let redis = RedisServer::spawn().await;
        let proxy = Proxy::start(redis.port()).await;
        let (pen, diary) = diary();
        let gate = Gate::closed();
        let manager = Manager::new(behind(&proxy, &redis));
        let (server, addr) = worker(manager, &pen, &gate).await;
        let alice = client(addr, "alice").await;
        let bob = client(addr, "bob").await;
        Self {
            redis,
            proxy,
            server,
            addr,
            gate,
            diary,
            alice,
            bob,
        }
    }

    /// Nothing comes through, then the connections are reset: to Redis the worker is gone.
    async fn cut_off(&self, listeners: usize) {
        self.proxy.pause();
        self.proxy.cut();
        until(|| !self.server.manager().is_listening()).await;
        self.redis
            .until_subscribers("socketio:workers", listeners)
            .await;
    }
}

/// A bus that notices soon that it hears nothing.
fn behind(proxy: &Proxy, redis: &RedisServer) -> Arc<dyn Bus> {
    let bus = RedisBus::builder(redis.url_at(proxy.port())).beat(Duration::from_millis(100));
    Arc::new(bus.build().unwrap())
}

/// Another worker.
async fn near(redis: &RedisServer) -> SocketIo {
    let (pen, _) = diary();
    let manager = Manager::new(redis_bus(redis));
    worker(manager, &pen, &Gate::closed()).await.0
}

/// Revokes, and asserts that so many managers have heard it, the one that revokes included.
async fn revoke(manager: &Manager, revocation: Revocation, heard: usize) {
    let revoked = manager.revoke(revocation).await.unwrap();
    assert_eq!(revoked.workers, heard);
}

#[tokio::test]
async fn a_worker_that_was_cut_off_does_it_when_it_hears_again() {
    let mut far = Far::start().await;
    let near = near(&far.redis).await;
    far.cut_off(1).await;
    let alice = out_of_the_club(Who::user("alice"));
    revoke(near.manager(), alice, 1).await;
    far.proxy.resume();
    far.alice.expect_text(OUT_OF_THE_CLUB).await;
    far.diary.expect("left the club").await;
    until_listening(far.server.manager()).await;
    let news = Emit::new("club", Payload::empty()).to(["club"]);
    near.emit(news).await.unwrap();
    far.bob.expect_text(r#"42["club"]"#).await;
    expect_silence(&mut far.alice).await;
    // What it has done it does not do again, although it is repeated before what is new.
    far.alice.send_text(r#"421["ask","club"]"#).await;
    far.diary.expect("asking").await;
    far.gate.open(1);
    far.alice.expect_text(r#"431["entered"]"#).await;
    far.cut_off(1).await;
    let bob = out_of_the_club(Who::user("bob"));
    revoke(near.manager(), bob, 1).await;
    far.proxy.resume();
    far.bob.expect_text(OUT_OF_THE_CLUB).await;
    expect_silence(&mut far.alice).await;
    assert_eq!(far.server.occupants("/", "club").len(), 1);
}

#[tokio::test]
async fn a_manager_without_a_server_repeats_what_it_has_revoked() {
    let mut far = Far::start().await;
    let job = Manager::new(redis_bus(&far.redis));
    far.cut_off(0).await;
    revoke(&job, out_of_the_club(Who::user("alice")), 1).await;
    far.proxy.resume();
    far.alice.expect_text(OUT_OF_THE_CLUB).await;
}

#[tokio::test]
async fn a_manager_without_a_server_repeats_what_it_has_heard() {
    let mut far = Far::start().await;
    let job = Manager::new(redis_bus(&far.redis));
    // It listens once it has revoked.
    revoke(&job, out_of_the_club(Who::user("nobody")), 2).await;
    let leaver = Manager::new(redis_bus(&far.redis));
    far.cut_off(1).await;
    revoke(&leaver, out_of_the_club(Who::user("alice")), 2).await;
    drop(leaver);
    far.redis.until_subscribers("socketio:workers", 1).await;
    far.proxy.resume();
    far.alice.expect_text(OUT_OF_THE_CLUB).await;
}

/// What is published among workers.
async fn talk(redis: &RedisServer) -> RedisSpy {
    RedisSpy::start(redis, "socketio:workers").await
}

/// How long the next that asks says that it has heard nothing.
async fn missed(talk: &mut RedisSpy) -> Duration {
    let question = talk.expect(r#""method":"missed""#).await;
    let question: serde_json::Value = serde_json::from_str(&question).unwrap();
    Duration::from_millis(question["since_ms"].as_u64().unwrap())
}

#[tokio::test]
async fn what_nobody_heard_is_asked_again() {
    let mut far = Far::start().await;
    let way = Proxy::start(far.redis.port()).await;
    let job = Manager::new(behind(&way, &far.redis));
    far.cut_off(0).await;
    revoke(&job, out_of_the_club(Who::user("alice")), 1).await;
    // Who knows comes back after the one that asks.
    way.pause();
    way.cut();
    far.redis.until_subscribers("socketio:workers", 0).await;
    let mut talk = talk(&far.redis).await;
    far.proxy.resume();
    missed(&mut talk).await;
    way.resume();
    // When the second question comes before the answer can, the third follows after 6 s.
    far.alice.set_timeout(4 * TIMEOUT);
    far.alice.expect_text(OUT_OF_THE_CLUB).await;
}

#[tokio::test]
async fn who_is_deaf_again_asks_for_all_of_it() {
    let far = Far::start().await;
    let deaf_for = Duration::from_secs(1);
    let begun = Instant::now();
    far.cut_off(0).await;
    tokio::time::sleep(deaf_for).await;
    let mut talk = talk(&far.redis).await;
    far.proxy.resume();
    missed(&mut talk).await;
    far.cut_off(1).await;
    let deaf = begun.elapsed();
    far.proxy.resume();
    let since = missed(&mut talk).await;
    assert!(since >= deaf, "{since:?} is not the {deaf:?} since then");
}

#[tokio::test]
async fn python_workers_are_not_told_again() {
    let redis = RedisServer::spawn().await;
    let near = near(&redis).await;
    let mut python = RedisSpy::start(&redis, "socketio").await;
    revoke(near.manager(), out_of_the_club(Who::everybody()), 1).await;
    python.expect(r#""method":"close_room""#).await;
    let mut talk = talk(&redis).await;
    for _repetition in 0..2 {
        let question = r#"{"method":"missed","since_ms":0,"host_id":"h"}"#;
        redis.cli(&["PUBLISH", "socketio:workers", question]).await;
        talk.expect(r#""ago_ms""#).await;
    }
    near.emit(Emit::new("marker", Payload::empty()))
        .await
        .unwrap();
    loop {
        let line = python.line().await;
        assert!(!line.contains("close_room"), "{line}");
        if line.contains("marker") {
            break;
        }
    }
}

#[tokio::test]
async fn who_came_after_a_revocation_that_was_missed_stays() {
    let mut far = Far::start().await;
    let near = near(&far.redis).await;
    far.cut_off(1).await;
    let manager = near.manager();
    revoke(manager, out_of_the_club(Who::everybody()), 1).await;
    revoke(manager, Revocation::new(Who::user("alice")), 1).await;
    // An age is as exact as the way of the message is short.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut back = client(far.addr, "alice").await;
    revoke(manager, Revocation::new(Who::user("bob")), 1).await;
    far.proxy.resume();
    for client in [&mut far.alice, &mut far.bob] {
        client.expect_text(OUT_OF_THE_CLUB).await;
        client
            .expect_text(r#"42["error",{"type":"revoked"}]"#)
            .await;
    }
    expect_silence(&mut back).await;
    assert_eq!(far.server.occupants("/", "club").len(), 1);
}

#[tokio::test]
async fn a_worker_that_starts_has_missed_nothing_before() {
    let redis = RedisServer::spawn().await;
    let mut talk = talk(&redis).await;
    let begun = Instant::now();
    let _server = near(&redis).await;
    let since = missed(&mut talk).await;
    assert!(since <= begun.elapsed(), "{since:?}");
}

#[tokio::test]
async fn what_the_bus_does_not_take_is_repeated_later() {
    let redis = RedisServer::spawn().await;
    let way = Proxy::start(redis.port()).await;
    let mouth = behind(&way, &redis);
    let job = Manager::new(Arc::new(Split {
        ear: redis_bus(&redis),
        mouth: mouth.clone(),
    }));
    for user in ["alice", "bob"] {
        revoke(&job, out_of_the_club(Who::user(user)), 1).await;
    }
    let mut talk = talk(&redis).await;
    way.pause();
    way.cut();
    let question = r#"{"method":"missed","since_ms":0,"host_id":"h"}"#;
    redis.cli(&["PUBLISH", "socketio:workers", question]).await;
    until(|| mouth.stats().failed > 0).await;
    way.resume();
    talk.expect(r#""user":"alice""#).await;
    talk.expect(r#""user":"bob""#).await;
}

/// Hears what is repeated, and when.
struct Ear(mpsc::UnboundedSender<(Revocation, Instant)>);

impl Listener for Ear {
    fn receive(&self, envelope: Envelope) -> BoxFuture<'_, ()> {
        if let Message::Revoke {
            revocation,
            again: Some(_),
            ..
        } = envelope.message
        {
            let _ = self.0.send((revocation, Instant::now()));
        }
        Box::pin(async {})
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_first_is_answered_at_once_and_others_together() {
    let bus = Arc::new(MemoryBus::private());
    let manager = Manager::new(bus.clone());
    let alice = out_of_the_club(Who::user("alice"));
    manager.revoke(alice.clone()).await.unwrap();
    let (ear, mut repeated) = mpsc::unbounded_channel();
    let ear: Arc<dyn Listener> = Arc::new(Ear(ear));
    bus.listen(Arc::downgrade(&ear));
    let ask = async || {
        let since = Duration::ZERO;
        let question = Envelope {
            host: HostId::random(),
            message: Message::Missed { since },
        };
        bus.publish(&question, OnOutage::Raise).await.unwrap();
    };
    let begun = Instant::now();
    let hold = Duration::from_millis(250);
    for at in [0, 1, 2].map(|holds| begun + holds * hold) {
        // The first is heard now, the others together at the end of the hold.
        ask().await;
        ask().await;
        assert_eq!(repeated.recv().await, Some((alice.clone(), at)));
    }
}
