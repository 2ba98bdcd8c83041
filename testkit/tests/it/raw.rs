use serde_json::json;
use testkit::{Frame, Polling, RawSocket, http};

use crate::reference_server;

#[tokio::test]
async fn a_raw_socket_connects_and_exchanges_messages() {
    let server = reference_server().await;
    let mut socket = RawSocket::socketio(server.addr(), json!({"token": "alice"})).await;
    assert_eq!(socket.open_packet()["upgrades"], json!([]));
    assert_eq!(socket.sid().len(), 20);
    socket
        .expect_text(r#"42["hello","/",{"token":"alice"}]"#)
        .await;
    socket.send_text(r#"427["echo",1,"two"]"#).await;
    socket.expect_text(r#"437[1,"two"]"#).await;
    socket
        .send_text(r#"451-["echo",{"_placeholder":true,"num":0}]"#)
        .await;
    socket.send_binary([1, 2, 3]).await;
    socket
        .expect_text(r#"451-["echoed",{"_placeholder":true,"num":0}]"#)
        .await;
    assert_eq!(socket.recv_binary().await, [1, 2, 3]);
    socket.send_text(r#"42["cut"]"#).await;
    assert_eq!(socket.expect_close().await, Some(1005));
}

#[tokio::test]
async fn a_wrong_frame_closes_the_connection_with_its_code() {
    let server = reference_server().await;
    let mut socket = RawSocket::engineio(server.addr()).await;
    socket
        .send_frame(Frame {
            masked: false,
            ..Frame::text("40")
        })
        .await;
    assert_eq!(socket.expect_close().await, Some(1002));
}

#[tokio::test]
async fn a_refused_handshake_gives_the_response() {
    let server = reference_server().await;
    let refused = RawSocket::connect(
        server.addr(),
        "/socket.io/?EIO=4&transport=websocket&sid=x",
        &[],
    )
    .await;
    let response = refused.expect_err("an unknown session is refused");
    assert_eq!(
        (response.status, response.text().as_str()),
        (400, "Session ID unknown")
    );
}

#[tokio::test]
async fn a_polling_session_exchanges_packets_and_upgrades() {
    let server = reference_server().await;
    let mut polling = Polling::socketio(server.addr(), "").await;
    polling.expect_text(r#"42["hello","/",{}]"#).await;
    polling.post(&[r#"421["echo"]"#, r#"422["echo",2]"#]).await;
    polling.expect_text("431[]").await;
    polling.expect_text("432[2]").await;

    let mut socket = polling.upgrade().await;
    socket.send_text(r#"423["echo"]"#).await;
    socket.expect_text("433[]").await;
}

#[tokio::test]
async fn a_reset_ends_a_session() {
    let server = reference_server().await;
    let socket = RawSocket::engineio(server.addr()).await;
    let sid = socket.open_packet()["sid"]
        .as_str()
        .expect("a sid")
        .to_owned();
    socket.reset();
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    // Until the server sees the reset, it refuses the session for its transport (code 3) instead of its id (code 1).
    while http::get(server.addr(), &path).await.json()["code"] != 1 {}
}
