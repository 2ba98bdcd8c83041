//! What holds on every bus: each test but those of `many` runs in memory and on Redis.

use std::{future::ready, pin::pin, sync::Arc};

use fast_app_socketio::{Manager, Revocation, SocketIo, Who, bus::MemoryBus};
use serde_json::json;
use testkit::RawSocket;
use tokio::task::yield_now;

use super::{OUT_OF_THE_CLUB, Workers, client, expect_silence, out_of_the_club, worker};
use crate::{Gate, bus::until, diary, enter};

on_every_bus! {
    a_user_is_taken_out_of_a_room_on_every_worker,
    everybody_is_taken_out_of_a_room,
    one_session_is_taken_out_of_a_room,
    a_user_is_taken_off_the_server_with_all_namespaces,
    one_session_and_everybody_are_taken_off_the_server,
    a_guard_that_runs_meanwhile_lets_nobody_in,
    an_on_connect_that_runs_meanwhile_lets_nobody_in,
    who_is_not_there_is_nobody,
}

async fn a_user_is_taken_out_of_a_room_on_every_worker(mut workers: Workers) {
    // Whoever listens confirms; the outsider listens once it has revoked, as everybody does to find out who is in the club.
    for (revoker, count) in workers.revokers().into_iter().zip([2, 3, 3]) {
        let mut alice = workers.clients("alice").await;
        let mut bob = workers.clients("bob").await;
        let revoked = revoker
            .revoke(out_of_the_club(Who::user("alice")))
            .await
            .unwrap();
        assert_eq!((revoked.sockets, revoked.workers), (2, count));
        workers.expect_club(&mut bob).await;
        for client in &mut alice {
            client.expect_text(OUT_OF_THE_CLUB).await;
            expect_silence(client).await;
            workers.diary.expect("left the club").await;
        }
        // It is not remembered.
        workers.gate.open(1);
        alice[1].send_text(r#"421["ask","club"]"#).await;
        alice[1].expect_text(r#"431["entered"]"#).await;
        workers.diary.expect("asking").await;
        workers
            .expect_club(bob.iter_mut().chain([&mut alice[1]]))
            .await;
        for client in alice.iter_mut().chain(&mut bob) {
            client.send_text("1").await;
            workers.diary.expect("client disconnect").await;
        }
    }
}

async fn everybody_is_taken_out_of_a_room(workers: Workers) {
    for revoker in workers.revokers() {
        let mut clients = workers.clients("alice").await;
        let revoked = revoker.revoke(out_of_the_club(Who::everybody())).await;
        assert_eq!(revoked.unwrap().sockets, 2);
        workers.expect_club([]).await;
        for client in &mut clients {
            client.expect_text(OUT_OF_THE_CLUB).await;
            expect_silence(client).await;
        }
    }
}

async fn one_session_is_taken_out_of_a_room(workers: Workers) {
    for revoker in workers.revokers() {
        let [mut one, mut other] = workers.clients("alice").await;
        let revoked = revoker.revoke(out_of_the_club(Who::session(other.sid())));
        assert_eq!(revoked.await.unwrap().sockets, 1);
        workers.expect_club([&mut one]).await;
        other.expect_text(OUT_OF_THE_CLUB).await;
        expect_silence(&mut other).await;
        let again = revoker.revoke(out_of_the_club(Who::session(other.sid())));
        assert_eq!(again.await.unwrap().sockets, 0);
        one.send_text("1").await;
    }
}

/// Asserts that the client is told in both namespaces and disconnected.
async fn expect_end(client: &mut RawSocket) {
    client
        .expect_text(r#"42["error",{"type":"revoked"}]"#)
        .await;
    client.expect_text("41").await;
    client
        .expect_text(r#"42/other,["error",{"type":"revoked"}]"#)
        .await;
    client.expect_text("41/other,").await;
    assert_eq!(client.expect_close().await, Some(1008));
}

async fn a_user_is_taken_off_the_server_with_all_namespaces(mut workers: Workers) {
    for revoker in workers.revokers() {
        let mut alice = workers.clients("alice").await;
        let mut bob = workers.clients("bob").await;
        for client in &mut alice {
            enter(client, "/other").await;
        }
        let revoked = revoker.revoke(Revocation::new(Who::user("alice"))).await;
        assert_eq!(revoked.unwrap().sockets, 4);
        workers.expect_club(&mut bob).await;
        for client in &mut alice {
            expect_end(client).await;
            workers.diary.expect("revoked").await;
        }
        // Who may connect is for `on_connect` to say.
        let mut back = client(workers.addrs[0], "alice").await;
        workers.expect_club(bob.iter_mut().chain([&mut back])).await;
        for client in bob.iter_mut().chain([&mut back]) {
            client.send_text("1").await;
            workers.diary.expect("client disconnect").await;
        }
    }
}

async fn one_session_and_everybody_are_taken_off_the_server(mut workers: Workers) {
    for revoker in workers.revokers() {
        let mut clients = workers.clients("alice").await;
        // The sid of another namespace is the same connection.
        let mut sids = Vec::new();
        for client in &mut clients {
            sids.push(enter(client, "/other").await);
        }
        let [mut one, mut other] = clients;
        let revoked = revoker.revoke(Revocation::new(Who::session(&sids[1])));
        assert_eq!(revoked.await.unwrap().sockets, 2);
        expect_end(&mut other).await;
        workers.expect_club([&mut one]).await;
        let revoked = revoker.revoke(Revocation::new(Who::everybody())).await;
        assert_eq!(revoked.unwrap().sockets, 2);
        expect_end(&mut one).await;
        for _ in 0..2 {
            workers.diary.expect("revoked").await;
        }
    }
}

async fn a_guard_that_runs_meanwhile_lets_nobody_in(mut workers: Workers) {
    let den = |who| Revocation::new(who).from_room("/", "den").unwrap();
    for revoker in workers.revokers() {
        let mut alice = client(workers.addrs[1], "alice").await;
        let mut ask_while = async |revocation, answer: &str| {
            alice.send_text(r#"421["ask","den"]"#).await;
            workers.diary.expect("asking").await;
            revoker.revoke(revocation).await.unwrap();
            workers.gate.open(1);
            alice.expect_text(&format!("431[{answer:?}]")).await;
        };
        let sid = workers.servers[1].occupants("/", "club")[0].sid();
        let refused = "access to the room was revoked meanwhile";
        for who in [Who::user("alice"), Who::everybody(), Who::session(&sid)] {
            ask_while(den(who), refused).await;
            assert!(workers.servers[1].occupants("/", "den").is_empty());
        }
        // Somebody else, another room, another namespace.
        let other = Revocation::new(Who::everybody());
        for revocation in [
            den(Who::user("bob")),
            den(Who::session("bob")),
            other.clone().from_room("/", "lair").unwrap(),
            other.from_room("/other", "den").unwrap(),
        ] {
            ask_while(revocation, "entered").await;
        }
        assert_eq!(workers.servers[1].occupants("/", "den").len(), 1);
        alice.send_text("1").await;
        workers.diary.expect("client disconnect").await;
    }
}

async fn an_on_connect_that_runs_meanwhile_lets_nobody_in(mut workers: Workers) {
    for revoker in workers.revokers() {
        let connecting = async || {
            let mut client = RawSocket::engineio(workers.addrs[1]).await;
            let auth = json!({"user": "alice", "slow": true});
            client.send_text(format!("40{auth}")).await;
            client
        };
        let mut client = connecting().await;
        workers.diary.expect("connecting").await;
        let revoked = revoker.revoke(Revocation::new(Who::user("alice"))).await;
        assert_eq!(revoked.unwrap().sockets, 1);
        assert_eq!(client.expect_close().await, Some(1008));
        workers.gate.open(1);
        workers.diary.expect("revoked").await;

        // Everybody is found in the log: who is connecting is in no list.
        let mut client = connecting().await;
        workers.diary.expect("connecting").await;
        let revoked = revoker.revoke(Revocation::new(Who::everybody())).await;
        assert_eq!(revoked.unwrap().sockets, 0);
        workers.gate.open(1);
        client
            .expect_text(r#"44{"message":"Access revoked"}"#)
            .await;
        workers.diary.expect("revoked").await;

        // A room that was entered meanwhile is not.
        let mut client = connecting().await;
        workers.diary.expect("connecting").await;
        let everybody = revoker.revoke(out_of_the_club(Who::everybody())).await;
        assert_eq!(everybody.unwrap().sockets, 0);
        workers.gate.open(1);
        assert!(client.recv_text().await.starts_with("40{"));
        client.expect_text(OUT_OF_THE_CLUB).await;
        workers.diary.expect("left the club").await;
        workers.expect_club([]).await;
        expect_silence(&mut client).await;
        client.send_text("1").await;
        workers.diary.expect("client disconnect").await;
    }
}

async fn who_is_not_there_is_nobody(workers: Workers) {
    let mut alice = workers.clients("alice").await;
    for revoker in workers.revokers() {
        for who in [
            Who::user(""),
            Who::user("ALICE"),
            Who::session(""),
            Who::session("club"),
        ] {
            for revocation in [Revocation::new(who.clone()), out_of_the_club(who)] {
                assert_eq!(revoker.revoke(revocation).await.unwrap().sockets, 0);
            }
        }
        let nowhere = Revocation::new(Who::everybody())
            .from_room("/nowhere", "club")
            .unwrap();
        assert_eq!(revoker.revoke(nowhere).await.unwrap().sockets, 0);
    }
    workers.expect_club(&mut alice).await;
}

/// More than a task may do in one go.
const MANY: usize = 150;

/// A worker that is alone, where nothing has to be waited for, and clients of Alice in the club.
async fn many() -> (SocketIo, Vec<RawSocket>) {
    let (pen, _) = diary();
    let manager = Manager::new(Arc::new(MemoryBus::private()));
    let (server, addr) = worker(manager, &pen, &Gate::closed()).await;
    let mut clients = Vec::new();
    for _ in 0..MANY {
        clients.push(client(addr, "alice").await);
    }
    (server, clients)
}

#[tokio::test]
async fn many_are_taken_out_without_keeping_the_thread() {
    for revocation in [
        out_of_the_club(Who::everybody()),
        Revocation::new(Who::everybody()),
    ] {
        let (server, _clients) = many().await;
        let mut revoked = pin!(server.revoke(revocation));
        let mut between = false;
        let revoked = loop {
            tokio::select! {
                biased;
                revoked = &mut revoked => break revoked,
                () = yield_now() => {
                    between |= (1..MANY).contains(&server.occupants("/", "club").len());
                }
            }
        };
        assert_eq!(revoked.unwrap().sockets, MANY);
        assert!(between, "nothing else could run");
    }
}

#[tokio::test]
async fn what_was_begun_is_finished_whoever_waits_for_it() {
    let (server, _clients) = many().await;
    tokio::select! {
        biased;
        _ = server.revoke(out_of_the_club(Who::everybody())) => panic!("it is over at once"),
        () = ready(()) => {}
    }
    until(|| server.occupants("/", "club").is_empty()).await;
}
