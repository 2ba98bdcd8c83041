//! Whom an event reaches, and what a socket may do besides.

use std::sync::Arc;

use fast_app_socketio::{
    Data, Emit, Manager, Namespace, Payload, Socket, SocketIo, bus::MemoryBus,
};
use testkit::RawSocket;
use tokio::sync::Semaphore;

use crate::start;

/// Lets clients enter rooms, and emit to others in every way there is.
fn reach() -> Namespace {
    Namespace::new("/")
        .on("enter", async |socket: Socket, room: Data<String>| {
            socket.enter_room(&room).unwrap()
        })
        .on("everybody else", async |socket: Socket| {
            socket.broadcast().emit("told", &1).await.unwrap().local
        })
        .on("everybody else, in words", async |socket: Socket| {
            let words = Payload::args(&("in", "words")).unwrap();
            let others = socket.broadcast();
            others.emit_payload("told", words).await.unwrap().local
        })
        .on("but", async |socket: Socket, room: Data<String>| {
            let others = socket.broadcast().except(room.0.clone());
            others.emit("told", &2).await.unwrap().local
        })
        .on("here", async |socket: Socket| {
            let here = socket.broadcast().local();
            here.emit("told", &3).await.unwrap().local
        })
        .on("end", async |socket: Socket| socket.disconnect_client())
        .on("keep", async |socket: Socket, text: Data<String>| {
            socket.insert(text.0.clone());
        })
        .on("kept", async |socket: Socket| {
            socket.get::<String>().map(|text| text.to_string())
        })
}

async fn ask(client: &mut RawSocket, packet: &str, answer: &str) {
    client.send_text(packet).await;
    client.expect_text(answer).await;
}

/// Two workers on one bus, with two clients on the first and one on the second.
async fn three() -> ([SocketIo; 2], [RawSocket; 3]) {
    let bus = Arc::new(MemoryBus::private());
    let builder = || {
        SocketIo::builder()
            .manager(Manager::new(bus.clone()))
            .namespace(reach())
    };
    let (first, here) = start(builder()).await;
    let (second, there) = start(builder()).await;
    let clients = [
        RawSocket::socketio(here, "").await,
        RawSocket::socketio(here, "").await,
        RawSocket::socketio(there, "").await,
    ];
    ([first, second], clients)
}

#[tokio::test]
async fn a_broadcast_reaches_everybody_else_on_every_worker() {
    let (_workers, [mut sender, mut other, mut far]) = three().await;
    ask(&mut sender, r#"421["everybody else"]"#, "431[1]").await;
    other.expect_text(r#"42["told",1]"#).await;
    far.expect_text(r#"42["told",1]"#).await;
    ask(&mut sender, r#"421["everybody else, in words"]"#, "431[1]").await;
    other.expect_text(r#"42["told","in","words"]"#).await;
    far.expect_text(r#"42["told","in","words"]"#).await;
    ask(&mut sender, r#"422["kept"]"#, "432[]").await;
}

#[tokio::test]
async fn whoever_is_in_an_excepted_room_gets_nothing() {
    let (_workers, [mut sender, mut other, mut far]) = three().await;
    ask(&mut other, r#"421["enter","quiet"]"#, "431[true]").await;
    ask(&mut sender, r#"421["but","quiet"]"#, "431[0]").await;
    far.expect_text(r#"42["told",2]"#).await;
    ask(&mut other, r#"422["kept"]"#, "432[]").await;
}

#[tokio::test]
async fn a_local_event_stays_on_its_worker() {
    let (_workers, [mut sender, mut other, mut far]) = three().await;
    ask(&mut sender, r#"421["here"]"#, "431[1]").await;
    other.expect_text(r#"42["told",3]"#).await;
    ask(&mut far, r#"422["kept"]"#, "432[]").await;
}

#[tokio::test]
async fn a_volatile_event_passes_over_who_is_not_listening() {
    let (socketio, addr) = start(SocketIo::builder().namespace(reach())).await;
    let mut listening = RawSocket::socketio(addr, "").await;
    // Between two polls there is nobody to tell.
    let mut polling = testkit::Polling::socketio(addr, "").await;
    let emit = |event: &str| Emit::new(event, Payload::empty());
    let told = socketio
        .emit(emit("now or never").volatile())
        .await
        .unwrap();
    assert_eq!(told.local, 1);
    socketio.emit(emit("for all")).await.unwrap();
    listening.expect_text(r#"42["now or never"]"#).await;
    listening.expect_text(r#"42["for all"]"#).await;
    polling.expect_text(r#"42["for all"]"#).await;
}

#[tokio::test]
async fn a_client_can_be_disconnected_from_all_its_namespaces() {
    let (_socketio, addr) = start(
        SocketIo::builder()
            .namespace(reach())
            .namespace(Namespace::new("/other")),
    )
    .await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text("40/other,").await;
    assert!(client.recv_text().await.starts_with("40/other,"));
    client.send_text(r#"42["end"]"#).await;
    assert_eq!(client.expect_close().await, Some(1000));
}

#[tokio::test]
async fn a_socket_keeps_values_of_its_namespace() {
    let (_workers, [mut client, mut other, _]) = three().await;
    ask(&mut client, r#"421["keep","mine"]"#, "431[]").await;
    ask(&mut client, r#"422["kept"]"#, r#"432["mine"]"#).await;
    ask(&mut other, r#"422["kept"]"#, "432[]").await;
}

#[tokio::test]
async fn a_connection_keeps_values_for_all_its_namespaces() {
    let namespace = |path| {
        Namespace::new(path)
            .on("keep", async |socket: Socket, text: Data<String>| {
                socket.session().insert(text.0.clone());
            })
            .on("kept", async |socket: Socket| {
                socket
                    .session()
                    .get::<String>()
                    .map(|text| text.to_string())
            })
    };
    let builder = SocketIo::builder()
        .namespace(namespace("/"))
        .namespace(namespace("/admin"));
    let (_socketio, addr) = start(builder).await;
    let mut client = RawSocket::socketio(addr, "").await;
    let mut other = RawSocket::socketio(addr, "").await;
    ask(&mut client, r#"421["keep","ours"]"#, "431[]").await;
    crate::enter(&mut client, "/admin").await;
    ask(
        &mut client,
        r#"42/admin,2["kept"]"#,
        r#"43/admin,2["ours"]"#,
    )
    .await;
    client.send_text("41").await;
    ask(
        &mut client,
        r#"42/admin,3["kept"]"#,
        r#"43/admin,3["ours"]"#,
    )
    .await;
    ask(&mut other, r#"422["kept"]"#, "432[]").await;
}

#[tokio::test]
async fn concurrent_events_do_not_wait_for_each_other() {
    let gate = Arc::new(Semaphore::new(0));
    let namespace = Namespace::new("/")
        .on_concurrent("slow", {
            let gate = gate.clone();
            move |_: Socket, number: Data<u32>| {
                let gate = gate.clone();
                async move {
                    gate.acquire().await.unwrap().forget();
                    number.0
                }
            }
        })
        .on_concurrent("open", move |_: Socket| {
            gate.add_permits(1);
            async {}
        });
    let (_socketio, addr) = start(SocketIo::builder().namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"421["slow",7]"#).await;
    // The second event is what the first one waits for.
    ask(&mut client, r#"422["open"]"#, "432[]").await;
    client.expect_text("431[7]").await;
}
