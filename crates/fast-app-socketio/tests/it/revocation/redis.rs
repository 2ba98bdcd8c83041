//! Workers that do not answer, and those of python-socketio.

use std::{sync::Arc, time::Duration};

use fast_app_socketio::{
    Emit, Manager, Payload, Revocation, RevokeError, Who,
    bus::{Bus, BusError, RedisBus},
};
use testkit::{Proxy, PythonServer, RawSocket, RedisServer, RedisSpy};
use tokio::time::Instant;

use super::{OUT_OF_THE_CLUB, Split, Workers, client, out_of_the_club, worker};
use crate::{
    Gate,
    bus::{redis_bus, until},
    diary, expect_silence,
};

#[tokio::test]
async fn a_worker_that_does_not_confirm_is_an_error() {
    let redis = RedisServer::spawn().await;
    let workers = Workers::start(|| redis_bus(&redis)).await;
    let mut alice = workers.clients("alice").await;
    let _deaf = RedisSpy::start(&redis, "socketio:workers").await;
    let begun = Instant::now();
    // Enough for the two that do.
    let limit = Duration::from_secs(3);
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
}

#[tokio::test]
async fn a_redis_that_says_nothing_is_not_waited_for_longer_than_that() {
    let redis = RedisServer::spawn().await;
    let way = Proxy::start(redis.port()).await;
    let workers =
        Workers::start(|| Arc::new(RedisBus::new(&redis.url_at(way.port())).unwrap())).await;
    let mut alice = workers.clients("alice").await;
    way.pause();
    let [server, _] = &workers.servers;
    let out = out_of_the_club(Who::user("alice"));
    let limit = Duration::from_millis(300);
    let error = server.manager().revoke_within(out, limit).await;
    assert!(matches!(error, Err(RevokeError::Unanswered)), "{error:?}");
    alice[0].expect_text(OUT_OF_THE_CLUB).await;
}

#[tokio::test]
async fn a_confirmation_that_cannot_leave_keeps_nothing_else() {
    let redis = RedisServer::spawn().await;
    let way = Proxy::start(redis.port()).await;
    let mouth = Arc::new(RedisBus::new(&redis.url_at(way.port())).unwrap());
    let split = Split {
        ear: redis_bus(&redis),
        mouth: mouth.clone(),
    };
    let (pen, _) = diary();
    let manager = Manager::new(Arc::new(split));
    let (_server, addr) = worker(manager, &pen, &Gate::closed()).await;
    let mut alice = client(addr, "alice").await;
    let mut bob = client(addr, "bob").await;
    let revoker = Manager::new(redis_bus(&redis));
    // It listens from its first on.
    let nobody = out_of_the_club(Who::user("nobody"));
    revoker.revoke(nobody).await.unwrap();
    way.pause();
    let out = out_of_the_club(Who::user("alice"));
    let limit = Duration::from_secs(1);
    let error = revoker.revoke_within(out, limit).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 of 2 workers have confirmed the revocation in time"
    );
    alice.expect_text(OUT_OF_THE_CLUB).await;
    let club = Emit::new("club", Payload::empty()).to(["club"]);
    revoker.emit(club).await.unwrap();
    bob.expect_text(r#"42["club"]"#).await;
    assert_ne!(mouth.stats().waiting, 0, "the confirmation has left");
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
