//! Events, their rooms, and what the caller is told.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use fast_app::{
    EmitError,
    bus::{Bus, BusError, BusStats, Envelope, Listener, Published},
    contracts::Cause,
    prelude::*,
};
use testkit::{RawSocket, RedisServer};

use super::serve;

#[derive(RoomName, Deserialize)]
struct ChatRoom {
    chat_id: String,
}

impl Room for ChatRoom {}

#[derive(RoomName, Deserialize)]
#[room(namespace = "/admin")]
struct StaffRoom;

impl Room for StaffRoom {}

#[derive(Clone)]
struct Global;

#[namespace("/")]
#[register_room(ChatRoom)]
impl Global {}

#[derive(Clone)]
struct Admin;

#[namespace("/admin")]
#[register_room(StaffRoom)]
impl Admin {}

/// To any rooms, as any payload.
#[derive(Event, Serialize)]
struct News {
    text: &'static str,
    #[serde(skip)]
    on: fn() -> Channels,
}

impl BroadcastEvent for News {
    async fn broadcast_on(&self) -> Channels {
        (self.on)()
    }
}

fn news(on: fn() -> Channels) -> News {
    News { text: "x", on }
}

fn chat(id: &str) -> ChatRoom {
    ChatRoom {
        chat_id: id.to_owned(),
    }
}

async fn server() -> (SocketIo, std::net::SocketAddr) {
    serve(SocketIo::builder().namespace(Global).namespace(Admin)).await
}

async fn until(condition: impl Fn() -> bool) {
    let held = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(testkit::TIMEOUT, held).await.unwrap();
}

async fn join(socket: &mut RawSocket, id: &str) {
    socket
        .send_text(format!(r#"42["join_chat",{{"chat_id":"{id}"}}]"#))
        .await;
    socket.expect_text(r#"42["joined"]"#).await;
}

#[tokio::test]
async fn an_event_for_several_rooms_reaches_each_client_once() {
    let (socketio, addr) = server().await;
    let mut both = RawSocket::socketio(addr, "").await;
    let mut one = RawSocket::socketio(addr, "").await;
    join(&mut both, "1").await;
    join(&mut both, "2").await;
    join(&mut one, "2").await;
    let receipt = socketio
        .broadcast(news(|| [chat("1"), chat("2")].into()))
        .await
        .unwrap();
    assert_eq!(
        (receipt.rooms, receipt.local),
        (vec!["chat|1".to_owned(), "chat|2".to_owned()], 2)
    );
    socketio.broadcast(news(|| "chat|2".into())).await.unwrap();
    for socket in [&mut both, &mut one] {
        for _ in 0..2 {
            socket.expect_text(r#"42["news",{"text":"x"}]"#).await;
        }
        socket.send_text(r#"420["nothing"]"#).await;
        socket.expect_text("430[]").await;
    }
}

#[tokio::test]
async fn others_get_the_event_and_the_sender_does_not() {
    let (socketio, addr) = server().await;
    let mut other = RawSocket::socketio(addr, "").await;
    join(&mut other, "1").await;
    let mut sender = RawSocket::engineio(addr).await;
    sender.send_text("40").await;
    let connected = sender.recv_text().await;
    let sid = connected.split('"').nth(3).unwrap().to_owned();
    join(&mut sender, "1").await;
    let receipt = socketio
        .broadcast(news(|| chat("1").into()))
        .to_others(&sid)
        .await
        .unwrap();
    assert_eq!(receipt.local, 1);
    other.expect_text(r#"42["news",{"text":"x"}]"#).await;
    sender.send_text(r#"420["nothing"]"#).await;
    sender.expect_text("430[]").await;
}

#[tokio::test]
async fn rooms_of_another_namespace_are_reached_there() {
    let (socketio, addr) = server().await;
    let mut socket = RawSocket::engineio(addr).await;
    socket.send_text("40/admin,").await;
    socket.recv_text().await;
    socket.send_text(r#"42/admin,["join_staff",{}]"#).await;
    socket.expect_text(r#"42/admin,["joined"]"#).await;
    socketio.broadcast(news(|| StaffRoom.into())).await.unwrap();
    socket
        .expect_text(r#"42/admin,["news",{"text":"x"}]"#)
        .await;
}

#[tokio::test]
async fn a_receipt_says_when_nothing_was_sent() {
    #[derive(Event, Serialize)]
    struct Never;
    impl BroadcastEvent for Never {
        async fn broadcast_when(&self) -> bool {
            false
        }
        async fn broadcast_on(&self) -> Channels {
            panic!("nothing else is asked")
        }
    }
    let (socketio, _) = server().await;
    assert!(socketio.broadcast(Never).await.unwrap().skipped);
    let receipt = socketio.broadcast(news(Channels::none)).await.unwrap();
    assert_eq!(receipt, Receipt::default());
}

#[tokio::test]
async fn errors_name_what_failed_and_nothing_is_sent() {
    #[derive(Event, Serialize)]
    struct Fails;
    impl BroadcastEvent for Fails {
        async fn try_broadcast_on(&self) -> Result<Channels, Cause> {
            let number: u8 = "x".parse()?;
            Ok(number.to_string().into())
        }
    }
    #[derive(Event, Serialize)]
    struct NoJson {
        map: HashMap<(u8, u8), u8>,
    }
    impl BroadcastEvent for NoJson {
        async fn broadcast_on(&self) -> Channels {
            chat("1").into()
        }
    }
    let (socketio, addr) = server().await;
    let mut member = RawSocket::socketio(addr, "").await;
    join(&mut member, "1").await;
    let error = socketio.broadcast(Fails).await.unwrap_err();
    assert_eq!(error.to_string(), "broadcast_on failed");
    let error = socketio
        .broadcast(NoJson {
            map: HashMap::from([((1, 2), 3)]),
        })
        .await
        .unwrap_err();
    assert!(matches!(error, BroadcastError::Payload(_)), "{error}");
    #[derive(Event, Serialize)]
    struct NoNumber {
        scores: Vec<f64>,
    }
    impl BroadcastEvent for NoNumber {
        async fn broadcast_on(&self) -> Channels {
            chat("1").into()
        }
    }
    let scores = vec![0.5, f64::NAN];
    let error = socketio.broadcast(NoNumber { scores }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "field scores[1] of the payload cannot be serialised"
    );
    let small = socketio.manager().clone().max_payload(10);
    let error = small
        .broadcast(news(|| chat("1").into()))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "payload of 12 bytes is larger than the limit of 10"
    );
    let error = socketio
        .broadcast(news(|| [chat("1"), chat("a|b")].into()))
        .await
        .unwrap_err();
    assert!(matches!(error, BroadcastError::Room(_)), "{error}");
    member.send_text(r#"420["nothing"]"#).await;
    member.expect_text("430[]").await;
}

#[tokio::test]
async fn payloads_keep_the_meaning_of_the_original() {
    #[derive(Event, Serialize)]
    struct Shaped {
        #[serde(skip)]
        as_what: fn() -> Payload,
    }
    impl BroadcastEvent for Shaped {
        async fn broadcast_on(&self) -> Channels {
            chat("1").into()
        }
        async fn broadcast_as(&self) -> Payload {
            (self.as_what)()
        }
    }
    let (socketio, addr) = server().await;
    let mut member = RawSocket::socketio(addr, "").await;
    join(&mut member, "1").await;
    type Shape = (fn() -> Payload, &'static str);
    let shapes: [Shape; 5] = [
        (|| Payload::new(&None::<u8>), r#"42["shaped"]"#),
        (|| Payload::new(&[1, 2]), r#"42["shaped",[1,2]]"#),
        (|| Payload::args(&(1, "b")), r#"42["shaped",1,"b"]"#),
        (Payload::empty, r#"42["shaped"]"#),
        (
            || Object::new().field("a", &1).into(),
            r#"42["shaped",{"a":1}]"#,
        ),
    ];
    for (payload, want) in shapes {
        socketio
            .broadcast(Shaped { as_what: payload })
            .await
            .unwrap();
        member.expect_text(want).await;
    }
}

#[tokio::test]
async fn a_process_without_a_server_reaches_clients_through_redis() {
    let redis = RedisServer::spawn().await;
    let manager = Manager::from_url(&redis.url()).unwrap();
    let (_socketio, addr) = serve(
        SocketIo::builder()
            .manager(manager.clone())
            .namespace(Global),
    )
    .await;
    let mut member = RawSocket::socketio(addr, "").await;
    join(&mut member, "1").await;
    while !manager.is_listening() {
        tokio::task::yield_now().await;
    }
    let job = Manager::from_url(&redis.url()).unwrap();
    let receipt = job.broadcast(news(|| chat("1").into())).await.unwrap();
    assert_eq!((receipt.local, receipt.workers), (0, Some(1)));
    member.expect_text(r#"42["news",{"text":"x"}]"#).await;
}

/// How many messages were published on this Redis.
async fn published(redis: &RedisServer) -> u64 {
    let stats = redis.cli(&["INFO", "commandstats"]).await;
    let calls = stats
        .lines()
        .find_map(|line| line.strip_prefix("cmdstat_publish:calls="));
    let calls = calls.and_then(|calls| calls.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

#[tokio::test]
async fn the_rooms_of_a_namespace_are_one_message() {
    let redis = RedisServer::spawn().await;
    let job = Manager::from_url(&redis.url()).unwrap();
    let rooms = || Channels::from([chat("1"), chat("2"), chat("1")]).and(StaffRoom);
    let receipt = job.broadcast(news(rooms)).await.unwrap();
    assert_eq!(receipt.rooms, ["chat|1", "chat|2", "staff"]);
    assert_eq!(receipt.workers, Some(0));
    assert_eq!(published(&redis).await, 2);
}

#[tokio::test]
async fn whoever_is_in_an_excepted_room_gets_nothing() {
    let (socketio, addr) = server().await;
    let mut one = RawSocket::socketio(addr, "").await;
    let mut both = RawSocket::socketio(addr, "").await;
    join(&mut one, "1").await;
    join(&mut both, "1").await;
    join(&mut both, "2").await;
    let to_one = socketio
        .broadcast(news(|| chat("1").into()))
        .except("chat|2");
    assert_eq!(to_one.await.unwrap().local, 1);
    one.expect_text(r#"42["news",{"text":"x"}]"#).await;
    both.send_text(r#"420["nothing"]"#).await;
    both.expect_text("430[]").await;
}

#[tokio::test]
async fn answers_of_clients_are_collected() {
    let (socketio, addr) = server().await;
    let mut members = [
        RawSocket::socketio(addr, "").await,
        RawSocket::socketio(addr, "").await,
    ];
    for member in &mut members {
        join(member, "1").await;
    }
    let asking = socketio.broadcast(news(|| chat("1").into()));
    let asking = asking.expect_acks(testkit::TIMEOUT).into_future();
    let answering = async {
        for (number, member) in members.iter_mut().enumerate() {
            let text = member.recv_text().await;
            let id = text.strip_prefix("42").unwrap().split('[').next().unwrap();
            member.send_text(format!("43{id}[{number}]")).await;
        }
    };
    let (acknowledged, ()) = tokio::join!(asking, answering);
    let mut acknowledged = acknowledged.unwrap();
    assert_eq!(acknowledged.receipt.local, 2);
    let answers = acknowledged.answers.iter_mut();
    let answers: Vec<u8> = answers.map(|answer| answer.take().unwrap()).collect();
    assert_eq!(answers, [0, 1]);
}

#[tokio::test]
async fn an_event_says_what_becomes_of_it_when_redis_is_away() {
    #[derive(Event, Serialize)]
    struct Tick {
        number: u8,
        #[serde(skip)]
        on_outage: OnOutage,
    }
    impl BroadcastEvent for Tick {
        fn on_outage(&self) -> OnOutage {
            self.on_outage
        }
    }
    let tick = |number, on_outage| Tick { number, on_outage };
    let mut redis = RedisServer::spawn().await;
    let manager = || Manager::from_url(&redis.url()).unwrap();
    let (here, there) = (manager(), manager());
    let (_far, addr) = serve(SocketIo::builder().manager(there.clone()).namespace(Global)).await;
    let enter = Namespace::new("/").on_connect(async |socket: Socket| {
        let _ = socket.enter_room("tick");
    });
    let (_near, near_addr) =
        serve(SocketIo::builder().manager(here.clone()).namespace(enter)).await;
    let mut near = RawSocket::socketio(near_addr, "").await;
    let mut far = RawSocket::socketio(addr, "").await;
    until(|| here.is_listening() && there.is_listening()).await;
    here.enter_room("/", far.sid(), "tick").await.unwrap();

    redis.stop().await;
    until(|| !here.is_listening() && !there.is_listening()).await;
    // What workers asked each other meanwhile may have failed, too; now they wait until they hear again.
    let before = here.stats().failed;
    let failed = here.broadcast(tick(1, OnOutage::Raise)).await;
    assert!(matches!(failed, Err(BroadcastError::Bus(_))), "{failed:?}");
    let receipt = here.broadcast(tick(2, OnOutage::Log)).await.unwrap();
    assert!(receipt.lost && !receipt.spooled && receipt.workers.is_none());
    for number in 3..=5 {
        let receipt = here.broadcast(tick(number, OnOutage::Spool)).await.unwrap();
        assert!(receipt.spooled && !receipt.lost && receipt.local == 1);
    }
    assert_eq!(here.stats().failed - before, 2);
    redis.start().await;
    until(|| here.is_listening() && there.is_listening()).await;
    let receipt = here.broadcast(tick(6, OnOutage::Raise)).await.unwrap();
    assert!(receipt.workers.is_some());

    for number in 1..=6 {
        near.expect_text(&format!(r#"42["tick",{{"number":{number}}}]"#))
            .await;
    }
    for number in 3..=6 {
        far.expect_text(&format!(r#"42["tick",{{"number":{number}}}]"#))
            .await;
    }
}

/// A bus that takes nothing.
#[derive(Debug)]
struct Mute {
    listening: bool,
}

impl Bus for Mute {
    fn publish<'a>(
        &'a self,
        _: &'a Envelope,
        _: OnOutage,
    ) -> Pin<Box<dyn Future<Output = Result<Published, BusError>> + Send + 'a>> {
        Box::pin(async { Err(BusError::Ended) })
    }

    fn listen(&self, _: Weak<dyn Listener>) {}

    fn stats(&self) -> BusStats {
        let mut stats = BusStats::default();
        stats.listening = self.listening;
        stats
    }
}

#[tokio::test]
async fn whoever_expects_answers_is_told_whether_anything_was_sent() {
    for listening in [true, false] {
        let manager = Manager::new(Arc::new(Mute { listening }));
        let builder = SocketIo::builder().manager(manager.clone());
        let (_server, addr) = serve(builder.namespace(Global).namespace(Admin)).await;
        let mut member = RawSocket::socketio(addr, "").await;
        join(&mut member, "1").await;
        let mut staff = RawSocket::engineio(addr).await;
        staff.send_text("40/admin,").await;
        staff.recv_text().await;
        staff.send_text(r#"42/admin,["join_staff",{}]"#).await;
        staff.expect_text(r#"42/admin,["joined"]"#).await;
        let asking = manager.broadcast(news(|| Channels::from(chat("1")).and(StaffRoom)));
        let error = asking.expect_acks(Duration::from_millis(20)).await;
        match error.unwrap_err() {
            BroadcastError::Bus(BusError::Ended) if listening => {
                // One namespace's failure is not the other's.
                for client in [&mut member, &mut staff] {
                    let heard = client.recv_text().await;
                    assert!(heard.ends_with(r#"["news",{"text":"x"}]"#), "{heard}");
                }
            }
            BroadcastError::Emit(EmitError::Bus(BusError::Deaf)) if !listening => {}
            error => panic!("{error:?}"),
        }
        member.send_text(r#"420["nothing"]"#).await;
        member.expect_text("430[]").await;
        staff.send_text(r#"42/admin,0["nothing"]"#).await;
        staff.expect_text("43/admin,0[]").await;
    }
}
