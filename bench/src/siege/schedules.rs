//! Random schedules of join, leave and disconnect, with guards that take their time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::plan::{End, ROOMS, Random, Replies, Schedule, Step};
use super::ground::Ground;
use super::peer::{OPENING, Peer, reset};
use super::report::Report;
use crate::message::{LEAST_SIZE, Message};
use crate::series::{Series, Target};
use crate::{Error, Result, link};

#[path = "../../../crates/fast-app/tests/it/schedules/plan.rs"]
mod plan;

const SCHEDULES: usize = 10_000;
/// Clients at a time.
const AT_ONCE: usize = 1_000;
/// How long the server may take to hear of the last that went.
const SETTLED: Duration = Duration::from_secs(10);

/// What was not as it must be.
#[derive(Default)]
struct Wrong {
    replies: u64,
    memberships: u64,
    deliveries: u64,
}

/// Runs all, a thousand at a time. When each thousand has done its commands the rooms must hold whom they should, and a
/// broadcast must reach those and nobody else.
pub async fn run(report: &mut Report) -> Result<()> {
    let seed = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos() as u64;
    let ground = Ground::start(&[("CLIENTS", SCHEDULES.to_string())])?;
    let (mut random, mut wrong, mut stayed) = (Random(seed), Wrong::default(), 0);
    for first in (0..SCHEDULES).step_by(AT_ONCE) {
        stayed += batch(&ground, first, &mut random, &mut wrong).await?;
    }
    report.note("seed", seed);
    report.note(
        format!("schedules; clients that stayed: {stayed}"),
        SCHEDULES,
    );
    report.exactly("replies missing, wrong or out of order", wrong.replies, 0);
    report.exactly(
        "memberships that are not the last command's",
        wrong.memberships,
        0,
    );
    report.exactly(
        "clients that missed a broadcast, had it twice or another's",
        wrong.deliveries,
        0,
    );
    let counts = ground.counts().await?;
    report.exactly("sessions at the end", counts.sessions, 0);
    report.exactly("sockets at the end", counts.sockets, 0);
    report.exactly("memberships at the end", counts.memberships, 0);
    report.exactly(
        "disconnect handler not once for each connect",
        counts.unmatched,
        0,
    );
    report.exactly("panics", counts.panics, 0);
    Ok(())
}

/// A client after its schedule, which stays.
struct Stayed {
    peer: Peer,
    /// Of the socket that it has now: one that it had before is in no room.
    sid: String,
    rooms: [bool; ROOMS],
}

/// Runs a thousand and returns how many clients stayed.
async fn batch(
    ground: &Ground,
    first: usize,
    random: &mut Random,
    wrong: &mut Wrong,
) -> Result<usize> {
    let (mut clients, turns) = (JoinSet::new(), Arc::new(Semaphore::new(OPENING)));
    for number in first..first + AT_ONCE {
        let schedule = Schedule::random(random);
        clients.spawn(follow(ground.address, number, schedule, turns.clone()));
    }
    let mut stayed = Vec::new();
    while let Some(client) = clients.join_next().await {
        match client.map_err(|_| Error::Answer("a client panicked".into()))? {
            Ok(client) => stayed.extend(client),
            Err(error) => {
                eprintln!(" {}", error.chain());
                wrong.replies += 1;
            }
        }
    }
    wrong.memberships += misplaced(ground, &stayed).await?;
    wrong.deliveries += misled(ground, &mut stayed).await?;
    let count = stayed.len();
    drop(stayed);
    ground
        .until(Instant::now(), SETTLED, |counts| counts.sessions == 0)
        .await?;
    Ok(count)
}

/// How many memberships differ from what the schedules say, once the server has heard of those that went.
async fn misplaced(ground: &Ground, stayed: &[Stayed]) -> Result<u64> {
    let expected = |room: usize| -> BTreeSet<&str> {
        let members = stayed.iter().filter(|client| client.rooms[room]);
        members.map(|client| client.sid.as_str()).collect()
    };
    let start = Instant::now();
    loop {
        let members: BTreeMap<String, Vec<String>> = ground.json("/members").await?;
        let wrong: usize = (0..ROOMS)
            .map(|room| {
                let there = members.get(&format!("slow|{room}")).into_iter().flatten();
                let there: BTreeSet<&str> = there.map(String::as_str).collect();
                there.symmetric_difference(&expected(room)).count()
            })
            .sum();
        if wrong == 0 || start.elapsed() > SETTLED {
            return Ok(wrong as u64);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Broadcasts to each room, and counts the clients that did not hear exactly what they should.
async fn misled(ground: &Ground, stayed: &mut [Stayed]) -> Result<u64> {
    for room in 0..ROOMS {
        let series = Series {
            target: Target::Room(format!("slow|{room}")),
            count: 1,
            size: LEAST_SIZE + room,
            interval: Duration::ZERO,
        };
        ground.broadcast(&series).await?;
    }
    let mut wrong = 0;
    for client in stayed {
        let mut heard = [0; ROOMS];
        // What is broadcast before it comes before its answer.
        client.peer.send(r#"42999["echo"]"#).await?;
        loop {
            let packet = client.peer.packet().await?;
            if packet.starts_with("43999") {
                break;
            }
            if Message::decode(packet.as_bytes()).is_some() {
                heard[packet.len() - LEAST_SIZE] += 1;
            }
        }
        wrong += u64::from(heard != client.rooms.map(u32::from));
    }
    Ok(wrong)
}

/// Does what the schedule says, without waiting for answers but that to a CONNECT, and checks all that come.
async fn follow(
    address: SocketAddr,
    number: usize,
    schedule: Schedule,
    turns: Arc<Semaphore>,
) -> Result<Option<Stayed>> {
    let auth = json!({ "id": number });
    let turn = turns.acquire().await;
    let mut peer = Peer::open(address, number, None).await?;
    let mut sid = peer.enter(&auth).await?;
    drop(turn);
    let mut replies = Replies::new(&schedule);
    let packets = schedule.packets(&auth.to_string());
    for (step, packets) in schedule.steps.iter().zip(packets) {
        if let Step::Pause(millis) = step {
            sleep(Duration::from_millis(*millis)).await;
        }
        for packet in packets {
            peer.send(&packet).await?;
        }
        while let Step::Reconnect = step {
            let packet = next(&mut peer, &mut replies, &schedule).await?;
            if packet.starts_with("40") {
                sid = link::sid(&packet.as_bytes()[1..])?;
                break;
            }
        }
    }
    match schedule.end {
        End::Stay => {}
        End::Disconnect => {
            peer.send("41").await?;
            return Ok(None);
        }
        End::Close => return Ok(None),
        End::Reset => {
            reset(peer.into_stream())?;
            return Ok(None);
        }
    }
    while !replies.are_complete() {
        next(&mut peer, &mut replies, &schedule).await?;
    }
    let rooms = schedule.rooms();
    Ok(Some(Stayed { peer, sid, rooms }))
}

async fn next(peer: &mut Peer, replies: &mut Replies, schedule: &Schedule) -> Result<String> {
    let packet = peer.packet().await?;
    match replies.accept(&packet) {
        true => Ok(packet),
        false => Err(Error::Answer(format!("{packet} after {schedule:?}"))),
    }
}
