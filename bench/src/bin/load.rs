//! The load generator: thousands of websocket clients on loopback, on one thread, against one server.
//!
//! One command starts the server on core 0, runs on core 1, and prints the figures:
//!
//! ```text
//! cargo build --release -p bench
//! cargo run --release -p bench --bin load -- --pin --server target/release/floor
//! cargo run --release -p bench --bin load -- --pin --server target/release/floor -- --batch 16
//! cargo run --release -p bench --bin load -- --clients 10000 --rate 5 --url 127.0.0.1:8000 --pid 4711
//! ```
//!
//! It brings `--clients` into one room, reads the server's CPU time and memory, lets them rest, then asks for two series
//! of broadcasts: paced (`--rate` a second for `--seconds`), and `--burst` of them as fast as the server can. Every
//! client checks that each message came once, in order and in its size; if not, the exit code is 1.
//!
//! # What a server must provide
//!
//! - It listens on the address in the environment variable `BIND` (`127.0.0.1:8000`).
//! - Socket.IO over WebSocket at `/socket.io/?EIO=4&transport=websocket`, namespace `/`, CONNECT with `--auth`.
//! - An event named by `--join` with the argument `--join-data` brings the client into the room `--room`. It must fill the
//!   ack; an ack with `"ok":false`, an `error` event and a CONNECT_ERROR are refusals and end the run.
//! - `POST /broadcast` on the same port, over a keep-alive connection, with the body
//!   `{"room":"chat|1","count":200,"size":128,"interval_us":40000}`: the server broadcasts `count` events to the room, the
//!   n-th at n × `interval_us` after the first (a late one at once, zero for no pause), and answers 200 with a
//!   `Content-Length` when the last has been handed to its send path.
//! - The event is `bench` with one string argument, `"<seq> <unix nanos> xxxx…"`: `seq` counts from 0 in each request, the
//!   time is the moment the message was made, and the padding makes the whole WebSocket payload
//!   (`42["bench","0 1700000000000000000 xxxx…"]`) exactly `size` bytes; `bench::message::Message::argument` builds it.
//! - It answers Engine.IO pings and sends its own as always; the clients answer them.

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bench::args::Args;
use bench::client::Script;
use bench::control::Series;
use bench::fleet::Fleet;
use bench::limits::allow_sockets;
use bench::message::LEAST_SIZE;
use bench::process::Process;
use bench::report::{Connect, Memory, Report};
use bench::server::{self, Pinning, Server};
use bench::{Error, Result};
use serde_json::Value;

const OPTIONS: [&str; 14] = [
    "url",
    "pid",
    "server",
    "clients",
    "auth",
    "join",
    "join-data",
    "room",
    "rate",
    "seconds",
    "burst",
    "size",
    "settle",
    "patience",
];
const FLAGS: [&str; 3] = ["json", "pin", "help"];
const USAGE: &str = "\
load: websocket clients against one server

  --server PATH      start this server; what follows -- are its arguments
  --url HOST:PORT    or: the server that runs there,
  --pid PID          and its process number
  --pin              server (if started here) on core 0, this on core 1

  --clients N        1000    clients in the room
  --rate R           25      paced broadcasts per second; 0 leaves them out
  --seconds T        4       for how long
  --burst N          200     broadcasts without a pause; 0 leaves them out
  --size BYTES       128     each WebSocket payload
  --auth JSON        {\"token\":\"alice\"}
  --join EVENT       join_chat
  --join-data JSON   {\"chat_id\":\"1\"}
  --room NAME        chat|1
  --settle SECONDS   2       rest before memory is read
  --patience SECONDS 10      without progress before giving up
  --json             print JSON, not a table";

/// Broadcasts before the first that is measured.
const WARM_UP: u64 = 5;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}\nhelp: load --help", error.chain());
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool> {
    let args = Args::parse(std::env::args().skip(1), &OPTIONS, &FLAGS)?;
    if args.flag("help") {
        println!("{USAGE}");
        return Ok(true);
    }
    let plan = Plan::new(&args)?;
    allow_sockets(plan.clients)?;
    if plan.pinning == Pinning::Cores {
        server::pin_this_process()?;
    }
    let target = Target::new(&args, plan.pinning)?;
    let report = measure(&args, &plan, &target)?;
    if args.flag("json") {
        println!("{:#}", report.json());
    } else {
        println!("{report}");
    }
    Ok(report.is_sound())
}

/// How much is to be done.
struct Plan {
    clients: usize,
    rate: u64,
    seconds: u64,
    burst: u64,
    size: usize,
    room: String,
    settle: Duration,
    patience: Duration,
    pinning: Pinning,
}

impl Plan {
    fn new(args: &Args) -> Result<Self> {
        let plan = Self {
            clients: args.number("clients", 1_000, 100_000)?,
            rate: args.number("rate", 25, 10_000)?,
            seconds: args.number("seconds", 4, 300)?,
            burst: args.number("burst", 200, 100_000)?,
            size: args.number("size", 128, 1 << 20)?,
            room: args.text("room").unwrap_or("chat|1").to_owned(),
            settle: Duration::from_secs(args.number("settle", 2, 60)?),
            patience: Duration::from_secs(args.number("patience", 10, 300)?),
            pinning: if args.flag("pin") {
                Pinning::Cores
            } else {
                Pinning::None
            },
        };
        if plan.clients < 2 {
            return Err(Error::Option("--clients takes 2 or more".into()));
        }
        if plan.size < LEAST_SIZE {
            return Err(Error::Option(format!("--size takes {LEAST_SIZE} or more")));
        }
        Ok(plan)
    }

    fn series(&self, count: u64, interval: Duration) -> Series {
        Series {
            room: self.room.clone(),
            count,
            size: self.size,
            interval,
        }
    }

    /// The series that are measured, by name.
    fn measured(&self) -> Vec<(String, Series)> {
        let mut measured = Vec::new();
        if self.rate * self.seconds > 0 {
            let interval = Duration::from_secs(1) / self.rate as u32;
            let series = self.series(self.rate * self.seconds, interval);
            measured.push((format!("paced {}/s", self.rate), series));
        }
        if self.burst > 0 {
            measured.push(("burst".into(), self.series(self.burst, Duration::ZERO)));
        }
        measured
    }
}

/// The server under test, which ends with this if it was started here.
struct Target {
    address: SocketAddr,
    process: Process,
    name: String,
    _server: Option<Server>,
}

impl Target {
    fn new(args: &Args, pinning: Pinning) -> Result<Self> {
        let address = args.text("url").map(resolve).transpose()?;
        match (args.text("server"), address) {
            (Some(path), address) => {
                let mut command = vec![path.to_owned()];
                command.extend_from_slice(args.rest());
                Self::start(
                    &command,
                    address.map_or_else(server::free_address, Ok)?,
                    pinning,
                )
            }
            (None, Some(address)) if args.text("pid").is_some() => Ok(Self {
                address,
                process: Process::new(args.number("pid", 0, u32::MAX)?),
                name: format!("server at {address}"),
                _server: None,
            }),
            _ => Err(Error::Option(
                "--server, or --url with --pid, is needed".into(),
            )),
        }
    }

    fn start(command: &[String], address: SocketAddr, pinning: Pinning) -> Result<Self> {
        let server = Server::start(command, address, pinning)?;
        let place = match pinning {
            Pinning::Cores => "server on core 0, load on core 1",
            Pinning::None => "not pinned",
        };
        let file = command[0].rsplit('/').next().unwrap_or_default();
        let words = [&[file.to_owned()], &command[1..]].concat();
        Ok(Self {
            address,
            process: Process::new(server.pid()),
            name: format!("{} ({place})", words.join(" ")),
            _server: Some(server),
        })
    }
}

fn resolve(url: &str) -> Result<SocketAddr> {
    let mut addresses = url
        .to_socket_addrs()
        .map_err(Error::io(format!("--url {url}")))?;
    addresses
        .next()
        .ok_or_else(|| Error::Option(format!("--url {url} has no address")))
}

fn measure(args: &Args, plan: &Plan, target: &Target) -> Result<Report> {
    let auth = json_option(args, "auth", r#"{"token":"alice"}"#)?;
    let data = json_option(args, "join-data", r#"{"chat_id":"1"}"#)?;
    let join = args.text("join").unwrap_or("join_chat");
    let script = Script::new(target.address, &auth, join, &data);
    let mut fleet = Fleet::new(target.address, script, plan.patience)?;
    // The first client pays for what a server sets up once.
    fleet.grow(1)?;
    fleet.rest(Duration::from_millis(200))?;
    let before = target.process.resident()?;
    let connect = connect(&mut fleet, plan, target.process)?;
    fleet.rest(plan.settle)?;
    let idle = target.process.resident()?;
    fleet.broadcast(&plan.series(WARM_UP, Duration::ZERO), target.process)?;
    let mut phases = Vec::new();
    for (name, series) in plan.measured() {
        phases.push((name, fleet.broadcast(&series, target.process)?));
    }
    fleet.rest(plan.settle)?;
    let after = target.process.resident()?;
    Ok(Report {
        subject: target.name.clone(),
        clients: plan.clients,
        size: plan.size,
        connect,
        memory: Memory {
            before,
            idle,
            after,
        },
        phases,
    })
}

fn connect(fleet: &mut Fleet, plan: &Plan, server: Process) -> Result<Connect> {
    let (cpu, started) = (server.cpu()?, Instant::now());
    fleet.grow(plan.clients)?;
    let wall = started.elapsed();
    fleet.rest(Duration::from_millis(200))?;
    Ok(Connect {
        clients: plan.clients - 1,
        cpu: server.cpu()?.saturating_sub(cpu),
        wall,
    })
}

fn json_option(args: &Args, name: &str, default: &str) -> Result<Value> {
    let text = args.text(name).unwrap_or(default);
    serde_json::from_str(text)
        .map_err(|error| Error::Option(format!("--{name} is not JSON: {error}")))
}
