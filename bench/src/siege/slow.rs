//! Connections that begin something and do not end it: each must be closed in time, all of them at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use super::ground::Ground;
use super::peer::{Http, OPENING, Peer, dial, polling};
use super::report::Report;
use super::visitor::Visitor;
use crate::{Error, Result};

/// Connections of each kind.
const EACH: usize = 500;
/// From one byte to the next.
const DRIP: Duration = Duration::from_secs(1);
/// What a client has that answers no ping, and the time in which all were opened.
const HEARTBEAT: Duration = Duration::from_secs(25 + 20 + 3);
/// When a connection counts as never closed.
const NEVER: Duration = Duration::from_secs(60);

/// What a connection leaves undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Headers,
    Body,
    Upgrade,
    Connect,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Headers, Self::Body, Self::Upgrade, Self::Connect];

    fn what(self) -> &'static str {
        match self {
            Self::Headers => "headers, a byte a second",
            Self::Body => "a body, a byte a second",
            Self::Upgrade => "an upgrade, silent after the probe",
            Self::Connect => "a websocket without CONNECT",
        }
    }

    fn limit(self) -> Duration {
        Duration::from_millis(match self {
            Self::Headers => 15_000,
            Self::Body => 30_000,
            Self::Upgrade | Self::Connect => 10_500,
        })
    }
}

/// Opens all of them at once; each one's time counts from its own connection's beginning to its end as the client sees it.
pub async fn run(report: &mut Report) -> Result<()> {
    let ground = Ground::start(&[])?;
    let visitor = Visitor::start(ground.address);
    let start = Instant::now();
    let (mut open, turns) = (JoinSet::new(), Arc::new(Semaphore::new(OPENING)));
    for number in 0..EACH {
        for kind in Kind::ALL {
            open.spawn(attack(ground.address, number, kind, turns.clone()));
        }
    }
    let mut ended = Vec::new();
    while let Some(one) = open.join_next().await {
        ended.push(one.map_err(|_| Error::Answer("an attacker panicked".into()))??);
    }
    visitor.end(report, "meanwhile")?;
    for kind in Kind::ALL {
        let times = || ended.iter().filter(|(of, _)| *of == kind);
        let latest = times().map(|(_, took)| *took).max().flatten();
        let all = times().all(|(_, took)| took.is_some());
        let first = times()
            .filter_map(|(_, took)| *took)
            .min()
            .unwrap_or_default();
        report.within(
            format!(
                "{}: the last of {} (first: {:.2} s)",
                kind.what(),
                times().count(),
                first.as_secs_f64()
            ),
            latest.filter(|_| all),
            kind.limit(),
        );
    }
    // Those that did not get their upgrade go on polling, as far as the server knows.
    let gone = ground
        .until(start, HEARTBEAT * 2, |counts| counts.sessions == 0)
        .await?;
    report.within(
        "the last session ended, after the first came",
        gone,
        HEARTBEAT,
    );
    report.exactly("sockets at the end", ground.counts().await?.sockets, 0);
    Ok(())
}

/// Attacks, and says how long the connection lived; `None` when it was still open in the end.
async fn attack(
    address: SocketAddr,
    number: usize,
    kind: Kind,
    turns: Arc<Semaphore>,
) -> Result<(Kind, Option<Duration>)> {
    let turn = turns.acquire().await;
    let (start, mut stream, drip) = match kind {
        Kind::Headers => {
            let start = Instant::now();
            let stream = dial(address, number, None).await?;
            (start, stream, Some(headers(address)))
        }
        Kind::Body => {
            let sid = Http::open(address, number).await?.connect().await?;
            let start = Instant::now();
            let mut http = Http::open(address, number).await?;
            http.begin_post(&polling(&sid), "text/plain", 1_000).await?;
            (start, http.into_stream(), Some(vec![b'4'; 1_000]))
        }
        Kind::Upgrade => {
            let sid = Http::open(address, number).await?.connect().await?;
            let start = Instant::now();
            let mut peer = Peer::upgrade(address, number, None, Some(&sid)).await?;
            peer.send("2probe").await?;
            let answer = peer.packet().await?;
            if answer != "3probe" {
                return Err(Error::Answer(answer));
            }
            (start, peer.into_stream(), None)
        }
        Kind::Connect => {
            let start = Instant::now();
            let peer = Peer::open(address, number, None).await?;
            (start, peer.into_stream(), None)
        }
    };
    drop(turn);
    let closed = timeout(NEVER, closed(&mut stream, drip.unwrap_or_default())).await;
    Ok((kind, closed.is_ok().then(|| start.elapsed())))
}

/// More than a minute of headers, at a byte a second.
fn headers(address: SocketAddr) -> Vec<u8> {
    let head =
        format!("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: {address}\r\nX-Slow: ");
    format!("{head}{}", "a".repeat(100)).into_bytes()
}

/// Waits for the connection's end, and meanwhile sends these bytes one by one.
async fn closed(stream: &mut TcpStream, drip: Vec<u8>) {
    let mut pace = interval(DRIP);
    let mut drip = drip.into_iter();
    let mut buffer = [0; 1024];
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => if !matches!(read, Ok(1..)) { return },
            _ = pace.tick() => if let Some(byte) = drip.next()
                && stream.write_all(&[byte]).await.is_err()
            {
                return;
            },
        }
    }
}
