//! What a run found, as a table and as JSON.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

/// What a whole run found.
#[derive(Debug)]
pub struct Report {
    /// What was measured, and how it was pinned.
    pub subject: String,
    /// How many clients were in the room.
    pub clients: usize,
    /// Each payload's bytes.
    pub size: usize,
    /// How they came in.
    pub connect: Connect,
    /// What they cost at rest.
    pub memory: Memory,
    /// The series of broadcasts, by name.
    pub phases: Vec<(String, Phase)>,
}

/// The clients' way into the room: handshake, CONNECT and join.
#[derive(Debug)]
pub struct Connect {
    /// Clients counted.
    pub clients: usize,
    /// The server's CPU time for all of them.
    pub cpu: Duration,
    /// The time it took.
    pub wall: Duration,
}

/// The server's resident memory, in bytes.
#[derive(Debug)]
pub struct Memory {
    /// With one client.
    pub before: u64,
    /// With all of them, at rest.
    pub idle: u64,
    /// After all broadcasts, at rest.
    pub after: u64,
}

/// One series of broadcasts, or of round trips.
#[derive(Debug)]
pub struct Phase {
    /// Broadcasts or round trips asked for.
    pub broadcasts: u64,
    /// Messages received by all clients, or answers.
    pub deliveries: u64,
    /// From the request to the last message.
    pub wall: Duration,
    /// The server's CPU time.
    pub cpu: Duration,
    /// The load generator's CPU time.
    pub load_cpu: Duration,
    /// From a broadcast's first client to its last: median and 99th percentile.
    pub spread: [Duration; 2],
    /// From a message's making to its arrival: median and 99th percentile.
    pub latency: [Duration; 2],
    /// Messages that a client should have received and did not.
    pub missing: u64,
    /// Messages that came twice or too late.
    pub repeated: u64,
    /// Messages of another size than asked for.
    pub misshapen: u64,
    /// Clients that the server had closed by the end.
    pub gone: usize,
}

impl Report {
    /// Whether every client received every message once, in order and in the right size.
    pub fn is_sound(&self) -> bool {
        self.phases.iter().all(|(_, phase)| phase.is_sound())
    }

    /// The phase of this name.
    pub fn phase(&self, name: &str) -> Option<&Phase> {
        let named = self.phases.iter().find(|(known, _)| known == name);
        named.map(|(_, phase)| phase)
    }

    /// The figures for other programs.
    pub fn json(&self) -> Value {
        let phases = self
            .phases
            .iter()
            .map(|(name, phase)| (name.clone(), phase.json()));
        json!({
            "subject": self.subject,
            "clients": self.clients,
            "size": self.size,
            "connect": {
                "cpu_us": self.connect.cpu_micros(),
                "per_second": self.connect.per_second(),
            },
            "memory": {
                "before_bytes": self.memory.before,
                "idle_bytes": self.memory.idle,
                "after_bytes": self.memory.after,
                "bytes_per_idle_client": self.idle_bytes(),
            },
            "phases": Value::Object(phases.collect()),
            "sound": self.is_sound(),
        })
    }

    /// The server's memory for each idle client, in bytes.
    pub fn idle_bytes(&self) -> f64 {
        let grown = self.memory.idle as f64 - self.memory.before as f64;
        ratio(grown, self.connect.clients as f64)
    }
}

impl Connect {
    /// The server's CPU time for each client, in microseconds.
    pub fn cpu_micros(&self) -> f64 {
        ratio(micros(self.cpu), self.clients as f64)
    }

    /// Clients in a second.
    pub fn per_second(&self) -> f64 {
        ratio(self.clients as f64, self.wall.as_secs_f64())
    }
}

impl Phase {
    /// Whether every client received every message once, in order and in the right size.
    pub fn is_sound(&self) -> bool {
        self.missing + self.repeated + self.misshapen == 0 && self.gone == 0
    }

    /// The server's CPU time for each delivery, in microseconds.
    pub fn cpu_micros(&self) -> f64 {
        ratio(micros(self.cpu), self.deliveries as f64)
    }

    /// Deliveries in a second.
    pub fn per_second(&self) -> f64 {
        ratio(self.deliveries as f64, self.wall.as_secs_f64())
    }

    fn json(&self) -> Value {
        json!({
            "broadcasts": self.broadcasts,
            "deliveries": self.deliveries,
            "cpu_us_per_delivery": self.cpu_micros(),
            "deliveries_per_second": self.per_second(),
            "spread_us": self.spread.map(micros),
            "latency_us": self.latency.map(micros),
            "server_busy": busy(self.cpu, self.wall),
            "load_busy": busy(self.load_cpu, self.wall),
            "missing": self.missing,
            "repeated": self.repeated,
            "misshapen": self.misshapen,
            "clients_gone": self.gone,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (connect, memory) = (&self.connect, &self.memory);
        writeln!(f, "{}", self.subject)?;
        writeln!(f, "{} clients, {} bytes a message", self.clients, self.size)?;
        writeln!(
            f,
            "connect   {:.1} µs CPU each, {:.0}/s",
            connect.cpu_micros(),
            connect.per_second()
        )?;
        writeln!(
            f,
            "memory    {:.2} KB per idle client (resident: {} with one client, {} idle, {} after the broadcasts)\n",
            self.idle_bytes() / 1024.0,
            Megabytes(memory.before),
            Megabytes(memory.idle),
            Megabytes(memory.after)
        )?;
        writeln!(
            f,
            "{:<18}{:>10}{:>12}{:>14}{:>14}{:>20}{:>20}{:>8}{:>8}",
            "phase",
            "count",
            "deliveries",
            "CPU/delivery",
            "deliveries/s",
            "spread p50/p99",
            "latency p50/p99",
            "server",
            "load"
        )?;
        for (name, phase) in &self.phases {
            writeln!(f, "{name:<18}{phase}")?;
        }
        write!(f, "\n{}", Checks(self))
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "{:>10}{:>12}{:>14}{:>14.0}{:>20}{:>20}{:>7.0}%{:>7.0}%",
            self.broadcasts,
            self.deliveries,
            format!("{:.2} µs", self.cpu_micros()),
            self.per_second(),
            pair(self.spread),
            pair(self.latency),
            busy(self.cpu, self.wall) * 100.0,
            busy(self.load_cpu, self.wall) * 100.0
        )
    }
}

/// The sentence on what arrived.
struct Checks<'a>(&'a Report);

impl fmt::Display for Checks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.0.is_sound() {
            return write!(
                f,
                "checked: every client received every message once, in order, in its size"
            );
        }
        write!(f, "FAILED:")?;
        for (name, phase) in self.0.phases.iter().filter(|(_, phase)| !phase.is_sound()) {
            write!(
                f,
                " {name}: {} missing, {} repeated or late, {} of another size, {} clients closed;",
                phase.missing, phase.repeated, phase.misshapen, phase.gone
            )?;
        }
        Ok(())
    }
}

struct Megabytes(u64);

impl fmt::Display for Megabytes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:.1} MB", self.0 as f64 / (1024.0 * 1024.0))
    }
}

fn pair([median, high]: [Duration; 2]) -> String {
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    format!("{:.1} / {:.1} ms", millis(median), millis(high))
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

fn busy(cpu: Duration, wall: Duration) -> f64 {
    ratio(cpu.as_secs_f64(), wall.as_secs_f64())
}

/// `a / b`, and 0 where there is nothing to divide by.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}
