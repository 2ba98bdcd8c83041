//! Handlers that panic, fail and sleep in one of a hundred calls each.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{self, sleep_until};

use super::fault::{Fault, NAP};
use super::ground::Ground;
use super::peer::{OPENING, Peer, reset};
use super::report::Report;
use crate::histogram::Histogram;
use crate::{Error, Result};

/// Clients, each of which calls every kind of handler: so many more than 10,000 that as many remain when some were refused.
const CLIENTS: usize = 10_300;
/// Clients before, whose handlers all work, to compare with.
const CALM: usize = 3_000;
const AT_ONCE: usize = 200;
const ROOMS: usize = 100;
/// Clients that only ask again and again meanwhile.
const BYSTANDERS: usize = 20;
/// From one question's time to the next one's: longer than an answer takes from a server that is as busy as here.
const BYSTANDERS_PAUSE: Duration = Duration::from_millis(100);
/// How long the last sleepers take.
const SETTLED: Duration = Duration::from_secs(15);

/// What may misbehave.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Connect,
    Event,
    Guard,
    Joined,
    Naming,
    Left,
    Disconnect,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Connect,
        Self::Event,
        Self::Guard,
        Self::Joined,
        Self::Naming,
        Self::Left,
        Self::Disconnect,
    ];

    /// What this handler does for the client of this number: one of a hundred panics, one fails, one sleeps.
    fn fault(self, number: usize, faults: Faults) -> Fault {
        match (faults, (number + 13 * self as usize) % 100) {
            (Faults::OneInHundred, 0) => Fault::Panic,
            (Faults::OneInHundred, 1) => Fault::Error,
            (Faults::OneInHundred, 2) => Fault::Sleep,
            _ => Fault::None,
        }
    }
}

/// Whether handlers misbehave.
#[derive(Debug, Clone, Copy)]
enum Faults {
    Never,
    OneInHundred,
}

/// First clients whose handlers work, for comparison; then clients whose handlers misbehave as above.
pub async fn run(report: &mut Report) -> Result<()> {
    let ground = Ground::start(&[("CLIENTS", (CLIENTS + CALM).to_string())])?;
    let calm = visits(&ground, CLIENTS..CLIENTS + CALM, Faults::Never).await?;
    let wild = visits(&ground, 0..CLIENTS, Faults::OneInHundred).await?;
    let asked = (0..CLIENTS).flat_map(|number| {
        Kind::ALL.map(|kind| kind.fault(number, Faults::OneInHundred) == Fault::Panic)
    });
    let asked = asked.filter(|panics| *panics).count() as u64;
    let counts = ground.counts().await?;
    report.note("clients", CLIENTS);
    report.exactly(
        "panics, which the process has survived",
        counts.panics,
        asked,
    );
    report.exactly(
        "clients with an answer missing, wrong or out of order",
        wild.wrong,
        0,
    );
    report.exactly("the same where all handlers work", calm.wrong, 0);
    report.took(
        "a bystander's question, all handlers work: p99",
        calm.latency,
    );
    report.within(
        "a bystander's question meanwhile: p99, at most twice that",
        Some(wild.latency),
        calm.latency * 2,
    );
    report.exactly(
        "disconnect handler not once for each connect",
        counts.unmatched,
        0,
    );
    for (what, count) in [
        ("sessions", counts.sessions),
        ("sockets", counts.sockets),
        ("memberships", counts.memberships),
    ] {
        report.exactly(format!("{what} at the end"), count, 0);
    }
    Ok(())
}

/// What came of some clients.
struct Outcome {
    wrong: u64,
    latency: Duration,
}

async fn visits(
    ground: &Ground,
    numbers: std::ops::Range<usize>,
    faults: Faults,
) -> Result<Outcome> {
    let latency = Arc::new(Mutex::new(Histogram::default()));
    let mut bystanders = JoinSet::new();
    for number in 0..BYSTANDERS {
        bystanders.spawn(ask_on(ground.address, number, latency.clone()));
    }
    let (mut clients, turns) = (JoinSet::new(), Arc::new(Semaphore::new(OPENING)));
    let mut wrong = 0;
    for number in numbers {
        if clients.len() >= AT_ONCE {
            wrong += wrongs(clients.join_next().await);
        }
        clients.spawn(visit(ground.address, number, faults, turns.clone()));
    }
    while !clients.is_empty() {
        wrong += wrongs(clients.join_next().await);
    }
    // A bystander that was disturbed has ended early.
    while let Some(ended) = bystanders.try_join_next() {
        wrong += wrongs(Some(ended));
    }
    bystanders.shutdown().await;
    ground
        .until(Instant::now(), SETTLED, |counts| {
            counts.sessions == 0 && counts.unmatched == 0
        })
        .await?;
    let latency = latency
        .lock()
        .map_or(Duration::MAX, |latency| latency.quantile(0.99));
    Ok(Outcome { wrong, latency })
}

fn wrongs(client: Option<std::result::Result<Result<()>, JoinError>>) -> u64 {
    match client {
        Some(Ok(Err(error))) => {
            eprintln!(" {}", error.chain());
            1
        }
        Some(Err(_)) => 1,
        _ => 0,
    }
}

/// Asks for ever, by a schedule. A question counts from its time in it: while one takes long, those behind it do too.
async fn ask_on(address: SocketAddr, number: usize, latency: Arc<Mutex<Histogram>>) -> Result<()> {
    let mut peer = Peer::connect(address, number, &json!({})).await?;
    let mut next = time::Instant::now();
    for id in 0.. {
        peer.ask(id, &json!(["echo", id])).await?;
        if let Ok(mut latency) = latency.lock() {
            latency.record(next.elapsed().as_nanos() as u64);
        }
        next += BYSTANDERS_PAUSE;
        sleep_until(next).await;
    }
    Ok(())
}

/// One client: connects, asks, joins, leaves and goes. Behind each command it sends a question, whose answer must come
/// behind what answers the command.
async fn visit(
    address: SocketAddr,
    number: usize,
    faults: Faults,
    turns: Arc<Semaphore>,
) -> Result<()> {
    let fault = |kind: Kind| kind.fault(number, faults);
    let turn = turns.acquire().await;
    let mut peer = Peer::open(address, number, None).await?;
    drop(turn);
    let auth = json!({
        "id": number,
        "connecting": fault(Kind::Connect),
        "leaving": fault(Kind::Disconnect),
    });
    if !connects(&mut peer, &auth, fault(Kind::Connect)).await? {
        return Ok(());
    }
    let call = json!({ "fault": fault(Kind::Event), "number": number });
    command(
        &mut peer,
        1,
        "faulty",
        call,
        &[answer(fault(Kind::Event), format!("{number}"))],
    )
    .await?;
    let room = (number % ROOMS).to_string();
    let done = format!(r#"{{"ok":true,"room":"faulty|{room}"}}"#);
    let join = json!({
        "id": room,
        "guard": fault(Kind::Guard),
        "joined": fault(Kind::Joined),
        "left": fault(Kind::Left),
    });
    let joined = Expected::Event("joined");
    let answers = match (fault(Kind::Guard), fault(Kind::Joined)) {
        // It sleeps for as long as a guard may take: both answers are right.
        (Fault::Sleep, _) => [Expected::Either("joined"), Expected::Value(done.clone())],
        (Fault::None, Fault::Panic) => [joined, Expected::Failure],
        (Fault::None, _) => [joined, Expected::Value(done.clone())],
        _ => [Expected::Failure, Expected::Nothing],
    };
    command(&mut peer, 3, "join_faulty", join, &answers).await?;
    let leave = json!({ "id": room, "naming": fault(Kind::Naming) });
    let answers = match fault(Kind::Naming) {
        Fault::None => [Expected::Event("left"), Expected::Value(done)],
        Fault::Sleep => [Expected::Either("left"), Expected::Value(done)],
        _ => [Expected::Failure, Expected::Nothing],
    };
    command(&mut peer, 5, "leave_faulty", leave, &answers).await?;
    match number % 3 {
        0 => reset(peer.into_stream()),
        1 => peer.send("41").await,
        _ => Ok(()),
    }
}

/// Connects; whether the client was let in, which must be as the fault says.
async fn connects(peer: &mut Peer, auth: &Value, fault: Fault) -> Result<bool> {
    let started = Instant::now();
    peer.send(&format!("40{auth}")).await?;
    let packet = peer.packet().await?;
    let right = match fault {
        Fault::Panic => packet == r#"44{"message":"Internal server error"}"#,
        Fault::Error => packet == r#"44{"message":"as the client asked for"}"#,
        Fault::Sleep => packet.starts_with("40{") && started.elapsed() >= NAP,
        Fault::None => packet.starts_with("40{"),
    };
    match right {
        true => Ok(packet.starts_with("40")),
        false => Err(Error::Answer(format!("{packet} for {fault:?}"))),
    }
}

/// What must come next.
#[derive(Debug, Clone)]
enum Expected {
    Nothing,
    /// An event without arguments.
    Event(&'static str),
    /// The acknowledgement, with this value.
    Value(String),
    /// An `error` event and an acknowledgement that both say no more than that it is internal.
    Failure,
    /// This event, which the next expected is for, or a failure in place of both.
    Either(&'static str),
}

fn answer(fault: Fault, value: String) -> Expected {
    match fault {
        Fault::None | Fault::Sleep => Expected::Value(value),
        Fault::Panic | Fault::Error => Expected::Failure,
    }
}

/// Sends a command and a question behind it, and checks what comes.
async fn command(
    peer: &mut Peer,
    id: u64,
    event: &str,
    data: Value,
    answers: &[Expected],
) -> Result<()> {
    peer.send(&format!("42{id}{}", json!([event, data])))
        .await?;
    peer.send(&format!(r#"42{}["echo","behind"]"#, id + 1))
        .await?;
    let error = r#"42["error",{"type":"internal"}]"#.to_owned();
    let failed = format!(r#"43{id}[{{"ok":false,"error":{{"type":"internal"}}}}]"#);
    for answer in answers {
        match answer {
            Expected::Nothing => {}
            Expected::Event(name) => expect(peer, &format!(r#"42["{name}"]"#)).await?,
            Expected::Value(value) => expect(peer, &format!("43{id}[{value}]")).await?,
            Expected::Failure => {
                expect(peer, &error).await?;
                expect(peer, &failed).await?;
            }
            Expected::Either(name) => match peer.packet().await? {
                done if done == format!(r#"42["{name}"]"#) => {}
                refused if refused == error => {
                    expect(peer, &failed).await?;
                    break;
                }
                other => return Err(Error::Answer(other)),
            },
        }
    }
    expect(peer, &format!(r#"43{}["behind"]"#, id + 1)).await
}

async fn expect(peer: &mut Peer, expected: &str) -> Result<()> {
    let packet = peer.packet().await?;
    match packet == expected {
        true => Ok(()),
        false => Err(Error::Answer(format!("{packet} in place of {expected}"))),
    }
}
