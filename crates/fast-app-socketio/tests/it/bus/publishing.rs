//! When what is published counts on being heard.

use std::{sync::Arc, time::Duration};

use fast_app_socketio::{Emit, Manager, Namespace, Payload, SocketIo, bus::RedisBus};
use testkit::{RedisServer, RedisSpy, TIMEOUT};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use super::{redis_bus, until_listening};
use crate::news;

/// How often Redis was asked how many listen.
async fn asked(redis: &RedisServer) -> u64 {
    let stats = redis.cli(&["INFO", "commandstats"]).await;
    let (_, calls) = stats.split_once("pubsub|numsub:calls=").unwrap();
    calls.split(',').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_idle_publisher_that_lost_redis_waits_for_those_who_listened() {
    let redis = RedisServer::spawn().await;
    let emitter = Manager::new(redis_bus(&redis));
    let listener = RedisSpy::start(&redis, "socketio").await;
    assert_eq!(emitter.emit(news()).await.unwrap().workers, Some(1));
    drop(listener);
    redis.until_subscribers("socketio", 0).await;
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    let mut listener = TcpStream::connect(("127.0.0.1", redis.port()))
        .await
        .unwrap();
    // What was used a moment ago is not asked whether it is still there.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = asked(&redis).await;
    let emitting = tokio::spawn(async move { emitter.emit(news()).await });
    let looks = async { while asked(&redis).await == before && !emitting.is_finished() {} };
    timeout(TIMEOUT, looks).await.unwrap();
    listener.write_all(b"SUBSCRIBE socketio\r\n").await.unwrap();
    assert_eq!(emitting.await.unwrap().unwrap().workers, Some(1));
}

#[tokio::test]
async fn who_may_not_ask_how_many_listen_publishes_again_all_the_same() {
    let redis = RedisServer::spawn().await;
    let rules = "on >word resetchannels &socketio +publish +ping +client +hello";
    let rules: Vec<&str> = rules.split(' ').collect();
    let user = [&["ACL", "SETUSER", "shy"][..], &rules].concat();
    redis.cli(&user).await;
    let shy = Manager::from_url(&redis.url().replace("//", "//shy:word@")).unwrap();
    let listener = RedisSpy::start(&redis, "socketio").await;
    shy.emit(news()).await.unwrap();
    drop(listener);
    redis.cli(&["CLIENT", "KILL", "USER", "shy"]).await;
    let again = async {
        while shy.emit(news()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, again).await.unwrap();
}

/// A place that becomes free is given to whoever waits for one.
#[tokio::test]
async fn a_beat_has_its_turn_where_many_wait_to_publish() {
    const BEAT: Duration = Duration::from_secs(1);
    let redis = RedisServer::spawn().await;
    let mut spy = RedisSpy::start(&redis, "socketio").await;
    let bus = RedisBus::builder(redis.url()).beat(BEAT).build().unwrap();
    let manager = Manager::new(Arc::new(bus));
    let builder = SocketIo::builder().manager(manager.clone());
    let _server = builder.namespace(Namespace::new("/")).build().unwrap();
    until_listening(&manager).await;
    redis.freeze().await;
    let publish = |event: &'static str| {
        let manager = manager.clone();
        let emit = Emit::new(event, Payload::empty());
        tokio::spawn(async move { manager.emit(emit).await })
    };
    (0..2_000).for_each(|_| drop(publish("first")));
    // A beat becomes due.
    tokio::time::sleep(BEAT + BEAT / 4).await;
    let last = publish("last");
    tokio::task::yield_now().await;
    redis.thaw().await;
    spy.expect("first").await;
    let beats = async {
        let mut beats = 0;
        loop {
            match spy.line().await {
                line if line.contains(r#""method":"beat""#) => beats += 1,
                line if line.contains("last") => return beats,
                _ => {}
            }
        }
    };
    let beats = timeout(TIMEOUT, beats).await.unwrap();
    assert_ne!(beats, 0, "all others came before it");
    last.await.unwrap().unwrap();
}
