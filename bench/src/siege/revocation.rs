//! Taking access away on two workers while broadcasts flow.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fast_app::socketio::Revocation;
use fast_app::{Manager, Revoked, Who};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::ground::Ground;
use super::peer::{OPENING, Peer, within};
use super::report::Report;
use crate::message::{LEAST_SIZE, Message, unix_nanos};
use crate::series::{Series, Target};
use crate::server::Core;
use crate::target::start_redis;
use crate::{Error, Result};

const CLIENTS: usize = 1_000;
/// Each user has ten connections, five on each worker.
const USERS: usize = 100;
const ROOM: &str = "chat|1";
/// How many users are taken out of the room, and how many off the server, one after the other.
const REVOKED: usize = 20;
/// From one broadcast of a worker to its next: 200 a second together.
const INTERVAL: Duration = Duration::from_millis(10);
/// Broadcasts of each worker, some seconds more than revoking takes.
const BROADCASTS: u64 = 1_000;
/// Broadcasts of each worker when nobody is left to hear them.
const AFTER: u64 = 50;
/// How long a revocation may take.
const LIMIT: Duration = Duration::from_secs(1);
/// How long a client's kernel and this process may take to see what a worker has written.
const ARRIVAL: Duration = Duration::from_millis(500);

/// What one client has heard, by when it was sent.
struct Heard {
    user: usize,
    messages: Vec<u64>,
    told: bool,
    /// The connection has ended before the job did.
    ended: bool,
}

/// The workers use core 0, Redis and the clients core 1. Who revokes is this process, which has no clients.
pub async fn run(report: &mut Report) -> Result<()> {
    let (_redis, url) = start_redis(Core::Load)?;
    let settings = [("BUS", url.clone()), ("CLIENTS", CLIENTS.to_string())];
    let workers = [Ground::start(&settings)?, Ground::start(&settings)?];
    let manager = Manager::from_url(&url).map_err(failed)?;
    let (over, ended) = watch::channel(false);
    let mut clients = connect(&workers, &ended).await?;

    let flowing = broadcast(&workers, BROADCASTS);
    let revoking = async {
        let (mut ends, mut slowest) = (vec![u64::MAX; USERS], Duration::ZERO);
        for (user, ends) in ends.iter_mut().enumerate().take(2 * REVOKED) {
            let off = Revocation::new(Who::user(name(user)));
            let revocation = match user < REVOKED {
                true => out_of_room(off)?,
                false => off,
            };
            let (revoked, took) = revoke(&manager, revocation).await?;
            *ends = unix_nanos();
            slowest = slowest.max(took);
            if revoked.sockets != CLIENTS / USERS {
                return Err(Error::Answer(format!("{revoked:?} of user {user}")));
            }
        }
        Ok((ends, slowest))
    };
    let (flowed, revoked) = tokio::join!(flowing, revoking);
    let (mut ends, slowest) = (flowed.and(revoked))?;
    report.within(
        format!(
            "slowest of {} revocations, each of a user on two workers",
            2 * REVOKED
        ),
        Some(slowest),
        LIMIT,
    );
    let (revoked, took) = revoke(&manager, out_of_room(Revocation::new(Who::everybody()))?).await?;
    let end = unix_nanos();
    let left = CLIENTS - 2 * REVOKED * (CLIENTS / USERS);
    report.exactly(
        "sockets in the room when it was emptied",
        revoked.sockets,
        left,
    );
    report.within("emptying the room", Some(took), LIMIT);
    ends.iter_mut().for_each(|ends| *ends = end.min(*ends));
    broadcast(&workers, AFTER).await?;
    sleep(ARRIVAL).await;
    // Whoever has ended already does not hear it.
    let _ = over.send(true);
    let heard = within(LIMIT * 10, "clients end", async {
        let mut heard = Vec::new();
        while let Some(client) = clients.join_next().await {
            heard.push(client.map_err(failed)?);
        }
        Ok::<_, Error>(heard)
    });
    judge(report, &heard.await??, &ends);
    Ok(())
}

fn judge(report: &mut Report, heard: &[Heard], ends: &[u64]) {
    let late = heard.iter().map(|client| {
        let late = |sent: &&u64| **sent > ends[client.user];
        client.messages.iter().filter(late).count()
    });
    report.exactly(
        "broadcasts after the revocation that were heard",
        late.sum(),
        0,
    );
    let untold = heard.iter().filter(|client| !client.told).count();
    report.exactly("clients that were not told", untold, 0);
    let off = |client: &&Heard| (REVOKED..2 * REVOKED).contains(&client.user);
    let (off, others): (Vec<_>, Vec<_>) = heard.iter().partition(off);
    let ended = |clients: &[&Heard]| clients.iter().filter(|client| client.ended).count();
    report.exactly(
        "connections that ended, of users taken off the server",
        ended(&off),
        REVOKED * (CLIENTS / USERS),
    );
    report.exactly("connections that ended, of others", ended(&others), 0);
    let stayed = || heard.iter().filter(|client| client.user >= 2 * REVOKED);
    let all: BTreeSet<u64> = stayed()
        .flat_map(|client| client.messages.clone())
        .collect();
    let wrong = stayed().filter(|client| client.messages.len() != all.len());
    report.exactly(
        "others that missed a broadcast, or got it twice",
        wrong.count(),
        0,
    );
    report.exactly(
        "broadcasts that they heard",
        all.len() as u64,
        2 * BROADCASTS,
    );
}

fn name(user: usize) -> String {
    format!("user {user}")
}

fn out_of_room(revocation: Revocation) -> Result<Revocation> {
    revocation.from_room("/", ROOM).map_err(failed)
}

async fn revoke(manager: &Manager, revocation: Revocation) -> Result<(Revoked, Duration)> {
    let start = Instant::now();
    let revoked = manager.revoke(revocation).await.map_err(failed)?;
    Ok((revoked, start.elapsed()))
}

/// Both workers broadcast so many messages, each with a connection that asks for it.
async fn broadcast(workers: &[Ground; 2], count: u64) -> Result<()> {
    let series = Series {
        target: Target::Room(ROOM.to_owned()),
        count,
        size: LEAST_SIZE,
        interval: INTERVAL,
    };
    let [one, other] = workers.each_ref().map(|worker| worker.broadcast(&series));
    tokio::try_join!(one, other).map(drop)
}

/// Clients in the room, on one worker and the other in turns, which listen until it is over.
async fn connect(workers: &[Ground; 2], over: &watch::Receiver<bool>) -> Result<JoinSet<Heard>> {
    let mut listening = JoinSet::new();
    for first in (0..CLIENTS).step_by(OPENING) {
        let mut opening = JoinSet::new();
        for number in first..CLIENTS.min(first + OPENING) {
            let user = number / 2 % USERS;
            let address = workers[number % 2].address;
            opening.spawn(async move {
                let auth = json!({ "id": number, "user": name(user) });
                let mut peer = Peer::connect(address, number, &auth).await?;
                peer.ask(1, &json!(["join_chat", { "chat_id": "1" }]))
                    .await?;
                Ok::<_, Error>((peer, user))
            });
        }
        while let Some(opened) = opening.join_next().await {
            let (peer, user) = opened.map_err(failed)??;
            listening.spawn(listen(peer, user, over.clone()));
        }
    }
    Ok(listening)
}

/// Listens until it is over, or the connection has ended.
async fn listen(mut peer: Peer, user: usize, mut over: watch::Receiver<bool>) -> Heard {
    let (mut messages, mut told, mut ended) = (Vec::new(), false, false);
    let mut hear = |packet: &[u8]| {
        told |= packet.starts_with(br#"42["error",{"type":"revoked""#);
        messages.extend(Message::decode(packet).map(|message| message.sent));
    };
    while !ended {
        tokio::select! {
            read = peer.read(&mut hear) => ended = read.is_err(),
            _ = over.wait_for(|over| *over) => break,
        }
    }
    Heard {
        user,
        messages,
        told,
        ended,
    }
}

fn failed(error: impl std::error::Error) -> Error {
    Error::Answer(error.to_string())
}
