//! Clients that come, join, speak, leave and go, in every way in which they can go.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::counts::Counts;
use super::ground::Ground;
use super::peer::{OPENING, PATIENCE, Peer, reset, within};
use super::report::Report;
use crate::{Error, Result};

const CYCLES: usize = 100_000;
/// Clients at a time. A third of them only waits for the server to find out.
const AT_ONCE: usize = 1_500;
const ROOMS: usize = 100;
/// A heartbeat short enough for thirty thousand to miss it.
const HEARTBEAT_MS: &str = "500,500";
/// How long the server may take to hear of the last that went.
const SETTLED: Duration = Duration::from_secs(10);

/// How a client goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Reset,
    /// `41` and the end of the connection.
    Disconnect,
    /// `1`, Engine.IO's close.
    Close,
    /// The end of the connection without a word.
    Gone,
    /// It answers no ping.
    Silent,
}

impl End {
    /// A third resets, a third closes in three ways, a third is silent.
    fn of(number: usize) -> Self {
        match (number % 3, number / 3 % 3) {
            (0, _) => Self::Reset,
            (1, 0) => Self::Disconnect,
            (1, 1) => Self::Close,
            (1, _) => Self::Gone,
            _ => Self::Silent,
        }
    }

    /// What the disconnect handler is told.
    fn reason(self) -> &'static str {
        match self {
            Self::Reset | Self::Gone => "transport close",
            Self::Disconnect | Self::Close => "client disconnect",
            Self::Silent => "ping timeout",
        }
    }
}

/// Runs a quarter, measures, runs the rest, and measures again, each time when nobody is there. Every second client leaves
/// its room before it goes.
pub async fn run(report: &mut Report) -> Result<()> {
    let ground = Ground::start(&[
        ("CLIENTS", CYCLES.to_string()),
        ("HEARTBEAT_MS", HEARTBEAT_MS.to_owned()),
    ])?;
    let quarter = CYCLES / 4;
    let start = Instant::now();
    cycles(&ground, 0..quarter).await?;
    let first = ground.resident()?;
    cycles(&ground, quarter..CYCLES).await?;
    let last = ground.resident()?;
    let per_second = CYCLES as f64 / start.elapsed().as_secs_f64();
    report.note("cycles a second", format!("{per_second:.0}"));
    report.note(
        "memory after the first quarter",
        format!("{:.2} MiB", first / MIB),
    );
    report.at_most("memory at the end, at most 5 % more", last, first * 1.05);
    check(&ground.counts().await?, report);
    for gauge in GAUGES {
        let shown = ground.metric(gauge).await?;
        report.exactly(format!("{gauge} at the end"), shown, 0.0);
    }
    Ok(())
}

const MIB: f64 = (1 << 20) as f64;
/// What must be 0 where nobody is.
const GAUGES: [&str; 5] = [
    "fast_app_sessions",
    "fast_app_sockets",
    "fast_app_rooms",
    "fast_app_memberships",
    "fast_app_queued_bytes",
];

fn check(counts: &Counts, report: &mut Report) {
    report.exactly("connect handlers", counts.connects, CYCLES as u64);
    report.exactly("disconnect handlers", counts.disconnected(), CYCLES as u64);
    report.exactly(
        "clients whose disconnect handler did not run once",
        counts.unmatched,
        0,
    );
    report.exactly(
        "disconnects for another reason than the client's",
        counts.surprises,
        0,
    );
    for reason in ["transport close", "client disconnect", "ping timeout"] {
        let expected = (0..CYCLES).filter(|&number| End::of(number).reason() == reason);
        let measured = counts.disconnected_by(reason);
        report.exactly(
            format!("disconnects: {reason}"),
            measured,
            expected.count() as u64,
        );
    }
    report.exactly("panics", counts.panics, 0);
}

async fn cycles(ground: &Ground, numbers: std::ops::Range<usize>) -> Result<()> {
    let (mut clients, turns) = (JoinSet::new(), Arc::new(Semaphore::new(OPENING)));
    for number in numbers {
        if clients.len() >= AT_ONCE {
            ended(clients.join_next().await)?;
        }
        clients.spawn(cycle(ground.address, number, turns.clone()));
    }
    while !clients.is_empty() {
        ended(clients.join_next().await)?;
    }
    ground
        .until(Instant::now(), SETTLED, |counts| counts.sessions == 0)
        .await?;
    Ok(())
}

fn ended(client: Option<std::result::Result<Result<()>, tokio::task::JoinError>>) -> Result<()> {
    match client {
        Some(Ok(result)) => result,
        Some(Err(_)) => Err(Error::Answer("a client panicked".into())),
        None => Ok(()),
    }
}

async fn cycle(address: SocketAddr, number: usize, turns: Arc<Semaphore>) -> Result<()> {
    let end = End::of(number);
    let turn = turns.acquire().await;
    let auth = json!({ "id": number, "end": end.reason() });
    let mut peer = Peer::connect(address, number, &auth).await?;
    drop(turn);
    let room = json!({ "chat_id": (number % ROOMS).to_string() });
    peer.ask(1, &json!(["join_chat", room])).await?;
    peer.ask(
        2,
        &json!(["say", format!("chat|{}", number % ROOMS), "hello"]),
    )
    .await?;
    if number.is_multiple_of(2) {
        peer.ask(3, &json!(["leave_chat", room])).await?;
    }
    match end {
        End::Reset => reset(peer.into_stream()),
        End::Disconnect => peer.send("41").await,
        End::Close => peer.send("1").await,
        End::Gone => Ok(()),
        End::Silent => {
            within(PATIENCE, "waiting for a ping timeout", peer.ended()).await?;
            Ok(())
        }
    }
}
