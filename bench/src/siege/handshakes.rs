//! Handshakes of clients that never authenticate: what they cost, and when they are gone.

use std::time::{Duration, Instant};

use super::ground::Ground;
use super::peer::Http;
use super::report::Report;
use super::visitor::Visitor;
use crate::Result;

/// Sessions at a time.
const SESSIONS: usize = 5_000;
/// Sessions before memory is first looked at: what a server allocates once is not a session's.
const WARM_UP: usize = 100;
const BYTES_EACH: f64 = 4_096.0;
/// The default heartbeat, and a second.
const GONE: Duration = Duration::from_secs(25 + 20 + 1);
/// Longer than the heartbeat takes.
const PATIENT_MS: u64 = 600_000;

/// Opens polling sessions and leaves them: half of the connections are closed, half stay open.
///
/// With the defaults they are closed because they do not connect to a namespace; on a second server that has time for
/// that, because they do not answer pings. Memory is measured against a server that has had a hundred such sessions, before
/// the first wave: the second must fit into the same, so nothing of a session stays.
pub async fn run(report: &mut Report) -> Result<()> {
    let ground = Ground::start(&[])?;
    warm_up(&ground).await?;
    let before = ground.resident()?;
    for wave in ["first wave", "second wave"] {
        attack(&ground, before, wave, report).await?;
    }
    let patient = Ground::start(&[("CONNECT_TIMEOUT_MS", PATIENT_MS.to_string())])?;
    let visitor = Visitor::start(patient.address);
    let _open = open(&patient, SESSIONS / 2, Connections::Open).await?;
    open(&patient, SESSIONS / 2, Connections::Closed).await?;
    let wave = "only the heartbeat";
    at_once(&patient, wave, report).await?;
    await_end(&patient, visitor, wave, report).await
}

async fn at_once(ground: &Ground, wave: &str, report: &mut Report) -> Result<()> {
    let sessions = ground.counts().await?.sessions;
    report.at_least(
        format!("{wave}: sessions at once"),
        sessions,
        SESSIONS as u64,
    );
    Ok(())
}

async fn warm_up(ground: &Ground) -> Result<()> {
    drop(open(ground, WARM_UP, Connections::Open).await?);
    let limit = GONE;
    ground
        .until(Instant::now(), limit, |counts| counts.sessions == 0)
        .await?;
    Ok(())
}

async fn attack(ground: &Ground, before: f64, wave: &str, report: &mut Report) -> Result<()> {
    let visitor = Visitor::start(ground.address);
    let each = SESSIONS / 2;
    open(ground, each, Connections::Closed).await?;
    let closed = ground.resident()?;
    let _open = open(ground, each, Connections::Open).await?;
    let opened = ground.resident()?;
    at_once(ground, wave, report).await?;
    for (half, grown) in [("closed", closed - before), ("open", opened - closed)] {
        report.at_most(
            format!("{wave}: memory of each whose TCP is {half}"),
            grown / each as f64,
            BYTES_EACH,
        );
    }
    await_end(ground, visitor, wave, report).await
}

/// Waits until there are no sessions but the visitor's, and then none.
async fn await_end(
    ground: &Ground,
    visitor: Visitor,
    wave: &str,
    report: &mut Report,
) -> Result<()> {
    let start = Instant::now();
    // One that comes and one that has just gone.
    let gone = ground
        .until(start, GONE * 2, |counts| counts.sessions <= 2)
        .await?;
    report.within(format!("{wave}: all gone, after the last came"), gone, GONE);
    visitor.end(report, wave)?;
    let second = Duration::from_secs(1);
    ground
        .until(Instant::now(), second, |counts| counts.sessions == 0)
        .await?;
    let counts = ground.counts().await?;
    report.exactly(format!("{wave}: sessions at the end"), counts.sessions, 0);
    Ok(())
}

/// What a client does with its connection once it has a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connections {
    Open,
    Closed,
}

/// Opens so many polling sessions, one after the other, and returns the connections that are still open.
async fn open(ground: &Ground, count: usize, connections: Connections) -> Result<Vec<Http>> {
    let mut open = Vec::new();
    for number in 0..count {
        let mut http = Http::open(ground.address, number).await?;
        http.handshake().await?;
        if connections == Connections::Open {
            open.push(http);
        }
    }
    Ok(open)
}
