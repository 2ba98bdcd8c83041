//! When a worker counts as listening, and that nothing makes it deaf without a sign of it.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fast_app_socketio::{
    Emit, Manager, Namespace, Payload, SocketIo, SocketIoError,
    bus::{Bus, Envelope, Listener, RedisBus},
};
use testkit::{RawSocket, RedisServer, Sentinel, TIMEOUT};
use tokio::{sync::Semaphore, time::Instant};

use super::{redis_bus, until, until_listening, worker};
use crate::{diary, news};

#[tokio::test]
async fn all_managers_of_a_bus_hear() {
    let redis = RedisServer::spawn().await;
    let bus = redis_bus(&redis);
    let (pen, _diary) = diary();
    let (one, one_addr) = worker(Manager::new(bus.clone()), &pen).await;
    let (_two, two_addr) = worker(Manager::new(bus), &pen).await;
    let mut clients = [
        RawSocket::socketio(one_addr, "").await,
        RawSocket::socketio(two_addr, "").await,
    ];
    let outsider = Manager::from_url(&redis.url()).unwrap();
    for emitter in [&outsider, one.manager()] {
        let delivery = emitter.emit(news()).await.unwrap();
        assert_eq!(delivery.workers, Some(2));
        for client in &mut clients {
            client.expect_text(r#"42["news"]"#).await;
            crate::expect_silence(client).await;
        }
    }
}

#[tokio::test]
async fn a_manager_has_one_server() {
    let manager = Manager::from_url("memory://").unwrap();
    let build = || {
        let builder = SocketIo::builder().namespace(Namespace::new("/"));
        builder.manager(manager.clone()).build()
    };
    let _first = build().unwrap();
    assert!(matches!(build(), Err(SocketIoError::ManagerTaken)));
}

/// Panics at the first message and counts the others.
#[derive(Default)]
struct Clumsy(AtomicUsize);

impl Listener for Clumsy {
    fn receive(&self, _: Envelope) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            assert_ne!(self.0.fetch_add(1, Ordering::Relaxed), 0, "the first one");
        })
    }
}

#[tokio::test]
async fn a_panic_makes_nobody_deaf() {
    let redis = RedisServer::spawn().await;
    let bus = RedisBus::new(&redis.url()).unwrap();
    let clumsy = Arc::new(Clumsy::default());
    let listener: Weak<Clumsy> = Arc::downgrade(&clumsy);
    bus.listen(listener);
    redis.until_subscribers("socketio", 1).await;
    let outsider = Manager::from_url(&redis.url()).unwrap();
    for _ in 0..3 {
        outsider.emit(news()).await.unwrap();
    }
    until(|| clumsy.0.load(Ordering::Relaxed) == 3).await;
    assert_eq!(bus.stats().dropped, 1);
}

#[tokio::test]
async fn a_bus_listens_when_all_of_its_listeners_do() {
    let redis = RedisServer::spawn().await;
    let bus = RedisBus::new(&redis.url()).unwrap();
    let listeners = [Arc::new(Clumsy::default()), Arc::new(Clumsy::default())];
    for listener in &listeners {
        let listener: Weak<Clumsy> = Arc::downgrade(listener);
        bus.listen(listener);
        assert!(!bus.stats().listening);
        until(|| bus.stats().listening).await;
    }
    assert_eq!(redis.subscribers("socketio").await, 2);
}

/// Lets a message pass for each permit.
struct Slow(Semaphore);

impl Listener for Slow {
    fn receive(&self, _: Envelope) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { self.0.acquire().await.unwrap().forget() })
    }
}

#[tokio::test]
async fn what_a_listener_has_not_taken_is_bounded() {
    let redis = RedisServer::spawn().await;
    let bus = RedisBus::new(&redis.url()).unwrap();
    let slow = Arc::new(Slow(Semaphore::new(0)));
    let listener: Weak<Slow> = Arc::downgrade(&slow);
    bus.listen(listener);
    until(|| bus.stats().listening).await;
    let outsider = Manager::from_url(&redis.url()).unwrap();
    let outsider = outsider.max_payload(8 << 20);
    let seven = Payload::new(&"x".repeat(7 << 20)).unwrap();
    for _ in 0..10 {
        let emit = Emit::new("seven", seven.clone());
        outsider.emit(emit).await.unwrap();
    }
    // 64 MiB is the limit; more ends the connection, and the loss shows.
    until(|| bus.stats().outages == 1).await;
    slow.0.add_permits(100);
    until(|| bus.stats().listening && slow.0.available_permits() < 100).await;
    // Nine wait at most; those that came meanwhile are lost, the next is heard.
    until(|| slow.0.available_permits() <= 100 - 9).await;
    let before = slow.0.available_permits();
    outsider.emit(news()).await.unwrap();
    until(|| slow.0.available_permits() < before).await;
    assert_eq!(bus.stats().dropped, 0);
}

/// How many connections this Redis has accepted.
async fn connections(redis: &RedisServer) -> u64 {
    let info = redis.cli(&["INFO", "stats"]).await;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("total_connections_received:"));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_no_listening() {
    let redis = RedisServer::spawn().await;
    // It may subscribe, but its beats go nowhere.
    let rules = "on >word resetchannels &socketio &socketio:workers +subscribe +client";
    let rules: Vec<&str> = rules.split(' ').collect();
    redis
        .cli(&[&["ACL", "SETUSER", "mute"][..], &rules].concat())
        .await;
    let url = redis.url().replace("redis://", "redis://mute:word@");
    let beat = Duration::from_millis(100);
    let bus = RedisBus::builder(url).beat(beat).build().unwrap();
    let manager = Manager::new(Arc::new(bus));
    let builder = SocketIo::builder().manager(manager.clone());
    let _server = builder.namespace(Namespace::new("/")).build().unwrap();
    redis.until_subscribers("socketio", 1).await;
    // Each of the calls is a connection, and so is each attempt to listen.
    let (before, deadline) = (connections(&redis).await, Instant::now() + 4 * TIMEOUT);
    for calls in 1.. {
        assert!(!manager.is_listening());
        if connections(&redis).await >= before + calls + 5 {
            break;
        }
        assert!(Instant::now() < deadline, "it does not connect again");
    }
    redis.cli(&["ACL", "SETUSER", "mute", "+publish"]).await;
    until_listening(&manager).await;
}

#[tokio::test]
async fn the_rights_that_the_docs_give_are_enough() {
    let docs = include_str!("../../../../../docs/fleet.md");
    let rules = docs.lines().filter(|line| line.contains("ACL SETUSER"));
    let rules: Vec<Vec<&str>> = rules
        .map(|rule| rule.split_whitespace().collect())
        .collect();
    let [direct, watched] = [RedisServer::spawn().await, RedisServer::spawn().await];
    let sentinel = Sentinel::spawn(&watched).await;
    for (redis, url, rules) in [
        (&direct, direct.url(), &rules[..1]),
        (&watched, sentinel.url(), &rules[..2]),
    ] {
        for rule in rules {
            assert_eq!(redis.cli(rule).await, "OK");
        }
        let url = url.replace("://", "://socketio:password@");
        expect_rights_enough(redis, &url.replace("/0", "/14")).await;
    }
}

/// Asserts that workers at this URL do all that they have to, and nothing that Redis denies.
async fn expect_rights_enough(redis: &RedisServer, url: &str) {
    let (pen, _diary) = diary();
    let (one, _) = worker(Manager::from_url(url).unwrap(), &pen).await;
    let (_two, addr) = worker(Manager::from_url(url).unwrap(), &pen).await;
    let mut client = RawSocket::socketio(addr, "").await;
    assert_eq!(one.emit(news()).await.unwrap().workers, Some(2));
    client.expect_text(r#"42["news"]"#).await;
    // After an outage the audience is asked for.
    for connections in ["pubsub", "normal"] {
        redis.cli(&["CLIENT", "KILL", "TYPE", connections]).await;
    }
    until_listening(one.manager()).await;
    let log = redis.cli(&["ACL", "LOG"]).await;
    assert_eq!(log, "", "something was denied in {url}");
}

#[tokio::test]
async fn who_stood_still_still_listens() {
    const BEAT: Duration = Duration::from_millis(400);
    let redis = RedisServer::spawn().await;
    let bus = RedisBus::builder(redis.url()).beat(BEAT).build().unwrap();
    let bus = Arc::new(bus);
    let listener = Arc::new(Clumsy::default());
    let weak: Weak<Clumsy> = Arc::downgrade(&listener);
    bus.listen(weak);
    for _standstill in 0..2 {
        until(|| bus.stats().listening).await;
        std::thread::sleep(4 * BEAT);
        // What is due, and what has come, is looked at.
        tokio::time::sleep(BEAT / 2).await;
    }
    assert_eq!(bus.stats().outages, 0);
    // Nor does it miss anything when nobody wants to hear any more.
    drop(listener);
    redis.until_subscribers("socketio", 0).await;
    until(|| !bus.stats().listening).await;
    assert_eq!(bus.stats().outages, 0);
}

/// Writes down for how long nothing was heard.
#[derive(Default)]
struct Forgetful(Mutex<Vec<Duration>>);

impl Listener for Forgetful {
    fn receive(&self, _: Envelope) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }

    fn resumed(&self, deaf: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.lock().unwrap().push(deaf);
        Box::pin(async {})
    }
}

/// That its connection is gone it finds when it looks again, which is late.
#[tokio::test]
async fn who_stood_still_has_heard_nothing_all_the_while() {
    const STANDSTILL: Duration = Duration::from_secs(2);
    let redis = RedisServer::spawn().await;
    let bus = RedisBus::builder(redis.url()).beat(Duration::from_millis(100));
    let bus = bus.build().unwrap();
    let listener = Arc::new(Forgetful::default());
    let weak: Weak<Forgetful> = Arc::downgrade(&listener);
    bus.listen(weak);
    let resumed = || listener.0.lock().unwrap().clone();
    until(|| resumed().len() == 1).await;
    std::thread::sleep(STANDSTILL);
    let killed = std::process::Command::new("redis-cli")
        .args(["-u", &redis.url(), "CLIENT", "KILL", "TYPE", "pubsub"])
        .output();
    assert!(killed.unwrap().status.success());
    until(|| resumed().len() == 2).await;
    let deaf = resumed()[1];
    assert!(deaf >= STANDSTILL, "{deaf:?}");
}
