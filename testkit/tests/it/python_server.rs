use serde_json::{Value, json};
use testkit::{PythonServer, RawSocket, RedisServer, StockClient, To};

/// A client that is in its room.
async fn client(server: &PythonServer) -> RawSocket {
    let client = RawSocket::socketio(server.addr(), "").await;
    server.connected(client.sid()).await;
    client
}

#[tokio::test]
async fn python_servers_of_both_ages_share_a_redis() {
    let redis = RedisServer::spawn().await;
    let old = PythonServer::start_old(&redis.url()).await;
    let new = PythonServer::start(&redis.url()).await;
    let (mut one, mut two) = (client(&old).await, client(&new).await);
    redis.until_subscribers("socketio", 2).await;

    let data = json!({"tuple": [{"$json": "[1180591620717411303424, 1.0]"}, "b"]});
    new.emit("ev", data, To::room("both")).await;
    two.expect_text(r#"42["ev",[1180591620717411303424,1.0],"b"]"#)
        .await;
    // The old one does not know that the list is one of arguments.
    one.expect_text(r#"42["ev",[[1180591620717411303424,1.0],"b"]]"#)
        .await;

    old.emit("bin", StockClient::binary([1, 2]), To::room(two.sid()))
        .await;
    two.expect_text(r#"451-["bin",{"_placeholder":true,"num":0}]"#)
        .await;
    assert_eq!(two.recv_binary().await, [1, 2]);
}

#[tokio::test]
async fn a_python_server_acts_on_the_sockets_of_another() {
    let redis = RedisServer::spawn().await;
    let (a, b) = (
        PythonServer::start(&redis.url()).await,
        PythonServer::start(&redis.url()).await,
    );
    let (mut near, mut far) = (client(&a).await, client(&b).await);
    redis.until_subscribers("socketio", 2).await;
    let sid = far.sid().to_owned();

    let room = json!({"sid": sid, "room": "new", "namespace": "/"});
    a.call("enter_room", room.clone()).await;
    a.emit_with_callback("ask", json!("why?"), To::room("new"), "first")
        .await;
    far.expect_text(r#"421["ask","why?"]"#).await;
    far.send_text(r#"431["because",2]"#).await;
    assert_eq!(a.answer("first").await, [json!("because"), json!(2)]);
    assert_eq!(a.more_answers("first"), 0);

    a.call("leave_room", room).await;
    a.emit("left", Value::Null, To::room("new")).await;
    a.call("close_room", json!({"room": "both", "namespace": "/"}))
        .await;
    a.emit("closed", Value::Null, To::room("both")).await;
    a.emit("last", Value::Null, To::default()).await;
    near.expect_text(r#"42["last"]"#).await;
    far.expect_text(r#"42["last"]"#).await;

    a.call("disconnect", json!({"sid": sid, "namespace": "/"}))
        .await;
    far.expect_text("41").await;
    assert_eq!(b.disconnected(&sid).await, "server disconnect");
    near.send_text(r#"425["anything"]"#).await;
    near.expect_text("435[]").await;
}
