//! Revocations that a worker has not heard, because it was cut off.

use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use fast_app_socketio::{
    Emit, Manager, Payload, Revocation, SocketIo, Who,
    bus::{Bus, Envelope, HostId, Listener, MemoryBus, Message, OnOutage, RedisBus},
};
use testkit::{Proxy, RawSocket, RedisServer};
use tokio::{sync::mpsc, time::Instant};

use super::{OUT_OF_THE_CLUB, client, out_of_the_club, worker};
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

/// Hears what is repeated, and when.
struct Ear(mpsc::UnboundedSender<(Revocation, Instant)>);

impl Listener for Ear {
    fn receive(&self, envelope: Envelope) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        if let Message::Revoke {
            revocation,
            again: true,
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
