//! Whose a connection is, whatever its client sends.

use fast_app_socketio::{
    Auth, ConnectionRefused, Namespace, Revocation, Socket, SocketIo, SocketIoBuilder, Who,
};
use serde_json::json;
use testkit::RawSocket;

use super::Said;
use crate::{Diary, Gate, diary, expect_silence, pass, start, write};

async fn authenticate(socket: Socket, auth: Auth) -> Result<(), ConnectionRefused> {
    let said: Said = auth.parse().unwrap();
    socket.session().set_user_id(said.user)?;
    if said.slow {
        write(&socket, "connecting");
        pass(&socket).await;
    }
    Ok(())
}

/// Two namespaces that ask for a user.
fn authenticated() -> (Gate, Diary, SocketIoBuilder) {
    let (pen, diary) = diary();
    let gate = Gate::closed();
    let builder = SocketIo::builder().state(pen).state(gate.clone());
    let of = |path| Namespace::new(path).on_connect(authenticate);
    (
        gate,
        diary,
        builder.namespace(of("/")).namespace(of("/admin")),
    )
}

const REFUSED: &str = r#"44/admin,{"message":"Another user is connected"}"#;

#[tokio::test]
async fn a_connection_is_one_users_in_all_its_namespaces() {
    let (gate, mut diary, builder) = authenticated();
    let (server, addr) = start(builder).await;
    let admin = |user: &str| format!("40/admin,{}", json!({ "user": user }));
    let mut client = RawSocket::engineio(addr).await;
    let alice = json!({"user": "alice", "slow": true});
    client.send_text(format!("40{alice}")).await;
    diary.expect("connecting").await;
    client.send_text(admin("bob")).await;
    client.expect_text(REFUSED).await;
    gate.open(1);
    assert!(client.recv_text().await.starts_with("40{"));
    client.send_text(admin("bob")).await;
    client.expect_text(REFUSED).await;
    client.send_text(admin("alice")).await;
    assert!(client.recv_text().await.starts_with("40/admin,{"));
    // She may leave, and it stays hers.
    client.send_text("41/admin,").await;
    client.send_text(admin("bob")).await;
    client.expect_text(REFUSED).await;

    let revoked = server.revoke(Revocation::new(Who::user("bob"))).await;
    assert_eq!(revoked.unwrap().sockets, 0);
    expect_silence(&mut client).await;
    let revoked = server.revoke(Revocation::new(Who::user("alice"))).await;
    assert_eq!(revoked.unwrap().sockets, 1);
    client
        .expect_text(r#"42["error",{"type":"revoked"}]"#)
        .await;
    client.expect_text("41").await;
    assert_eq!(client.expect_close().await, Some(1008));
}
