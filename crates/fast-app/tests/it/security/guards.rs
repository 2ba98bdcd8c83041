//! 4e, 4f: what a guard was asked is what is joined, in time, in order, or not at all.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fast_app::prelude::*;
use serde_json::{Value, json};
use testkit::RawSocket;
use tokio::sync::{Notify, Semaphore};

use super::{ask, connected, occupants};
use crate::serve;

/// Whom guards were asked about.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

#[derive(RoomName, Deserialize)]
struct ChatRoom {
    chat_id: String,
}

impl Room for ChatRoom {
    async fn can_join(&self, session: &Session) -> bool {
        let asked = session.state::<Asked>();
        asked.0.lock().unwrap().push(self.chat_id.clone());
        !self.chat_id.starts_with("secret")
    }
}

#[tokio::test]
async fn security_4e_the_identifier_that_was_authorised_is_joined() {
    let asked = Asked::default();
    let namespace = Namespace::new("/").room::<ChatRoom>();
    let builder = SocketIo::builder()
        .state(asked.clone())
        .namespace(namespace);
    let (server, mut client) = connected(serve(builder).await).await;
    for (payload, id) in [
        (r#"{"chat_id":"open"}"#, "open"),
        // Two of them: whichever it is, it is one.
        (r#"{"chat_id":"secret","chat_id":"last"}"#, "last"),
        (r#"{"chat_id":"first","chat_id":"secret"}"#, "secret"),
        (r#"{"chat\u005fid":"escaped"}"#, "escaped"),
        (r#"{"Chat_id":"secret","chat_id":"exact"}"#, "exact"),
        (r#"{"chat_id":7,"chat_id ":"secret"}"#, "7"),
    ] {
        client
            .send_text(format!(r#"421["join_chat",{payload}]"#))
            .await;
        let event = client.recv_text().await;
        let answer = client.recv_text().await;
        let may = !id.starts_with("secret");
        assert_eq!(event == r#"42["joined"]"#, may, "{payload}: {event}");
        assert!(
            answer.contains(&format!(r#""room":"chat|{id}""#)),
            "{answer}"
        );
        assert_eq!(
            asked.0.lock().unwrap().pop().as_deref(),
            Some(id),
            "{payload}"
        );
        assert_eq!(occupants(&server, &format!("chat|{id}")), usize::from(may));
    }
    assert!(
        asked.0.lock().unwrap().is_empty(),
        "one question for each join"
    );
    assert_eq!(occupants(&server, "chat|secret"), 0);
}

/// A guard that says when it was asked, and answers when it may.
#[derive(Clone)]
struct Gate(Arc<(Notify, Semaphore)>);

#[derive(RoomName, Deserialize)]
struct SlowRoom {
    id: u64,
}

impl Room for SlowRoom {
    async fn can_join(&self, session: &Session) -> bool {
        let gate = session.state::<Gate>();
        gate.0.0.notify_one();
        gate.0.1.acquire().await.unwrap().forget();
        true
    }

    async fn on_join(&self, socket: &Socket) {
        let asked = socket.session().state::<Asked>();
        asked.0.lock().unwrap().push("joined".to_owned());
    }
}

/// Whoever leaves the namespace, or is made to, while a guard runs: no membership, no `joined`, no answer, also for the
/// socket that the same connection opens next.
#[tokio::test]
async fn security_4e_whoever_leaves_while_a_guard_runs_joins_nothing() {
    for by_server in [false, true] {
        let gate = Gate(Arc::new((Notify::new(), Semaphore::new(0))));
        let joined = Asked::default();
        let namespace = Namespace::new("/").room::<SlowRoom>();
        let builder = SocketIo::builder()
            .state(gate.clone())
            .state(joined.clone())
            .namespace(namespace);
        let (server, mut client) = connected(serve(builder).await).await;
        client.send_text(r#"421["join_slow",{"id":1}]"#).await;
        gate.0.0.notified().await;
        match by_server {
            true => {
                let sid = client.sid().to_owned();
                server.manager().disconnect("/", &sid).await.unwrap();
                client.expect_text("41").await;
            }
            false => client.send_text("41").await,
        }
        client.send_text("40").await;
        let confirmed = client.recv_text().await;
        assert!(confirmed.starts_with("40{"), "{confirmed}");
        gate.0.1.add_permits(1);
        while gate.0.1.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        // The next answer is that of the next question.
        let (events, answer) = ask(&mut client, "nobody handles this", &json!(1)).await;
        assert_eq!((events, answer), (vec![], json!([])));
        assert_eq!(occupants(&server, "slow|1"), 0);
        assert!(joined.0.lock().unwrap().is_empty(), "the hook ran");
    }
}

/// Hangs where it is called so.
#[derive(RoomName, Deserialize)]
struct HangingRoom {
    place: String,
}

impl Room for HangingRoom {
    const GUARD_TIMEOUT: Duration = Duration::from_millis(30);

    async fn extract_room_identifier(_: &Session, data: Value) -> Result<Self, HandlerError> {
        let place = data["place"].as_str().unwrap_or_default().to_owned();
        match place.as_str() {
            "extract" => std::future::pending().await,
            _ => Ok(Self { place }),
        }
    }

    async fn can_join(&self, _: &Session) -> bool {
        match self.place.as_str() {
            "guard" => std::future::pending().await,
            _ => true,
        }
    }
}

#[tokio::test]
async fn security_4e_every_part_of_a_guard_has_a_limit_of_time() {
    let namespace = Namespace::new("/").room::<HangingRoom>();
    let server = serve(SocketIo::builder().namespace(namespace)).await;
    let (server, mut client) = connected(server).await;
    let refused = json!({"ok": false, "error": {"type": "internal"}});
    for (event, place) in [
        ("join_hanging", "extract"),
        ("join_hanging", "guard"),
        ("leave_hanging", "extract"),
    ] {
        let (events, answer) = ask(&mut client, event, &json!({"place": place})).await;
        assert_eq!(
            events,
            [json!(["error", {"type": "internal"}])],
            "{event} {place}"
        );
        assert_eq!(answer, json!([refused]), "{event} {place}");
        assert_eq!(occupants(&server, &format!("hanging|{place}")), 0);
    }
    let (_, answer) = ask(&mut client, "join_hanging", &json!({"place": "well"})).await;
    assert_eq!(answer[0]["ok"], true);
    const { assert!(SlowRoom::GUARD_TIMEOUT.as_secs() == 5, "the default") };
}

/// Its guard takes as long as the client says, in turns of the scheduler.
#[derive(RoomName, Deserialize)]
struct TurnsRoom {
    id: u8,
    #[room(skip)]
    turns: Option<u8>,
}

impl Room for TurnsRoom {
    async fn can_join(&self, _: &Session) -> bool {
        for _ in 0..self.turns.unwrap_or_default() {
            tokio::task::yield_now().await;
        }
        true
    }
}

/// A small version of what `cargo xtask siege` does with 10,000 schedules: the last command of each room counts, and
/// answers come in the order of questions, however long each guard takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_4f_joins_and_leaves_apply_in_the_order_sent() {
    let namespace = Namespace::new("/").room::<TurnsRoom>();
    let (server, addr) = serve(SocketIo::builder().namespace(namespace)).await;
    let mut random: u32 = 7;
    let mut next = move |below: u32| {
        // Numerical Recipes' generator: the same schedules on each run.
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % below
    };
    for _ in 0..100 {
        let mut client = RawSocket::socketio(addr, "").await;
        let mut is_in = [false; 3];
        let mut expected = Vec::new();
        for id in 0..20 {
            let (room, joins) = (next(3) as usize, next(2) == 0);
            let (event, told) = match joins {
                true => ("join_turns", "joined"),
                false => ("leave_turns", "left"),
            };
            let turns = next(30);
            let data = json!({"id": room, "turns": turns});
            client
                .send_text(format!("42{id}{}", json!([event, data])))
                .await;
            is_in[room] = joins;
            expected.push(format!(r#"42["{told}"]"#));
            expected.push(format!(r#"43{id}[{{"ok":true,"room":"turns|{room}"}}]"#));
        }
        for text in expected {
            client.expect_text(&text).await;
        }
        for (room, is_in) in is_in.into_iter().enumerate() {
            assert_eq!(
                occupants(&server, &format!("turns|{room}")),
                usize::from(is_in)
            );
        }
        client.reset();
        while server.engine().sessions() > 0 {
            tokio::task::yield_now().await;
        }
        for room in 0..3 {
            assert_eq!(occupants(&server, &format!("turns|{room}")), 0, "no ghost");
        }
    }
}
