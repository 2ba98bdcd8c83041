//! Random schedules of join, leave and disconnect. `cargo xtask siege schedules` runs ten thousand.

#[allow(
    unreachable_pub,
    reason = "the siege of `bench` includes it in a library"
)]
mod plan;

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use fast_app::prelude::*;
use plan::{End, ROOMS, Random, Replies, Schedule, Step};
use testkit::RawSocket;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::serve;

/// Clients at a time.
const CLIENTS: usize = 300;

/// Its guard takes as long as the client says, and the client's answer does not depend on that.
#[derive(Deserialize)]
struct SlowRoom {
    id: String,
    #[serde(default)]
    ms: u64,
}

impl RoomName for SlowRoom {
    const KEY: &'static str = "slow";
    const FIELDS: &'static [&'static str] = &["id"];

    fn identifiers(&self) -> Vec<String> {
        vec![self.id.clone()]
    }
}

impl Room for SlowRoom {
    async fn can_join(&self, _session: &Session) -> bool {
        sleep(Duration::from_millis(self.ms)).await;
        true
    }
}

/// Where a client is after its schedule, if it has stayed.
struct Stayed {
    _socket: RawSocket,
    sid: String,
    rooms: [bool; ROOMS],
}

#[tokio::test]
async fn commands_apply_in_the_order_sent_and_nobody_stays_behind() {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let namespace = Namespace::new("/").room::<SlowRoom>();
    let (socketio, addr) = serve(SocketIo::builder().namespace(namespace)).await;
    let mut random = Random(seed);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(follow(addr, Schedule::random(&mut random)));
    }
    let stayed: Vec<Stayed> = clients.join_all().await.into_iter().flatten().collect();
    assert!(!stayed.is_empty());
    let expected = |room: usize| -> BTreeSet<String> {
        let members = stayed.iter().filter(|client| client.rooms[room]);
        members.map(|client| client.sid.clone()).collect()
    };
    let members = |room: usize| -> BTreeSet<String> {
        let occupants = socketio.occupants("/", &format!("slow|{room}"));
        occupants
            .iter()
            .map(|socket| socket.sid().to_string())
            .collect()
    };
    // The server hears of the last resets when it may.
    let settled = async {
        while (0..ROOMS).any(|room| members(room) != expected(room)) {
            tokio::task::yield_now().await;
        }
    };
    if timeout(Duration::from_secs(10), settled).await.is_err() {
        for room in 0..ROOMS {
            assert_eq!(members(room), expected(room), "room {room}, seed {seed}");
        }
    }
    drop(stayed);
    let emptied = async {
        while socketio.engine().sessions() > 0 || (0..ROOMS).any(|room| !members(room).is_empty()) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), emptied)
        .await
        .expect("everybody is gone");
}

/// Does what the schedule says, without waiting for answers but that to a CONNECT, and checks all that come.
async fn follow(addr: SocketAddr, schedule: Schedule) -> Option<Stayed> {
    let mut socket = RawSocket::socketio(addr, "{}").await;
    let mut sid = socket.sid().to_owned();
    let mut replies = Replies::new(&schedule);
    for (step, packets) in schedule.steps.iter().zip(schedule.packets("{}")) {
        if let Step::Pause(millis) = step {
            sleep(Duration::from_millis(*millis)).await;
        }
        for packet in packets {
            socket.send_text(packet).await;
        }
        while let Step::Reconnect = step {
            let packet = next(&mut socket, &mut replies, &schedule).await;
            if let Some(connected) = packet.strip_prefix("40") {
                let connected: serde_json::Value = serde_json::from_str(connected).unwrap();
                sid = connected["sid"].as_str().unwrap().to_owned();
                break;
            }
        }
    }
    match schedule.end {
        End::Stay => {}
        End::Disconnect => {
            socket.send_text("41").await;
            return None;
        }
        End::Close => return None,
        End::Reset => {
            socket.reset();
            return None;
        }
    }
    while !replies.are_complete() {
        next(&mut socket, &mut replies, &schedule).await;
    }
    let rooms = schedule.rooms();
    Some(Stayed {
        _socket: socket,
        sid,
        rooms,
    })
}

async fn next(socket: &mut RawSocket, replies: &mut Replies, schedule: &Schedule) -> String {
    let packet = socket.recv_text().await;
    assert!(replies.accept(&packet), "{packet} after {schedule:?}");
    packet
}
