//! 4e, 7: panics of the application, wherever they may be.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use fast_app::{Emit, EventName, prelude::*, socketio};
use serde_json::{Value, json};
use testkit::RawSocket;
use tracing::{Event as LogEvent, Level, Metadata, Subscriber, field::Visit, span};

use super::{ask, occupants};
use crate::serve;

/// Counts the lines of the log that say that a handler panicked, or why one failed.
#[derive(Clone, Default)]
struct Log(Arc<AtomicUsize>);

impl Log {
    fn lines(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &LogEvent<'_>) {
        struct Panicked(bool);
        impl Visit for Panicked {
            fn record_debug(&mut self, _: &tracing::field::Field, value: &dyn fmt::Debug) {
                self.0 |= format!("{value:?}") == "handler panicked";
            }
        }
        let mut panicked = Panicked(false);
        event.record(&mut panicked);
        self.0.fetch_add(usize::from(panicked.0), Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Panics in the part of a room that it is called after.
#[derive(RoomName, Deserialize)]
struct OddRoom {
    place: String,
}

fn panic_in(place: &str, here: &str) {
    assert_ne!(place, here, "on purpose");
}

impl Room for OddRoom {
    async fn extract_room_identifier(_: &Session, data: Value) -> Result<Self, HandlerError> {
        let place = data["place"].as_str().unwrap_or_default().to_owned();
        panic_in(&place, "extract");
        Ok(Self { place })
    }

    async fn can_join(&self, _: &Session) -> bool {
        panic_in(&self.place, "guard");
        true
    }

    async fn on_join(&self, _: &Socket) {
        panic_in(&self.place, "join");
    }

    async fn on_leave(&self, _: &Socket, _: Option<DisconnectReason>) {
        panic_in(&self.place, "leave");
    }
}

/// An identifier that cannot be shown.
#[derive(RoomName, Deserialize)]
struct MuteRoom {
    id: Mute,
}

#[derive(Deserialize)]
struct Mute(#[allow(dead_code, reason = "only read")] String);

impl fmt::Display for Mute {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("on purpose: Display")
    }
}

impl Room for MuteRoom {}

/// Panics in the part that it is called after.
#[derive(Event, Serialize)]
struct News {
    place: String,
}

impl BroadcastEvent for News {
    async fn broadcast_when(&self) -> bool {
        panic_in(&self.place, "when");
        true
    }

    async fn broadcast_on(&self) -> Channels {
        panic_in(&self.place, "on");
        "everybody".into()
    }

    async fn broadcast_as(&self) -> Payload {
        panic_in(&self.place, "as");
        Payload::new(&self.place)
    }
}

fn namespace() -> Namespace {
    Namespace::new("/")
        .on_connect(async |socket: Socket, auth: Auth| {
            panic_in(
                auth.value()["place"].as_str().unwrap_or_default(),
                "connect",
            );
            socket.enter_room("everybody").unwrap();
        })
        .on_disconnect(async |_: Socket| panic!("on purpose: on_disconnect"))
        .on("broadcast", async |socket: Socket, place: Data<String>| {
            let news = News { place: place.0 };
            socket.manager().broadcast(news).await.is_ok()
        })
        .on("event", async |_: Socket, place: Data<String>| {
            panic_in(&place, "event")
        })
        .on_any(async |_: Socket, name: EventName| panic_in(&name.0, "any"))
        .room::<OddRoom>()
        .room::<MuteRoom>()
}

#[tokio::test]
async fn security_7_a_panic_of_any_handler_is_caught_logged_and_hurts_nobody() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let (server, addr) = serve(SocketIo::builder().namespace(namespace())).await;
    let mut bystander = RawSocket::socketio(addr, "").await;
    let internal = json!({"type": "internal"});
    let mut client = RawSocket::socketio(addr, "").await;
    for (event, data, room) in [
        ("join_odd", json!({"place": "extract"}), None),
        ("leave_odd", json!({"place": "extract"}), None),
        ("join_odd", json!({"place": "guard"}), None),
        // It is in the room by then, and stays.
        ("join_odd", json!({"place": "join"}), Some("odd|join")),
        ("join_mute", json!({"id": "x"}), None),
        ("event", json!("event"), None),
        ("any", json!(1), None),
        ("broadcast", json!("when"), None),
        ("broadcast", json!("on"), None),
        ("broadcast", json!("as"), None),
    ] {
        let before = log.lines();
        let (mut events, answer) = ask(&mut client, event, &data).await;
        assert_eq!(
            answer,
            json!([{"ok": false, "error": internal}]),
            "{event} {data}"
        );
        assert_eq!(
            events.pop(),
            Some(json!(["error", internal])),
            "{event} {data}"
        );
        assert_eq!(log.lines(), before + 1, "{event} {data}");
        assert_eq!(occupants(&server, "odd|guard"), 0);
        if let Some(room) = room {
            assert_eq!(occupants(&server, room), 1);
        }
        // Nobody noticed, the client itself can go on.
        for client in [&mut client, &mut bystander] {
            let (events, answer) = ask(client, "event", &json!("well")).await;
            assert_eq!((events, answer), (vec![], json!([])), "{event} {data}");
        }
    }

    // Leaving and the end of a connection.
    let (_, answer) = ask(&mut client, "join_odd", &json!({"place": "leave"})).await;
    assert_eq!(answer[0]["ok"], true);
    let before = log.lines();
    let (events, answer) = ask(&mut client, "leave_odd", &json!({"place": "leave"})).await;
    assert_eq!(
        (events, answer),
        (
            vec![json!(["left"])],
            json!([{"ok": true, "room": "odd|leave"}])
        )
    );
    assert_eq!(log.lines(), before + 1);
    ask(&mut client, "join_odd", &json!({"place": "leave"})).await;
    client.reset();
    // Its hook of the room, and its disconnect handler.
    while log.lines() < before + 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        (
            occupants(&server, "odd|leave"),
            occupants(&server, "odd|join")
        ),
        (0, 0)
    );

    // Connecting.
    let mut refused = RawSocket::engineio(addr).await;
    refused.send_text(r#"40{"place":"connect"}"#).await;
    refused
        .expect_text(r#"44{"message":"Internal server error"}"#)
        .await;
    assert_eq!(log.lines(), before + 4);

    let news = Emit::new("news", socketio::Payload::empty()).to(["everybody"]);
    assert_eq!(server.emit(news).await.unwrap().local, 1);
    bystander.expect_text(r#"42["news"]"#).await;
    let (_, answer) = ask(&mut bystander, "broadcast", &json!("well")).await;
    assert_eq!(answer, json!([true]));
}
