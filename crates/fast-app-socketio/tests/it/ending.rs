//! What a server waits for when it ends: every handler and hook, and what was published.

use std::time::Duration;

use fast_app_socketio::{
    DisconnectReason, Emit, Manager, Namespace, Payload, Socket, SocketIo, bus::OnOutage,
};
use testkit::{Frame, RawSocket, RedisServer, TIMEOUT};
use tokio::{runtime::Handle, task::yield_now, time::timeout};

use crate::{Gate, bus::until_listening, diary, pass, room, start, write};

/// Each of these waits at the gate.
fn slow() -> Namespace {
    Namespace::new("/")
        .on_connect(async |socket: Socket| {
            socket.enter_room("lobby").unwrap();
            socket.on_leave(room("lobby"), async |socket, _| {
                pass(&socket).await;
                write(&socket, "left");
            });
        })
        .on("event", async |socket: Socket| {
            write(&socket, "event");
            pass(&socket).await;
            write(&socket, "handled");
        })
        .on_disconnect(async |socket: Socket, _: DisconnectReason| {
            pass(&socket).await;
            write(&socket, "disconnected");
        })
}

/// A namespace whose `on_connect` waits.
fn hesitant() -> Namespace {
    Namespace::new("/hesitant").on_connect(async |socket: Socket| {
        write(&socket, "asked");
        pass(&socket).await;
        write(&socket, "allowed");
    })
}

#[tokio::test]
async fn a_server_has_ended_when_its_last_handler_has() {
    let (gate, (pen, mut diary)) = (Gate::closed(), diary());
    let builder = SocketIo::builder()
        .state(gate.clone())
        .state(pen)
        .namespace(slow())
        .namespace(hesitant());
    let (server, addr) = start(builder).await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"42["event"]"#).await;
    diary.expect("event").await;
    client.send_text("40/hesitant,").await;
    diary.expect("asked").await;

    server.shutdown();
    assert_eq!(client.expect_close().await, Some(1001));
    drop(client);
    let mut lines = Vec::new();
    // What a socket still has to do follows in one task.
    assert_eq!(server.engine().unfinished().handlers, 2);
    for _ in 0..4 {
        let ended = timeout(Duration::from_millis(20), server.ended());
        assert!(ended.await.is_err());
        gate.open(1);
        lines.push(diary.next().await);
    }
    timeout(TIMEOUT, server.ended()).await.unwrap();
    assert_eq!(server.engine().unfinished().handlers, 0);
    lines.sort();
    assert_eq!(lines, ["allowed", "disconnected", "handled", "left"]);
    diary.expect_end();
}

#[tokio::test]
async fn a_server_has_ended_when_what_was_spooled_is_sent() {
    let mut redis = RedisServer::spawn().await;
    let worker = async || {
        let builder = SocketIo::builder()
            .manager(Manager::from_url(&redis.url()).unwrap())
            .namespace(Namespace::new("/"));
        start(builder).await
    };
    let (ending, _) = worker().await;
    let (other, addr) = worker().await;
    until_listening(other.manager()).await;
    let mut client = RawSocket::socketio(addr, "").await;
    let emit = |words: &str| {
        let emit = Emit::new("words", Payload::new(words).unwrap());
        ending.emit(emit.on_outage(OnOutage::Spool))
    };
    emit("first").await.unwrap();
    client.expect_text(r#"42["words","first"]"#).await;

    redis.stop().await;
    assert!(emit("last").await.unwrap().spooled);
    ending.shutdown();
    let ended = timeout(Duration::from_millis(100), ending.ended());
    assert!(ended.await.is_err());
    assert_eq!(ending.engine().unfinished().messages, 1);
    redis.start().await;
    client.expect_text(r#"42["words","last"]"#).await;
    timeout(TIMEOUT, ending.ended()).await.unwrap();
    assert_eq!(ending.manager().stats().waiting, 0);
}

/// How many tasks are left of a client that sends so many events at once, of which the server takes the first, when it has been
/// told to go and has gone.
async fn tasks_left_by(events: usize, least: usize) -> usize {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let (gate, (pen, mut diary)) = (Gate::closed(), diary());
    let builder = SocketIo::builder().state(gate).state(pen);
    let before = tasks();
    let (server, addr) = start(builder.namespace(slow()).max_backlog(1)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    let event = Frame::text(r#"42["event"]"#).encode();
    client.send_bytes(event.repeat(events)).await;
    diary.expect("event").await;
    server.shutdown();
    assert_eq!(client.expect_close().await, Some(1001));
    drop(client);
    let gone = async {
        while tasks() - before > least {
            yield_now().await;
        }
    };
    // Where it may be fewer they are given this long to become so.
    let _ = timeout(Duration::from_secs(1), gone).await;
    tasks() - before
}

/// Reading stops while no more is taken; it would stand still until a handler has ended.
#[tokio::test]
async fn nothing_reads_for_a_session_that_has_ended() {
    let least = tasks_left_by(1, 0).await;
    assert_eq!(tasks_left_by(100, least).await, least);
}
