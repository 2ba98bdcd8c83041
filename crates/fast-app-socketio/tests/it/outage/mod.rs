//! Redis and the way to it fail, and everything that was promised holds: no client is disconnected, what a caller is told
//! is true, and the workers hear each other again.
//!
//! The long versions, with a thousand clients and the default watchdog, are in `benches/faults`. They judge how soon the
//! workers hear each other again, too: the machine of a test may have other things to do.

mod stream;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use fast_app_socketio::{
    Emit, EmitError, Manager, Namespace, Payload, SocketIo,
    bus::{BusError, OnOutage, RedisBus},
};
use testkit::{Proxy, RawSocket, RedisServer, Sentinel, TIMEOUT, Tally};
use tokio::{
    net::TcpListener,
    time::{Instant, timeout},
};

use crate::{bus::until_listening, start};
use stream::{Loss, Receipt, Stream, loss};

const CHANNEL: &str = "socketio";

/// A beat for a silent death that is noticed soon.
const FAST_BEAT: Duration = Duration::from_millis(100);

/// How often a number is emitted.
const INTERVAL: Duration = Duration::from_millis(5);

/// Two workers with a client each, and somebody else who emits numbers.
struct Outage {
    workers: [SocketIo; 2],
    clients: [Tally; 2],
    stream: Stream,
}

/// How they reach Redis, and what they do when they don't.
struct Setup {
    workers: String,
    emitter: String,
    beat: Duration,
    on_outage: OnOutage,
}

impl Setup {
    fn of(redis: &RedisServer) -> Self {
        Self {
            workers: redis.url(),
            emitter: redis.url(),
            beat: Duration::from_secs(5),
            on_outage: OnOutage::Raise,
        }
    }

    /// Only the workers go through the proxy.
    fn behind(proxy: &Proxy, redis: &RedisServer) -> Self {
        Self {
            workers: redis.url_at(proxy.port()),
            ..Self::of(redis)
        }
    }
}

impl Outage {
    async fn start(setup: Setup) -> Self {
        let (one, one_addr) = worker(&setup).await;
        let (two, two_addr) = worker(&setup).await;
        let client = async |addr| Tally::start(RawSocket::socketio(addr, "").await);
        let clients = [client(one_addr).await, client(two_addr).await];
        let emitter = Manager::from_url(&setup.emitter).unwrap();
        let outage = Self {
            workers: [one, two],
            clients,
            stream: Stream::start(emitter, INTERVAL, setup.on_outage),
        };
        outage.until_everybody_hears().await;
        outage
    }

    /// Emits nothing while the fault is made, so that it hits no message on its way.
    async fn between_messages(&self, fault: impl AsyncFnOnce()) {
        let _held = self.stream.hold().await;
        let (last, _) = self.stream.last().unwrap();
        for client in &self.clients {
            client.until(last).await;
        }
        fault().await;
    }

    /// Waits until every worker has noticed that it hears nothing.
    async fn until_deaf(&self) {
        for worker in &self.workers {
            let noticed = || worker.manager().stats().outages > 0;
            until("the workers are deaf", noticed).await;
        }
    }

    /// Waits until so many callers were told that something is wrong.
    async fn until_told(&self, count: usize) {
        let wrong = |receipt: &Receipt| *receipt != Receipt::Heard(2);
        let told = || {
            self.stream
                .receipts()
                .iter()
                .filter(|receipt| wrong(receipt))
                .count()
        };
        until("callers are told", || told() >= count).await;
    }

    async fn until_everybody_hears(&self) {
        let heard = || matches!(self.stream.last(), Some((_, Receipt::Heard(2))));
        until("both workers are told", heard).await;
    }

    /// Asserts that the outage is over and has done no harm; what was lost.
    async fn expect_recovery(&self, cured: Instant, redis: &RedisServer) -> Loss {
        for client in &self.clients {
            let heard = client.first_after(cured, 2 * TIMEOUT).await;
            assert!(heard.is_some(), "nothing was heard again");
        }
        for worker in &self.workers {
            until_listening(worker.manager()).await;
        }
        redis.until_subscribers(CHANNEL, 2).await;
        self.until_everybody_hears().await;
        let mut receipts = Vec::new();
        self.between_messages(async || receipts = self.stream.receipts())
            .await;
        for client in &self.clients {
            assert!(client.is_connected());
        }
        let loss = loss(&receipts, &self.clients);
        assert_eq!(loss.disorder, 0, "heard twice, or in another order");
        loss
    }
}

async fn worker(setup: &Setup) -> (SocketIo, SocketAddr) {
    let bus = RedisBus::builder(&setup.workers).beat(setup.beat);
    let bus = bus.build().unwrap();
    let manager = Manager::new(Arc::new(bus));
    let builder = SocketIo::builder()
        .manager(manager.clone())
        .namespace(Namespace::new("/"));
    let started = start(builder).await;
    until_listening(&manager).await;
    started
}

/// Waits until something is so that tells nobody when it becomes so.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let mut poll = tokio::time::interval(Duration::from_millis(1));
    let held = async {
        while !condition() {
            poll.tick().await;
        }
    };
    let held = timeout(2 * TIMEOUT, held).await;
    assert!(held.is_ok(), "waited in vain until {what}");
}

/// A loss of which every caller was told.
#[track_caller]
fn expect_told(loss: &Loss) {
    assert_eq!(loss.missed, loss.told);
    assert_ne!(loss.told, 0, "it was no outage");
}

#[tokio::test]
async fn redis_is_killed_and_started_again() {
    let mut redis = RedisServer::spawn().await;
    let outage = Outage::start(Setup::of(&redis)).await;
    outage.between_messages(async || redis.stop().await).await;
    outage.until_deaf().await;
    for worker in &outage.workers {
        assert!(!worker.manager().is_listening());
    }
    outage.until_told(20).await;
    let cured = Instant::now();
    redis.start().await;
    expect_told(&outage.expect_recovery(cured, &redis).await);
}

#[tokio::test]
async fn sentinels_name_another_server() {
    let mut master = RedisServer::spawn().await;
    let replica = RedisServer::spawn().await;
    replica.follow(&master).await;
    let sentinel = Sentinel::spawn(&master).await;
    sentinel.until_it_can_choose(&replica).await;
    let outage = Outage::start(Setup {
        workers: sentinel.url(),
        emitter: sentinel.url(),
        ..Setup::of(&master)
    })
    .await;
    outage.between_messages(async || master.stop().await).await;
    outage.until_deaf().await;
    sentinel.until_it_names(&replica).await;
    let cured = Instant::now();
    expect_told(&outage.expect_recovery(cured, &replica).await);
}

#[tokio::test]
async fn what_is_spooled_is_heard_when_redis_is_back() {
    let mut redis = RedisServer::spawn().await;
    let on_outage = OnOutage::Spool;
    let outage = Outage::start(Setup {
        on_outage,
        ..Setup::of(&redis)
    })
    .await;
    outage.between_messages(async || redis.stop().await).await;
    outage.until_deaf().await;
    outage.until_told(20).await;
    assert!(!outage.stream.receipts().contains(&Receipt::Failed));
    let cured = Instant::now();
    redis.start().await;
    let loss = outage.expect_recovery(cured, &redis).await;
    assert_eq!((loss.missed, loss.told), (0, 0));
}

#[tokio::test]
async fn what_does_not_fit_into_the_spool_is_told() {
    let mut redis = RedisServer::spawn().await;
    let (server, addr) = worker(&Setup::of(&redis)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    let bus = RedisBus::builder(redis.url()).max_spool(1_000);
    let emitter = Manager::new(Arc::new(bus.build().unwrap()));
    let emit = async |number: u32| {
        let emit = Emit::new("n", Payload::new(&number).unwrap());
        emitter.emit(emit.on_outage(OnOutage::Spool)).await
    };
    emit(0).await.unwrap();
    client.expect_text(r#"42["n",0]"#).await;
    redis.stop().await;
    let mut fits = 0;
    let full = loop {
        match emit(fits + 1).await {
            Ok(delivery) => assert!(delivery.spooled),
            Err(error) => break error,
        }
        fits += 1;
    };
    assert!(
        matches!(full, EmitError::Bus(BusError::SpoolFull { limit: 1_000 })),
        "{full}"
    );
    assert!(emit(fits + 2).await.is_err());
    assert_eq!((fits, emitter.stats().failed), (6, 2));
    redis.start().await;
    for number in 1..=fits {
        client.expect_text(&format!(r#"42["n",{number}]"#)).await;
    }
    crate::expect_silence(&mut client).await;
    drop(server);
}

#[tokio::test]
async fn a_publisher_tries_more_and_more_rarely() {
    // Whoever connects is hung up on.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let emitter = Manager::from_url(&url).unwrap();
    let publishing = tokio::spawn(async move {
        loop {
            let emit = Emit::new("n", Payload::empty());
            assert!(emitter.emit(emit).await.is_err());
            tokio::task::yield_now().await;
        }
    });
    let started = Instant::now();
    for _ in 0..6 {
        listener.accept().await.unwrap();
    }
    publishing.abort();
    // Half of 100, 200, 400, 800 and 1,000 ms at least.
    assert!(started.elapsed() >= Duration::from_millis(1_250));
}

#[tokio::test]
async fn redis_hangs_up_on_its_subscribers() {
    let redis = RedisServer::spawn().await;
    let outage = Outage::start(Setup::of(&redis)).await;
    outage
        .between_messages(async || {
            let killed = redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
            assert_eq!(killed, "2");
        })
        .await;
    let cured = Instant::now();
    outage.until_deaf().await;
    // They may be back before the next message.
    let loss = outage.expect_recovery(cured, &redis).await;
    assert_eq!(loss.missed, loss.told);
}

#[tokio::test]
async fn redis_wants_another_password_for_a_while() {
    let mut redis = RedisServer::spawn_with_password("right").await;
    let outage = Outage::start(Setup::of(&redis)).await;
    outage
        .between_messages(async || {
            redis.set_password("other").await;
            for connections in ["pubsub", "normal"] {
                redis.cli(&["CLIENT", "KILL", "TYPE", connections]).await;
            }
        })
        .await;
    outage.until_deaf().await;
    outage.until_told(20).await;
    for worker in &outage.workers {
        assert!(!worker.manager().is_listening());
    }
    let cured = Instant::now();
    redis.set_password("right").await;
    expect_told(&outage.expect_recovery(cured, &redis).await);
}

/// What Redis says of its subscribers is not true here, hence nothing of the loss is asserted.
#[tokio::test]
async fn redis_is_frozen_for_a_while() {
    let redis = RedisServer::spawn().await;
    let beat = FAST_BEAT;
    let outage = Outage::start(Setup {
        beat,
        ..Setup::of(&redis)
    })
    .await;
    redis.freeze().await;
    outage.until_deaf().await;
    let cured = Instant::now();
    redis.thaw().await;
    outage.expect_recovery(cured, &redis).await;
}

/// As above: Redis goes on to count the workers that it cannot reach.
#[tokio::test]
async fn the_network_is_silent_for_a_while() {
    let redis = RedisServer::spawn().await;
    let proxy = Proxy::start(redis.port()).await;
    let beat = FAST_BEAT;
    let outage = Outage::start(Setup {
        beat,
        ..Setup::behind(&proxy, &redis)
    })
    .await;
    proxy.pause();
    outage.until_deaf().await;
    let cured = Instant::now();
    proxy.resume();
    outage.expect_recovery(cured, &redis).await;
}

#[tokio::test]
async fn the_network_resets_every_connection() {
    let redis = RedisServer::spawn().await;
    let proxy = Proxy::start(redis.port()).await;
    let outage = Outage::start(Setup::behind(&proxy, &redis)).await;
    outage
        .between_messages(async || {
            proxy.pause();
            proxy.cut();
            redis.until_subscribers(CHANNEL, 0).await;
            proxy.resume();
        })
        .await;
    let cured = Instant::now();
    outage.until_deaf().await;
    let loss = outage.expect_recovery(cured, &redis).await;
    assert_eq!(loss.missed, loss.told);
}
