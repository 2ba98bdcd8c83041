//! Sessions that end at a time.

use std::time::{Duration, SystemTime};

use fast_app_socketio::{Data, DisconnectReason, Namespace, Socket, SocketIo};
use testkit::{RawSocket, TIMEOUT};
use tokio::time::{Instant, timeout};

use crate::{Diary, diary, enter, expect_silence, start, write};

/// A server whose clients say how many milliseconds they have.
async fn server() -> (SocketIo, std::net::SocketAddr, Diary) {
    let (pen, diary) = diary();
    let namespace = Namespace::new("/")
        .on("expire", async |socket: Socket, ms: Data<Option<u64>>| {
            let at = ms.0.map(|ms| SystemTime::now() + Duration::from_millis(ms));
            socket.session().set_expiry(at);
        })
        .on_disconnect(async |socket: Socket, reason: DisconnectReason| write(&socket, reason));
    let builder = SocketIo::builder().state(pen).namespace(namespace);
    let (socketio, addr) = start(builder.namespace(Namespace::new("/other"))).await;
    (socketio, addr, diary)
}

async fn expect_expired(client: &mut RawSocket) {
    client
        .expect_text(r#"42["error",{"type":"expired"}]"#)
        .await;
    client.expect_text("41").await;
}

#[tokio::test]
async fn a_session_ends_at_its_expiry_in_every_namespace() {
    let (_server, addr, mut diary) = server().await;
    let mut client = RawSocket::socketio(addr, "").await;
    enter(&mut client, "/other").await;
    let begun = Instant::now();
    client.send_text(r#"421["expire",300]"#).await;
    client.expect_text("431[]").await;
    expect_expired(&mut client).await;
    let lasted = begun.elapsed();
    assert!(lasted >= Duration::from_millis(300), "{lasted:?}");
    client
        .expect_text(r#"42/other,["error",{"type":"expired"}]"#)
        .await;
    client.expect_text("41/other,").await;
    assert_eq!(client.expect_close().await, Some(1008));
    diary.expect("expired").await;
}

#[tokio::test]
async fn an_expiry_can_be_put_off_brought_forward_and_taken_back() {
    let (_server, addr, mut diary) = server().await;
    let mut late = RawSocket::socketio(addr, "").await;
    let mut early = RawSocket::socketio(addr, "").await;
    let mut never = RawSocket::socketio(addr, "").await;
    let mut past = RawSocket::socketio(addr, "").await;
    let begun = Instant::now();
    for (client, first, then) in [
        (&mut late, "2000", "3000"),
        (&mut early, "3600000", "200"),
        (&mut never, "2000", "null"),
        (&mut past, "18446744073709551615", "0"),
    ] {
        client.send_text(format!(r#"421["expire",{first}]"#)).await;
        client.expect_text("431[]").await;
        client.send_text(format!(r#"422["expire",{then}]"#)).await;
        client.expect_text("432[]").await;
    }
    expect_expired(&mut past).await;
    // No client waits here for an hour.
    expect_expired(&mut early).await;
    timeout(TIMEOUT, expect_expired(&mut late)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(3));
    for _ in 0..3 {
        diary.expect("expired").await;
    }
    expect_silence(&mut never).await;
}
