//! What every server goes through.

use std::time::Duration;

use serde_json::json;

use super::subject::{OURS, PYTHON, Role, Subject};
use crate::Result;
use crate::fleet::Reading;
use crate::link::Transport;
use crate::report::{Phase, Report};
use crate::run::{Plan, Work};
use crate::series::{Series, Target};
use crate::server::Core;
use crate::target::{self, Launch, Workers};

/// Something that servers are put through, from their start to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// A room of 1,000.
    Thousand,
    /// A room of 10,000, and 1,000 rooms of 10.
    TenThousand,
    /// A room of 4.
    Four,
    /// A room of 1,000 on two workers that share a Redis.
    Redis,
    /// A room of 1,000 that polls.
    Polling,
    /// A burst to 10,000 who leave the machine to the server: on one core.
    OneCore,
    /// The same on two cores.
    TwoCores,
}

/// A figure that a scenario yields, by its name in [`super::table`].
pub type Figure = (&'static str, f64);

/// Broadcasts a second to one room: the same number of deliveries for each size of room.
const TO_THOUSAND: u64 = 25;
const TO_TEN_THOUSAND: u64 = 5;

impl Scenario {
    /// All, in the order in which they are run.
    pub const ALL: [Self; 7] = [
        Self::Thousand,
        Self::TenThousand,
        Self::Four,
        Self::Redis,
        Self::Polling,
        Self::OneCore,
        Self::TwoCores,
    ];

    /// Those that say most.
    pub const QUICK: [Self; 3] = [Self::Thousand, Self::TenThousand, Self::Redis];

    /// What it is called while it runs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thousand => "1,000 clients",
            Self::TenThousand => "10,000 clients",
            Self::Four => "4 clients",
            Self::Redis => "two workers on Redis",
            Self::Polling => "1,000 polling clients",
            Self::OneCore => "a burst on one core",
            Self::TwoCores => "a burst on two cores",
        }
    }

    /// Whether a program takes part.
    pub fn includes(self, subject: &Subject) -> bool {
        match self {
            Self::Thousand => true,
            // It would take minutes.
            Self::TenThousand => subject.name != PYTHON,
            Self::Four => true,
            Self::Redis | Self::Polling => subject.role == Role::Server,
            Self::OneCore | Self::TwoCores => subject.name == OURS,
        }
    }

    /// How many clients there are.
    pub fn clients(self) -> usize {
        match self {
            Self::Thousand | Self::Redis | Self::Polling => 1_000,
            Self::TenThousand | Self::OneCore | Self::TwoCores => 10_000,
            Self::Four => 4,
        }
    }

    /// Starts the program, brings clients to it and measures.
    pub fn run(self, subject: &Subject) -> Result<(Report, Vec<Figure>)> {
        let target = target::Target::start(&Launch {
            command: subject.command.clone(),
            core: match self {
                Self::TwoCores => Core::Any,
                _ => Core::Server,
            },
            fleet: match self {
                Self::Redis => Workers::TwoOnRedis,
                _ => Workers::One,
            },
        })?;
        let report = self.plan(subject).run(subject.name.to_owned(), &target)?;
        let figures = self.figures(&report);
        Ok((report, figures))
    }

    fn plan(self, subject: &Subject) -> Plan {
        Plan {
            clients: self.clients(),
            transport: match self {
                Self::Polling => Transport::Polling,
                _ => Transport::WebSocket,
            },
            auth: json!({ "token": "alice" }),
            join: "join_chat".into(),
            join_data: json!({ "chat_id": "1" }),
            room: "chat|1".into(),
            settle: Duration::from_millis(500),
            patience: Duration::from_secs(20),
            phases: self.phases(subject),
        }
    }

    fn phases(self, subject: &Subject) -> Vec<(String, Work)> {
        let burst = 200 / subject.ease;
        let mut phases = match self {
            Self::Thousand => vec![
                ("paced", paced(TO_THOUSAND, 2, 128)),
                ("1 KiB", paced(TO_THOUSAND, 1, 1024)),
                ("16 KiB", paced(10, 1, 16 * 1024)),
                ("burst", unpaced(burst, Reading::Eager)),
            ],
            Self::TenThousand => vec![
                ("paced", paced(TO_TEN_THOUSAND, 2, 128)),
                ("burst", unpaced(burst, Reading::Eager)),
            ],
            Self::Four => vec![
                ("paced", paced(500, 4, 128)),
                ("burst", unpaced(20_000 / subject.ease, Reading::Eager)),
            ],
            Self::Redis => vec![
                ("paced", paced(TO_THOUSAND, 2, 128)),
                ("burst", unpaced(burst, Reading::Eager)),
            ],
            Self::Polling => vec![("paced", paced(5, 2, 128))],
            Self::OneCore | Self::TwoCores => vec![("burst", unpaced(400, Reading::Lazy))],
        };
        if subject.role == Role::Server && self == Self::Thousand {
            let (clients, count) = (100, 20_000 / subject.ease);
            phases.push(("echo", Work::Echo { clients, count }));
        }
        if subject.role == Role::Server && self == Self::TenThousand {
            phases.push(("rooms", to_rooms(5_000)));
        }
        let named = phases.into_iter();
        named.map(|(name, work)| (name.to_owned(), work)).collect()
    }

    fn figures(self, report: &Report) -> Vec<Figure> {
        let phase = |name| report.phase(name);
        let cpu = |name| phase(name).map(Phase::cpu_micros);
        let figures = match self {
            Self::Thousand => vec![
                ("connect", Some(report.connect.cpu_micros())),
                ("connect_rate", Some(report.connect.per_second())),
                ("idle_1000", Some(report.idle_bytes() / 1024.0)),
                ("paced_1000", cpu("paced")),
                (
                    "spread_50",
                    phase("paced").map(|phase| millis(phase.spread[0])),
                ),
                (
                    "spread_99",
                    phase("paced").map(|phase| millis(phase.spread[1])),
                ),
                ("paced_1k", cpu("1 KiB")),
                ("paced_16k", cpu("16 KiB")),
                ("burst_1000", cpu("burst")),
                ("echo", cpu("echo")),
                (
                    "echo_50",
                    phase("echo").map(|phase| millis(phase.latency[0])),
                ),
                (
                    "echo_99",
                    phase("echo").map(|phase| millis(phase.latency[1])),
                ),
            ],
            Self::TenThousand => vec![
                ("idle", Some(report.idle_bytes() / 1024.0)),
                ("paced_10000", cpu("paced")),
                (
                    "spread_10000_50",
                    phase("paced").map(|phase| millis(phase.spread[0])),
                ),
                (
                    "spread_10000_99",
                    phase("paced").map(|phase| millis(phase.spread[1])),
                ),
                ("burst_10000", cpu("burst")),
                ("burst_rate", phase("burst").map(Phase::per_second)),
                ("rooms", cpu("rooms")),
            ],
            Self::Four => vec![
                ("paced_4", cpu("paced")),
                (
                    "broadcast",
                    phase("burst").map(|phase| phase.cpu_micros() * self.clients() as f64),
                ),
            ],
            Self::Redis => vec![
                ("redis", cpu("paced")),
                ("redis_burst", cpu("burst")),
                (
                    "redis_50",
                    phase("paced").map(|phase| millis(phase.latency[0])),
                ),
                (
                    "redis_99",
                    phase("paced").map(|phase| millis(phase.latency[1])),
                ),
            ],
            Self::Polling => vec![("polling", cpu("paced"))],
            Self::OneCore => vec![("one_core", phase("burst").map(Phase::per_second))],
            Self::TwoCores => vec![("two_cores", phase("burst").map(Phase::per_second))],
        };
        let known = figures.into_iter();
        known
            .filter_map(|(name, figure)| Some((name, figure?)))
            .collect()
    }
}

fn paced(rate: u64, seconds: u64, size: usize) -> Work {
    let series = Series {
        target: Target::Room("chat|1".into()),
        count: rate * seconds,
        size,
        interval: Duration::from_secs(1) / rate as u32,
    };
    Work::Broadcast(series, Reading::Eager)
}

fn unpaced(count: u64, reading: Reading) -> Work {
    let series = Series {
        target: Target::Room("chat|1".into()),
        count,
        size: 128,
        interval: Duration::ZERO,
    };
    Work::Broadcast(series, reading)
}

/// A second of broadcasts to 1,000 rooms.
fn to_rooms(rate: u64) -> Work {
    let series = Series {
        target: Target::Rooms(1_000),
        count: rate,
        size: 128,
        interval: Duration::from_secs(1) / rate as u32,
    };
    Work::Broadcast(series, Reading::Eager)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
