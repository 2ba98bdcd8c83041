//! Rooms of one server.

use fast_app_socketio::{Binary, Data, Emit, Namespace, Payload, Socket, SocketIo};
use testkit::RawSocket;

use crate::{diary, enter, expect_silence, news, start, write};

/// A namespace with an event for whatever can be done with rooms; what fails is answered as text.
fn rooms(path: &str) -> Namespace {
    Namespace::new(path)
        .on(
            "enter",
            async |socket: Socket, room: Data<String>| match socket.enter_room(&room) {
                Ok(true) => "entered".to_owned(),
                Ok(false) => "already in".to_owned(),
                Err(error) => error.to_string(),
            },
        )
        .on("leave", async |socket: Socket, room: Data<String>| {
            socket.leave_room(&room)
        })
        .on("rooms", async |socket: Socket| {
            let mut rooms: Vec<_> = socket.rooms().iter().map(ToString::to_string).collect();
            rooms.sort();
            rooms.join(",")
        })
        .on("count", async |socket: Socket, room: Data<String>| {
            socket.occupants(&room).len()
        })
        .on("tell", async |socket: Socket, rooms: Data<Vec<String>>| {
            let told = socket.to(&rooms.0).emit("told", &1).await;
            told.unwrap().local
        })
}

async fn server() -> (SocketIo, std::net::SocketAddr) {
    start(
        SocketIo::builder()
            .namespace(rooms("/"))
            .namespace(rooms("/other")),
    )
    .await
}

/// Sends an event with one argument and returns the JSON of the acknowledgement's argument.
async fn ask(client: &mut RawSocket, event: &str, argument: &str) -> String {
    client
        .send_text(format!(r#"421["{event}","{argument}"]"#))
        .await;
    answer(client).await
}

async fn answer(client: &mut RawSocket) -> String {
    let ack = client.recv_text().await;
    let answer = ack
        .strip_prefix("431[")
        .and_then(|ack| ack.strip_suffix(']'));
    answer.unwrap_or_else(|| panic!("{ack}")).to_owned()
}

async fn tell(client: &mut RawSocket, rooms: &[&str]) -> String {
    let rooms = serde_json::to_string(rooms).unwrap();
    client.send_text(format!(r#"421["tell",{rooms}]"#)).await;
    answer(client).await
}

#[tokio::test]
async fn a_room_reaches_those_who_entered_until_they_leave() {
    let (server, addr) = server().await;
    let mut a = RawSocket::socketio(addr, "").await;
    let mut b = RawSocket::socketio(addr, "").await;
    let local = async |emit: Emit| server.emit(emit).await.unwrap().local;

    assert_eq!(ask(&mut a, "enter", "one").await, r#""entered""#);
    assert_eq!(ask(&mut a, "enter", "one").await, r#""already in""#);
    assert_eq!(ask(&mut a, "enter", "two").await, r#""entered""#);
    assert_eq!(ask(&mut b, "enter", "two").await, r#""entered""#);
    assert_eq!(ask(&mut a, "rooms", "").await, r#""one,two""#);
    assert_eq!(ask(&mut b, "count", "two").await, "2");

    assert_eq!(local(news().to(["one"])).await, 1);
    a.expect_text(r#"42["news"]"#).await;
    expect_silence(&mut b).await;
    assert_eq!(local(news().to(["one", "two", "none"])).await, 2);
    a.expect_text(r#"42["news"]"#).await;
    b.expect_text(r#"42["news"]"#).await;
    assert_eq!(local(news().to(["two"]).except(a.sid())).await, 1);
    expect_silence(&mut a).await;
    b.expect_text(r#"42["news"]"#).await;
    for nobody in [news().to([""; 0]), news().to([""]), news().to(["none"])] {
        assert_eq!(local(nobody).await, 0);
    }

    assert_eq!(ask(&mut a, "leave", "two").await, "true");
    assert_eq!(ask(&mut a, "leave", "two").await, "false");
    assert_eq!(ask(&mut a, "leave", "").await, "false");
    assert_eq!(local(news().to(["two"])).await, 1);
    expect_silence(&mut a).await;
    b.expect_text(r#"42["news"]"#).await;

    server.manager().close_room("/", "two").await.unwrap();
    assert_eq!(local(news().to(["two"])).await, 0);
    assert_eq!(ask(&mut b, "rooms", "").await, r#""""#);
    expect_silence(&mut b).await;
}

#[tokio::test]
async fn everybody_is_everybody_in_the_namespace() {
    let (server, addr) = server().await;
    let mut a = RawSocket::socketio(addr, "").await;
    let mut b = RawSocket::engineio(addr).await;
    enter(&mut b, "/other").await;
    let payload = Payload::args(&("x", Binary::from(vec![7]))).unwrap();
    let emit = Emit::new("news", payload).in_namespace("/other");
    assert_eq!(server.emit(emit).await.unwrap().local, 1);
    b.expect_text(r#"451-/other,["news","x",{"_placeholder":true,"num":0}]"#)
        .await;
    assert_eq!(b.recv_binary().await, [7]);
    expect_silence(&mut a).await;
    let elsewhere = news().in_namespace("/unknown");
    assert_eq!(server.emit(elsewhere).await.unwrap().local, 0);
}

#[tokio::test]
async fn a_sid_reaches_its_socket_only_and_in_its_namespace_only() {
    let (server, addr) = server().await;
    let mut a = RawSocket::socketio(addr, "").await;
    let mut b = RawSocket::socketio(addr, "").await;
    let other = enter(&mut b, "/other").await;
    let to = |sid: &str| news().to([sid]);
    assert_eq!(server.emit(to(a.sid())).await.unwrap().local, 1);
    a.expect_text(r#"42["news"]"#).await;
    let both = news().to([a.sid(), a.sid(), b.sid()]);
    assert_eq!(server.emit(both).await.unwrap().local, 2);
    a.expect_text(r#"42["news"]"#).await;
    b.expect_text(r#"42["news"]"#).await;
    assert_eq!(server.emit(to(&other)).await.unwrap().local, 0);
    server.manager().disconnect("/", &other).await.unwrap();
    server
        .manager()
        .enter_room("/", &other, "room")
        .await
        .unwrap();
    assert_eq!(server.emit(news().to(["room"])).await.unwrap().local, 0);
    expect_silence(&mut a).await;
    expect_silence(&mut b).await;
}

#[tokio::test]
async fn nobody_enters_a_room_that_is_named_like_a_socket() {
    let (server, addr) = server().await;
    let mut victim = RawSocket::socketio(addr, "").await;
    let mut spy = RawSocket::socketio(addr, "").await;
    let (victim_sid, own_sid) = (victim.sid().to_owned(), spy.sid().to_owned());
    for sid in [&victim_sid, &own_sid] {
        assert_eq!(
            ask(&mut spy, "enter", sid).await,
            r#""room name is the sid of a socket""#
        );
    }
    let manager = server.manager();
    manager
        .enter_room("/", &own_sid, &victim_sid)
        .await
        .unwrap();
    manager.close_room("/", &victim_sid).await.unwrap();
    manager
        .leave_room("/", &victim_sid, &victim_sid)
        .await
        .unwrap();
    let private = news().to([&victim_sid]);
    assert_eq!(server.emit(private).await.unwrap().local, 1);
    victim.expect_text(r#"42["news"]"#).await;
    expect_silence(&mut spy).await;
}

#[tokio::test]
async fn nobody_enters_such_a_room_in_on_connect_either() {
    let (pen, mut diary) = diary();
    let namespace =
        Namespace::new("/").on_connect(async |socket: Socket, auth: fast_app_socketio::Auth| {
            let own = socket.sid();
            let auth = auth.value();
            let room = auth["room"].as_str().unwrap_or(own.as_str());
            write(&socket, socket.enter_room(room).unwrap_err());
        });
    let (server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    let mut victim = RawSocket::socketio(addr, "").await;
    diary.expect("room name is the sid of a socket").await;
    let auth = serde_json::json!({ "room": victim.sid() });
    let mut spy = RawSocket::socketio(addr, auth).await;
    diary.expect("room name is the sid of a socket").await;
    let private = news().to([victim.sid()]);
    assert_eq!(server.emit(private).await.unwrap().local, 1);
    victim.expect_text(r#"42["news"]"#).await;
    expect_silence(&mut spy).await;
}

#[tokio::test]
async fn a_socket_tells_others_and_not_itself() {
    let (_server, addr) = server().await;
    let mut a = RawSocket::socketio(addr, "").await;
    let mut b = RawSocket::socketio(addr, "").await;
    let mut c = RawSocket::socketio(addr, "").await;
    ask(&mut a, "enter", "room").await;
    ask(&mut b, "enter", "room").await;
    assert_eq!(tell(&mut a, &["room"]).await, "1");
    b.expect_text(r#"42["told",1]"#).await;
    let (a_sid, b_sid) = (a.sid().to_owned(), b.sid().to_owned());
    assert_eq!(tell(&mut c, &["room", &a_sid]).await, "2");
    a.expect_text(r#"42["told",1]"#).await;
    b.expect_text(r#"42["told",1]"#).await;
    assert_eq!(tell(&mut b, &[&b_sid]).await, "0");
    assert_eq!(tell(&mut b, &[]).await, "0");
    expect_silence(&mut a).await;
    expect_silence(&mut b).await;
    expect_silence(&mut c).await;
}

#[tokio::test]
async fn names_that_name_no_room_are_refused() {
    let (_server, addr) = server().await;
    let mut client = RawSocket::socketio(addr, "").await;
    for (name, problem) in [
        ("", "room name is empty"),
        (r"a\u0000b", "room name contains a control character"),
        (r"a\nb", "room name contains a control character"),
        (&"x".repeat(256), "room name of 256 bytes is too long"),
    ] {
        assert_eq!(
            ask(&mut client, "enter", name).await,
            format!("{problem:?}")
        );
    }
    for name in [
        "chat|1",
        " ",
        "ž😀",
        &"x".repeat(255),
        "20-characters-and-no-sid!",
        "/",
    ] {
        assert_eq!(ask(&mut client, "enter", name).await, r#""entered""#);
    }
}

#[tokio::test]
async fn a_socket_may_be_in_five_hundred_and_twelve_rooms() {
    let (_server, addr) = server().await;
    let mut client = RawSocket::socketio(addr, "").await;
    for number in 0..512 {
        assert_eq!(
            ask(&mut client, "enter", &number.to_string()).await,
            r#""entered""#
        );
    }
    assert_eq!(
        ask(&mut client, "enter", "512").await,
        r#""socket is in too many rooms""#
    );
    assert_eq!(ask(&mut client, "enter", "5").await, r#""already in""#);
    assert_eq!(ask(&mut client, "leave", "5").await, "true");
    assert_eq!(ask(&mut client, "enter", "512").await, r#""entered""#);
}

#[tokio::test]
async fn the_length_of_room_names_is_a_setting() {
    let builder = SocketIo::builder().namespace(rooms("/")).max_room_name(4);
    let (server, addr) = start(builder).await;
    let mut client = RawSocket::socketio(addr, "").await;
    assert_eq!(ask(&mut client, "enter", "žž").await, r#""entered""#);
    let too_long = r#""room name of 5 bytes is too long""#;
    assert_eq!(ask(&mut client, "enter", "rooms").await, too_long);
    let (manager, sid) = (server.manager(), client.sid());
    manager.enter_room("/", sid, "rooms").await.unwrap();
    assert_eq!(ask(&mut client, "rooms", "").await, r#""žž""#);
}

#[tokio::test]
async fn members_of_a_room_can_be_listed_from_anywhere() {
    let (pen, mut diary) = diary();
    let namespace = rooms("/")
        .on_connect(async |socket: Socket| {
            socket.enter_room("hall").unwrap();
            assert!(!socket.occupants("hall").contains(&socket));
            write(&socket, format!("{:?}", socket.rooms()));
        })
        .on("close", async |socket: Socket, room: Data<String>| {
            let closed = socket.manager().close_room(socket.namespace(), &room).await;
            closed.is_ok()
        });
    let builder = SocketIo::builder().state(pen).namespace(namespace);
    let (server, addr) = start(builder).await;
    let mut a = RawSocket::socketio(addr, "").await;
    let b = RawSocket::socketio(addr, "").await;
    diary.expect(r#"["hall"]"#).await;
    diary.expect(r#"["hall"]"#).await;
    let sids = |room: &str| {
        let occupants = server.occupants("/", room);
        let mut sids: Vec<_> = occupants.iter().map(|it| it.sid().to_string()).collect();
        sids.sort();
        sids
    };
    let mut both = [a.sid(), b.sid()];
    both.sort_unstable();
    assert_eq!(sids("hall"), both);
    assert_eq!(sids(b.sid()), [b.sid()], "a socket is the room of its sid");
    assert_eq!(ask(&mut a, "close", "hall").await, "true");
    assert!(sids("hall").is_empty() && sids("none").is_empty());
    assert!(server.occupants("/none", "hall").is_empty());
    assert_eq!(ask(&mut a, "rooms", "").await, r#""""#);
}

#[tokio::test]
async fn the_limit_of_rooms_counts_in_on_connect_too() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/").on_connect(async |socket: Socket| {
        for name in ["a", "b", "a", "c"] {
            match socket.enter_room(name) {
                Ok(new) => write(&socket, format!("{name} {new}")),
                Err(error) => write(&socket, error),
            }
        }
        assert!(socket.leave_room("a") && !socket.leave_room("a"));
    });
    let builder = SocketIo::builder()
        .state(pen)
        .namespace(namespace)
        .max_rooms(2);
    let (server, addr) = start(builder).await;
    let _client = RawSocket::socketio(addr, "").await;
    for line in ["a true", "b true", "a false", "socket is in too many rooms"] {
        diary.expect(line).await;
    }
    for (room, occupants) in [("a", 0), ("b", 1), ("c", 0)] {
        let delivery = server.emit(news().to([room])).await.unwrap();
        assert_eq!(delivery.local, occupants, "{room}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_are_empty_after_their_sockets_have_gone() {
    let (pen, mut diary) = diary();
    let namespace = rooms("/").on_disconnect(async |socket: Socket| write(&socket, "gone"));
    let (server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    let mut witness = RawSocket::socketio(addr, "").await;
    for round in 0..40 {
        let mut client = RawSocket::socketio(addr, "").await;
        for room in ["a", "b", "c"] {
            client.send_text(format!(r#"42["enter","{room}"]"#)).await;
        }
        match round % 3 {
            0 => client.send_text("41").await,
            1 => client.reset(),
            _ => drop(client),
        }
        diary.expect("gone").await;
        assert_eq!(ask(&mut witness, "count", "a").await, "0");
        assert_eq!(
            server.emit(news().to(["a", "b", "c"])).await.unwrap().local,
            0
        );
    }
    assert_eq!(server.emit(news()).await.unwrap().local, 1);
}

#[tokio::test]
async fn a_room_that_is_entered_again_at_once_is_left_twice() {
    let (pen, mut diary) = diary();
    let namespace = Namespace::new("/").on("in and out", async |socket: Socket| {
        let enter = |name: &'static str| {
            let entry = socket.entry().on_leave(async move |socket, reason| {
                write(&socket, format!("{name} {reason:?}"));
            });
            assert!(entry.enter("room").unwrap());
        };
        enter("first");
        // Its hook runs in a task, which has not begun when the room is entered again.
        let sid = socket.sid();
        let left = socket.manager().leave_room("/", sid.as_str(), "room");
        left.await.unwrap();
        enter("second");
        write(&socket, "in again");
    });
    let (_server, addr) = start(SocketIo::builder().state(pen).namespace(namespace)).await;
    let mut client = RawSocket::socketio(addr, "").await;
    client.send_text(r#"42["in and out"]"#).await;
    diary.expect("in again").await;
    diary.expect("first None").await;
    client.send_text("41").await;
    diary.expect("second Some(Client)").await;
}
