//! Clients that stop reading, and some that read slowly, beside others that read.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::ground::Ground;
use super::peer::{PATIENCE, Peer, within};
use super::report::Report;
use crate::histogram::Histogram;
use crate::message::{Message, unix_nanos};
use crate::order::Order;
use crate::series::{Series, Target};
use crate::{Error, Result};

const ROOM: &str = "chat|1";
const QUEUED: &str = "fast_app_queued_bytes";
/// Each broadcast's bytes.
const SIZE: usize = 1_000;
/// Broadcasts offered to a client that has stopped: 60 MB.
const OFFERED: u64 = 60_000;
/// From one to the next: 1.5 MB a second to each client.
const INTERVAL: Duration = Duration::from_micros(667);
/// Broadcasts before anything is measured, and those of which half of the clients read nothing.
const WARM_UP: u64 = 2_000;
const HALF: u64 = 15_000;
/// What the kernel of a client that stops may receive for it. Left to itself it takes some megabytes, which say nothing
/// of the server.
const SMALL_BUFFER: u32 = 8 * 1024;
const MIB: f64 = (1 << 20) as f64;
/// How long a client may be there that has stopped, and must be there if nothing else cuts it.
const CUT: Duration = Duration::from_secs(6);
const NOT_BEFORE: Duration = Duration::from_millis(4_500);

/// One of 100 stops, 100 of 200 stop, one stops while little is offered, one reads as slowly as it is sent to, and one does so far behind.
///
/// A client's time counts from the first broadcast that it does not read. Until the kernel's buffers of both ends are full
/// the server cannot know; that is in the time.
pub async fn run(report: &mut Report) -> Result<()> {
    let calm = storm(100, 0, OFFERED).await?;
    let one = storm(100, 1, OFFERED).await?;
    one.report("1 of 100 stops", 4.0 * MIB, report);
    report.took("100 of 100 read: latency p99", calm.latency);
    report.within(
        "1 of 100 stops: latency p99 of the others, at most twice that",
        Some(one.latency),
        calm.latency * 2,
    );
    let many = storm(200, 100, HALF).await?;
    many.report("100 of 200 stop", 110.0 * MIB, report);
    stalled(report).await?;
    steady(report).await?;
    slow(report).await
}

/// What came of a series.
struct Outcome {
    stopped: usize,
    /// By how much memory has grown at most, in bytes.
    growth: f64,
    /// When the last of those that had stopped was counted out.
    cut: Option<Duration>,
    slow_consumers: u64,
    named: u64,
    latency: Duration,
    /// Messages that those who read should have received and did not, or received out of order.
    wrong: u64,
    sockets: u64,
    readers: usize,
}

impl Outcome {
    fn report(&self, name: &str, growth: f64, report: &mut Report) {
        report.at_most(format!("{name}: memory grows by"), self.growth, growth);
        report.within(
            format!("{name}: cut, after the first broadcast"),
            self.cut,
            CUT,
        );
        let stopped = self.stopped as u64;
        report.exactly(
            format!("{name}: counted as slow consumers"),
            self.slow_consumers,
            stopped,
        );
        report.exactly(
            format!("{name}: disconnect handlers told `slow consumer`"),
            self.named,
            stopped,
        );
        report.exactly(
            format!("{name}: messages lost, doubled or late for others"),
            self.wrong,
            0,
        );
        report.exactly(
            format!("{name}: others still connected"),
            self.sockets,
            self.readers as u64,
        );
    }
}

/// Offers broadcasts to so many clients, of whom some read nothing.
async fn storm(clients: usize, stopped: usize, offered: u64) -> Result<Outcome> {
    let ground = Ground::start(&[])?;
    let readers = Readers::start(&ground, clients - stopped).await?;
    let mut silent = Vec::new();
    for number in 0..stopped {
        silent.push(join(&ground, number, Some(SMALL_BUFFER)).await?);
    }
    ground.broadcast(&series(WARM_UP, INTERVAL)).await?;
    readers.all_have(WARM_UP).await?;
    drain(&mut silent, WARM_UP).await?;
    readers.begin();
    let before = ground.resident()?;
    let peak = ground.peak();
    let start = Instant::now();
    let series = series(offered, INTERVAL);
    let all = stopped as u64;
    // Asking costs the server something: it is asked for as long where nobody stops.
    let least = if stopped == 0 {
        CUT / 2
    } else {
        Duration::ZERO
    };
    let cut = ground.until(start, CUT * 3, |counts| {
        counts.slow_consumers >= all && start.elapsed() >= least
    });
    let (cut, broadcast) = tokio::join!(cut, ground.broadcast(&series));
    broadcast?;
    readers.all_have(offered).await?;
    let growth = peak.end()? - before;
    let counts = ground.counts().await?;
    Ok(Outcome {
        stopped,
        growth,
        cut: cut?,
        slow_consumers: counts.slow_consumers,
        named: counts.disconnected_by("slow consumer"),
        latency: readers.latency(),
        wrong: readers.wrong(offered),
        sockets: counts.sockets,
        readers: clients - stopped,
    })
}

/// Offers one client that has stopped no more than its outbox may hold: it is cut for the time, not for the bytes.
///
/// How much the kernel takes is unknown, so broadcasts go on at 150 kB/s until it takes no more; that moment is when its
/// queue has grown for the last time.
async fn stalled(report: &mut Report) -> Result<()> {
    const BURST: u64 = 1_500;
    const RATE: u64 = 150;
    let ground = Ground::start(&[])?;
    let silent = join(&ground, 0, Some(SMALL_BUFFER)).await?;
    let client = silent.address()?;
    ground.broadcast(&series(BURST, Duration::ZERO)).await?;
    let (start, mut most, mut blocked) = (Instant::now(), 0, Instant::now());
    let trickle = series(RATE * 60, Duration::from_secs(1) / RATE as u32);
    let cut = ground.until(start, Duration::from_secs(50), |counts| {
        let queued = queued_for(client).unwrap_or(0);
        // Less than a message is the rest of one, or the close.
        if queued >= most + SIZE as u64 {
            blocked = Instant::now();
        }
        most = most.max(queued);
        counts.slow_consumers > 0
    });
    let cut = tokio::select! {
        cut = cut => cut?,
        made = ground.broadcast(&trickle) => made.map(|()| None)?,
    };
    report.note(
        "1 stops: the kernel took",
        format!("{:.2} MiB", most as f64 / MIB),
    );
    let cut = cut.map(|_| blocked.elapsed());
    report.within(
        "1 stops, less than 1 MiB waits: cut, after the kernel was full",
        cut,
        CUT,
    );
    report.exactly(
        format!("1 stops, less than 1 MiB waits: not before {NOT_BEFORE:?}"),
        cut.is_some_and(|cut| cut >= NOT_BEFORE),
        true,
    );
    Ok(())
}

/// The bytes that the kernel holds for a client of ours: `tx_queue` in Linux's `/proc/net/tcp`.
fn queued_for(client: SocketAddr) -> Option<u64> {
    let SocketAddr::V4(client) = client else {
        return None;
    };
    let address = u32::from_ne_bytes(client.ip().octets());
    let remote = format!("{address:08X}:{:04X}", client.port());
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let queues = table.lines().find_map(|line| {
        let mut columns = line.split_whitespace();
        (columns.nth(2)? == remote).then(|| columns.nth(1).map(str::to_owned))?
    })?;
    u64::from_str_radix(queues.split(':').next()?, 16).ok()
}

/// A client that takes 10 kB a second of 10 kB a second, for a minute, with the default heartbeat.
async fn steady(report: &mut Report) -> Result<()> {
    const MESSAGES: u64 = 600;
    const STEP: Duration = Duration::from_millis(100);
    let ground = Ground::start(&[])?;
    let mut peer = join(&ground, 0, Some(SMALL_BUFFER)).await?;
    let reading = async {
        let (mut order, target) = (Order::expect(0, MESSAGES), target());
        let start = Instant::now();
        while order.missing() > 0 {
            let packet = peer.packet().await?;
            if let Some(message) = Message::decode(packet.as_bytes()) {
                order.accept(message.seq, &target);
                sleep(STEP.saturating_sub(Duration::from_millis(2))).await;
            }
        }
        Ok::<_, Error>((order.repeated, start.elapsed()))
    };
    let series = series(MESSAGES, STEP);
    let (broadcast, read) = tokio::join!(ground.broadcast(&series), reading);
    broadcast?;
    let (repeated, lived) = read?;
    let name = "reads 10 kB/s of 10 kB/s";
    report.exactly(format!("{name}: messages doubled or late"), repeated, 0);
    report.exactly(
        format!("{name}: lived for 60 s and had all"),
        lived.as_secs() >= 59,
        true,
    );
    let sockets = ground.counts().await?.sockets;
    report.exactly(format!("{name}: connected"), sockets, 1);
    Ok(())
}

/// A client that is behind from the beginning and takes 10 kB a second of 10 kB a second, for a minute: it stays behind, by
/// as much as waits in the kernel and some of what may wait in the server.
async fn slow(report: &mut Report) -> Result<()> {
    const BURST: u64 = 100;
    const BEHIND: f64 = 250_000.0;
    const STEPS: u64 = 600;
    const STEP: Duration = Duration::from_millis(100);
    // A ping would come behind all that waits, minutes late.
    let ground = Ground::start(&[("HEARTBEAT_MS", "600000,600000".to_owned())])?;
    let mut peer = join(&ground, 0, Some(SMALL_BUFFER)).await?;
    let mut bursts = 0;
    while ground.metric(QUEUED).await? < BEHIND {
        ground.broadcast(&series(BURST, Duration::ZERO)).await?;
        bursts += 1;
    }
    let start = Instant::now();
    let sips = async {
        let mut next = tokio::time::Instant::now();
        for _ in 0..STEPS {
            peer.sip(SIZE).await?;
            next += STEP;
            sleep_until(next).await;
        }
        ground.metric(QUEUED).await
    };
    let steady = series(STEPS, STEP);
    let (broadcast, sipped) = tokio::join!(ground.broadcast(&steady), sips);
    let name = "reads 10 kB/s of 10 kB/s, behind";
    report.took(format!("{name}: lived for"), start.elapsed());
    report.exactly(
        format!("{name}: cut as a slow consumer"),
        ground.counts().await?.slow_consumers,
        0,
    );
    broadcast?;
    report.at_least(
        format!("{name}: bytes that wait in the end"),
        sipped? as u64,
        1,
    );
    // What it has had and all that is left, as fast as it comes.
    let mut wrong = 0;
    for count in std::iter::repeat_n(BURST, bursts).chain([STEPS]) {
        for seq in 0..count {
            let message = Message::decode(peer.packet().await?.as_bytes());
            wrong += u64::from(message.is_none_or(|message| message.seq != seq));
        }
    }
    report.exactly(
        format!(
            "{name}: of {} messages, not in order",
            bursts as u64 * BURST + STEPS
        ),
        wrong,
        0,
    );
    Ok(())
}

async fn join(ground: &Ground, number: usize, buffer: Option<u32>) -> Result<Peer> {
    let mut peer = Peer::open(ground.address, number, buffer).await?;
    peer.enter(&json!({})).await?;
    peer.ask(1, &json!(["join_chat", { "chat_id": "1" }]))
        .await?;
    Ok(peer)
}

/// Reads so many messages of each.
async fn drain(peers: &mut [Peer], messages: u64) -> Result<()> {
    for peer in peers {
        for _ in 0..messages {
            peer.packet().await?;
        }
    }
    Ok(())
}

fn target() -> Target {
    Target::Room(ROOM.to_owned())
}

fn series(count: u64, interval: Duration) -> Series {
    Series {
        target: target(),
        count,
        size: SIZE,
        interval,
    }
}

/// Clients that read, each in a task.
struct Readers {
    count: usize,
    seen: Arc<Mutex<Seen>>,
    _tasks: JoinSet<()>,
}

/// What they have received since the beginning.
#[derive(Default)]
struct Seen {
    orders: Vec<Order>,
    latency: Histogram,
    received: u64,
}

impl Readers {
    async fn start(ground: &Ground, count: usize) -> Result<Self> {
        let seen = Arc::new(Mutex::new(Seen {
            orders: vec![Order::expect(0, WARM_UP); count],
            ..Seen::default()
        }));
        let mut tasks = JoinSet::new();
        for number in 0..count {
            let mut peer = join(ground, number, None).await?;
            let (seen, target) = (seen.clone(), target());
            tasks.spawn(async move {
                while peer
                    .read(|packet| {
                        if let (Some(message), Ok(mut seen)) =
                            (Message::decode(packet), seen.lock())
                        {
                            seen.received += 1;
                            seen.orders[number].accept(message.seq, &target);
                            seen.latency
                                .record(unix_nanos().saturating_sub(message.sent));
                        }
                    })
                    .await
                    .is_ok()
                {}
            });
        }
        Ok(Self {
            count,
            seen,
            _tasks: tasks,
        })
    }

    /// What was received until now does not count.
    fn begin(&self) {
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Seen {
                orders: vec![Order::expect(0, OFFERED); self.count],
                ..Seen::default()
            };
        }
    }

    /// Waits until each has had so many messages, or one has gone.
    async fn all_have(&self, messages: u64) -> Result<()> {
        let all = async {
            while self.received() < messages * self.count as u64 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        within(PATIENCE, "clients read what was broadcast", all).await
    }

    fn received(&self) -> u64 {
        self.seen.lock().map_or(0, |seen| seen.received)
    }

    fn latency(&self) -> Duration {
        let seen = self.seen.lock();
        seen.map_or(Duration::MAX, |seen| seen.latency.quantile(0.99))
    }

    fn wrong(&self, expected: u64) -> u64 {
        let wrong = |order: &Order| order.received.abs_diff(expected) + order.repeated;
        let seen = self.seen.lock();
        seen.map_or(u64::MAX, |seen| seen.orders.iter().map(wrong).sum())
    }
}
