//! Workers that are cut off, that do not answer, and those of python-socketio.

use std::{sync::Arc, time::Duration};

use fast_app_socketio::{
    Emit, Manager, Payload, Revocation, RevokeError, Who,
    bus::{Bus, BusError, RedisBus},
};
use testkit::{Proxy, PythonServer, RawSocket, RedisServer};
use tokio::time::Instant;

use super::{OUT_OF_THE_CLUB, Workers, client, out_of_the_club, worker};
use crate::{
    Gate,
    bus::{redis_bus, until, until_listening},
    diary, expect_silence,
};

#[tokio::test]
async fn a_worker_that_was_cut_off_does_it_when_it_hears_again() {
    let redis = RedisServer::spawn().await;
    let proxy = Proxy::start(redis.port()).await;
    let cut_off = |url: String| -> Arc<dyn Bus> {
        let bus = RedisBus::builder(url).beat(Duration::from_millis(100));
        Arc::new(bus.build().unwrap())
    };
    let (pen, mut diary) = diary();
    let gate = Gate::closed();
    let (near, _) = worker(Manager::new(redis_bus(&redis)), &pen, &gate).await;
    let manager = Manager::new(cut_off(redis.url_at(proxy.port())));
    let (far, far_addr) = worker(manager, &pen, &gate).await;
    let mut alice = client(far_addr, "alice").await;
    let mut bob = client(far_addr, "bob").await;

    // Nothing comes through, then the connections are reset: to Redis the worker is gone.
    proxy.pause();
    proxy.cut();
    until(|| !far.manager().is_listening()).await;
    redis.until_subscribers("socketio:workers", 1).await;
    let revoked = near.revoke(out_of_the_club(Who::user("alice"))).await;
    assert_eq!(revoked.unwrap().workers, 1);
    let off = near.revoke(Revocation::new(Who::user("carol"))).await;
    assert_eq!(off.unwrap().workers, 1);
    proxy.resume();
    alice.expect_text(OUT_OF_THE_CLUB).await;
    diary.expect("left the club").await;
    until_listening(far.manager()).await;
    let news = Emit::new("club", Payload::empty()).to(["club"]);
    near.emit(news).await.unwrap();
    bob.expect_text(r#"42["club"]"#).await;
    expect_silence(&mut alice).await;
    // What it has done it does not do again, although the other worker asks for it too.
    alice.send_text(r#"421["ask","club"]"#).await;
    diary.expect("asking").await;
    gate.open(1);
    alice.expect_text(r#"431["entered"]"#).await;
    redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
    until(|| near.manager().stats().outages > 0 && far.manager().stats().outages > 1).await;
    until_listening(near.manager()).await;
    until_listening(far.manager()).await;
    let marker = Revocation::new(Who::user("bob")).from_room("/", "club");
    near.revoke(marker.unwrap()).await.unwrap();
    bob.expect_text(OUT_OF_THE_CLUB).await;
    expect_silence(&mut alice).await;
    assert_eq!(far.occupants("/", "club").len(), 1);
}

#[tokio::test]
async fn a_worker_that_does_not_confirm_is_an_error() {
    let redis = RedisServer::spawn().await;
    let workers = Workers::start(|| redis_bus(&redis)).await;
    let mut alice = workers.clients("alice").await;
    let mut deaf = redis_subscriber(&redis, "socketio:workers").await;
    redis.until_subscribers("socketio:workers", 3).await;
    let begun = Instant::now();
    let limit = Duration::from_millis(300);
    let [server, _] = &workers.servers;
    let out = out_of_the_club(Who::user("alice"));
    let error = server
        .manager()
        .revoke_within(out, limit)
        .await
        .unwrap_err();
    assert!(begun.elapsed() >= limit);
    assert_eq!(
        error.to_string(),
        "2 of 3 workers have confirmed the revocation in time"
    );
    // Those who could have done it.
    for client in &mut alice {
        client.expect_text(OUT_OF_THE_CLUB).await;
    }
    deaf.kill().await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_too_long_for_the_bus_is_an_error() {
    let redis = RedisServer::spawn().await;
    let workers = Workers::start(|| redis_bus(&redis)).await;
    let long = Revocation::new(Who::user("x".repeat(4_096)));
    let error = workers.outsider.revoke(long).await.unwrap_err();
    let RevokeError::Bus(BusError::TooLarge { limit, .. }) = error else {
        panic!("{error}")
    };
    assert_eq!(limit, 4_096);
}

async fn redis_subscriber(redis: &RedisServer, channel: &str) -> tokio::process::Child {
    tokio::process::Command::new("redis-cli")
        .args(["-u", &redis.url(), "SUBSCRIBE", channel])
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn without_redis_it_holds_here_and_is_an_error() {
    let mut redis = RedisServer::spawn().await;
    let workers = Workers::start(|| redis_bus(&redis)).await;
    let mut alice = workers.clients("alice").await;
    redis.stop().await;
    let [server, other] = &workers.servers;
    until(|| !server.manager().is_listening() && !other.manager().is_listening()).await;
    let limit = Duration::from_millis(100);
    let out = out_of_the_club(Who::user("alice"));
    let error = server
        .manager()
        .revoke_within(out, limit)
        .await
        .unwrap_err();
    assert!(matches!(error, RevokeError::Bus(_)), "{error}");
    alice[0].expect_text(OUT_OF_THE_CLUB).await;
    assert_eq!(server.occupants("/", "club").len(), 0);
    assert_eq!(other.occupants("/", "club").len(), 1);
    // The other worker could not be told, and its own members are told nothing.
    expect_silence(&mut alice[1]).await;
}

#[tokio::test]
async fn python_workers_obey_for_a_session_and_for_a_room() {
    let redis = RedisServer::spawn().await;
    let url = redis.url();
    let (workers, python) = tokio::join!(
        Workers::start(|| redis_bus(&redis)),
        PythonServer::start(&url)
    );
    let connect = async || {
        let client = RawSocket::socketio(python.addr(), "").await;
        python.connected(client.sid()).await;
        client
    };
    let (mut one, mut other) = (connect().await, connect().await);
    // Python's worker listens once it has a client.
    redis.until_subscribers("socketio", 3).await;
    let [server, _] = &workers.servers;
    let out_of_both = |who| Revocation::new(who).from_room("/", "both").unwrap();
    let tell = async || {
        let emit = Emit::new("both", Payload::empty()).to(["both"]);
        server.emit(emit).await.unwrap();
    };
    let marker = Emit::new("marker", Payload::empty());
    let revoked = server.revoke(out_of_both(Who::session(one.sid()))).await;
    assert_eq!(revoked.unwrap().workers, 2, "Python's does not confirm");
    tell().await;
    other.expect_text(r#"42["both"]"#).await;
    server.revoke(out_of_both(Who::everybody())).await.unwrap();
    tell().await;
    server.emit(marker.clone()).await.unwrap();
    for client in [&mut one, &mut other] {
        client.expect_text(r#"42["marker"]"#).await;
    }
    let off = Revocation::new(Who::session(one.sid()));
    server.revoke(off).await.unwrap();
    one.expect_text("41").await;
    server.emit(marker).await.unwrap();
    other.expect_text(r#"42["marker"]"#).await;
    // Its own messages for Python are not for our workers: nothing was dropped either.
    assert_eq!(server.manager().stats().dropped, 0);
}
