use fast_app_socketio::{EmitError, Manager, Payload, bus::Profile};
use testkit::{RawSocket, RedisServer, Sentinel};

use super::{Emit, worker};
use crate::diary;

#[tokio::test]
async fn redis_is_reached_by_every_url() {
    let redis = RedisServer::spawn().await;
    let sentinel = Sentinel::spawn(&redis).await;
    let (pen, _diary) = diary();
    let valkey = redis.url().replace("redis://", "valkey://");
    for url in [redis.url(), redis.unix_url(), sentinel.url(), valkey] {
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
