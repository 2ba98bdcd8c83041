use fast_app_socketio::{EmitError, Manager, Payload, bus::Profile};
use testkit::{RawSocket, RedisServer, Sentinel};

use super::{Emit, worker};
use crate::{bus, diary, news};

#[tokio::test]
async fn redis_is_reached_by_every_url() {
    let redis = RedisServer::spawn_with_password("word").await;
    let sentinel = Sentinel::spawn(&redis).await;
    let (pen, _diary) = diary();
    let unix = format!("{}?pass=word", redis.unix_url());
    let valkey = redis.url().replace("redis://", "valkey://");
    let valkeys = sentinel.url().replace("redis+", "valkey+");
    for url in [redis.url(), unix, valkey, sentinel.url(), valkeys] {
        let (_server, addr) = worker(&url, Profile::V5_15, &pen).await;
        let mut client = RawSocket::socketio(addr, "").await;
        let manager = Manager::from_url(&url).unwrap();
        let sid = client.sid().to_owned();
        let payload = Payload::new(&url).unwrap();
        manager
            .emit(Emit::new("ev", payload).to([sid]))
            .await
            .unwrap();
        client.expect_text(&format!(r#"42["ev","{url}"]"#)).await;
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_server_that_cannot_show_who_it_is_gets_nothing() {
    let redis = RedisServer::spawn_with_tls().await;
    let manager = Manager::from_url(&redis.tls_url()).unwrap();
    let error = manager
        .emit(Emit::new("ev", Payload::empty()))
        .await
        .unwrap_err();
    let EmitError::Bus(error) = error else {
        panic!("{error:?}");
    };
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("certificate"), "{cause}");
}

#[tokio::test]
async fn servers_of_one_memory_url_hear_each_other() {
    let (pen, _diary) = diary();
    let (a, a_addr) = bus::worker(Manager::from_url("memory://one").unwrap(), &pen).await;
    let (_b, b_addr) = bus::worker(Manager::from_url("memory://one").unwrap(), &pen).await;
    let (_c, c_addr) = bus::worker(Manager::from_url("memory://two").unwrap(), &pen).await;
    let mut heard = RawSocket::socketio(b_addr, "").await;
    let mut own = RawSocket::socketio(a_addr, "").await;
    let mut apart = RawSocket::socketio(c_addr, "").await;
    assert_eq!(a.emit(news()).await.unwrap().workers, Some(2));
    heard.expect_text(r#"42["news"]"#).await;
    own.expect_text(r#"42["news"]"#).await;
    crate::expect_silence(&mut apart).await;
}
