//! Access that is taken away while something else is under way.

use std::time::SystemTime;

use fast_app_socketio::{
    Auth, ConnectionRefused, DisconnectReason, Emit, Namespace, Payload, Revocation, Socket,
    SocketIo, SocketIoBuilder, Who,
};
use serde_json::json;
use testkit::{RawSocket, TIMEOUT};
use tokio::sync::oneshot;

use super::{OUT_OF_THE_CLUB, Said, out_of_the_club};
use crate::{Diary, Gate, diary, enter, expect_silence, pass, room, start, write};

/// A namespace in which clients are in the club from `on_connect` on, or wait there for the gate.
async fn join_the_club(socket: Socket, auth: Auth) {
    let said: Said = auth.parse().unwrap();
    socket.session().set_user_id(said.user).unwrap();
    socket.enter_room("club").unwrap();
    socket.on_leave(room("club"), async |socket, _| write(&socket, "left"));
    if said.slow {
        write(&socket, "connecting");
        pass(&socket).await;
    }
}

fn club() -> (Gate, Diary, SocketIoBuilder) {
    let (pen, diary) = diary();
    let gate = Gate::closed();
    let namespace = Namespace::new("/")
        .on_connect(join_the_club)
        .on_disconnect(async |socket: Socket| write(&socket, "gone"));
    let builder = SocketIo::builder().state(pen).state(gate.clone());
    (gate, diary, builder.namespace(namespace))
}

#[tokio::test]
async fn an_event_that_asks_reaches_nobody_who_was_taken_out_before() {
    let (_gate, _diary, builder) = club();
    let (server, addr) = start(builder.max_acks(1)).await;
    let mut alice = RawSocket::socketio(addr, json!({"user": "alice"})).await;
    let bob = RawSocket::socketio(addr, json!({"user": "bob"})).await;
    let socket = |client: &RawSocket| server.occupants("/", client.sid())[0].clone();
    let (hers, his) = (socket(&alice), socket(&bob));
    // As many events as may wait for her answer: the next one tells her and asks others.
    tokio::spawn(async move { hers.call("first", &(), TIMEOUT).await });
    alice.expect_text(r#"421["first"]"#).await;

    let text = "x".repeat(300_000);
    let emit = Emit::new("ask", Payload::new(&text).unwrap())
        .to(["club"])
        .local();
    let (manager, (begun, has_begun)) = (server.manager().clone(), oneshot::channel());
    tokio::spawn(async move {
        begun.send(()).unwrap();
        // So much waits for him then that it is written before the emitter goes on.
        his.emit("first", &()).unwrap();
        manager.emit_with_acks(emit, TIMEOUT).await
    });
    has_begun.await.unwrap();
    let revoked = server.revoke(out_of_the_club(Who::user("alice"))).await;
    assert_eq!(revoked.unwrap().sockets, 1);
    alice.expect_text(&format!(r#"42["ask","{text}"]"#)).await;
    alice.expect_text(OUT_OF_THE_CLUB).await;
    expect_silence(&mut alice).await;
}

#[tokio::test]
async fn a_room_that_is_revoked_while_on_connect_runs_is_left_and_the_client_is_told() {
    let (gate, mut diary, builder) = club();
    let (server, addr) = start(builder).await;
    for who in [Who::everybody(), Who::user("alice")] {
        let mut client = RawSocket::engineio(addr).await;
        let alice = json!({"user": "alice", "slow": true});
        client.send_text(format!("40{alice}")).await;
        diary.expect("connecting").await;
        server.revoke(out_of_the_club(who)).await.unwrap();
        gate.open(1);
        assert!(client.recv_text().await.starts_with("40{"));
        client.expect_text(OUT_OF_THE_CLUB).await;
        assert!(server.occupants("/", "club").is_empty());
        diary.expect("left").await;
        client.send_text("41").await;
        diary.expect("gone").await;
    }
}

#[tokio::test]
async fn a_session_that_leaves_its_namespace_is_still_the_one_that_was_revoked() {
    let (gate, mut diary, builder) = club();
    let other = Namespace::new("/other").on("ask", async |socket: Socket| {
        let entry = socket.entry();
        write(&socket, "asking");
        pass(&socket).await;
        entry.enter("den").is_ok()
    });
    let (server, addr) = start(builder.namespace(other)).await;
    let mut client = RawSocket::socketio(addr, json!({"user": "alice"})).await;
    enter(&mut client, "/other").await;
    let out_of_the_den = |sid: &str| {
        let revocation = Revocation::new(Who::session(sid));
        revocation.from_room("/other", "den").unwrap()
    };
    for (out, entered) in [
        (out_of_the_den(client.sid()), false),
        (out_of_the_den("somebody else"), true),
    ] {
        client.send_text(r#"42/other,1["ask"]"#).await;
        diary.expect("asking").await;
        server.revoke(out).await.unwrap();
        client.send_text("41").await;
        if !entered {
            diary.expect("left").await;
            diary.expect("gone").await;
        }
        gate.open(1);
        client.expect_text(&format!("43/other,1[{entered}]")).await;
    }
}

#[tokio::test]
async fn a_user_that_on_connect_names_after_a_revocation_is_taken_off_the_server() {
    let (pen, mut diary) = diary();
    let gate = Gate::closed();
    let late = Namespace::new("/").on_connect(async |socket: Socket, auth: Auth| {
        write(&socket, "connecting");
        pass(&socket).await;
        socket.session().set_user_id("alice")?;
        match auth.value()["banned"] == true {
            true => Err(ConnectionRefused::new("Banned")),
            false => Ok(()),
        }
    });
    let builder = SocketIo::builder().state(pen).state(gate.clone());
    let builder = builder.namespace(late).namespace(Namespace::new("/other"));
    let (server, addr) = start(builder).await;
    for (banned, refused) in [(false, "Access revoked"), (true, "Banned")] {
        let mut client = RawSocket::engineio(addr).await;
        enter(&mut client, "/other").await;
        let auth = json!({ "banned": banned });
        client.send_text(format!("40{auth}")).await;
        diary.expect("connecting").await;
        let revoked = server.revoke(Revocation::new(Who::user("alice"))).await;
        assert_eq!(revoked.unwrap().sockets, 0);
        gate.open(1);
        let refused = format!(r#"44{{"message":"{refused}"}}"#);
        client.expect_text(&refused).await;
        client
            .expect_text(r#"42/other,["error",{"type":"revoked"}]"#)
            .await;
        client.expect_text("41/other,").await;
        assert_eq!(client.expect_close().await, Some(1008));
    }
}

#[tokio::test]
async fn events_that_wait_when_access_ends_are_not_handled() {
    let (pen, mut diary) = diary();
    let gate = Gate::closed();
    let namespace = Namespace::new("/")
        .on("slow", async |socket: Socket| {
            write(&socket, "slow");
            pass(&socket).await;
        })
        .on("next", async |socket: Socket| write(&socket, "next"))
        .on_disconnect(async |socket: Socket, reason: DisconnectReason| write(&socket, reason));
    let builder = SocketIo::builder().state(pen).state(gate.clone());
    let builder = builder
        .namespace(namespace)
        .namespace(Namespace::new("/other"));
    let (server, addr) = start(builder).await;
    for reason in ["revoked", "expired", "client disconnect"] {
        let mut client = RawSocket::socketio(addr, "").await;
        enter(&mut client, "/other").await;
        for event in [r#"42["slow"]"#, r#"42["next"]"#, r#"42/other,1["read"]"#] {
            client.send_text(event).await;
        }
        // By then the others have been read, too.
        client.expect_text("43/other,1[]").await;
        diary.expect("slow").await;
        let session = server.occupants("/", client.sid())[0].session();
        match reason {
            "revoked" => {
                let revocation = Revocation::new(Who::session(client.sid()));
                server.revoke(revocation).await.unwrap();
            }
            "expired" => session.set_expiry(SystemTime::now()),
            // What it has sent before it left is handled.
            _ => client.send_text("1").await,
        }
        client.expect_close().await;
        gate.open(1);
        if reason == "client disconnect" {
            diary.expect("next").await;
        }
        diary.expect(reason).await;
    }
}
