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
//! of broadcasts: paced (`--rate` a second for `--seconds`), and `--burst` of them as fast as the server can. With
//! `--rooms`, the paced ones go to that many rooms in turns; with `--echo`, clients also ask so many questions. Every
//! client checks that each message came once, in order and in its size; if not, the exit code is 1.
//!
//! # What a server must provide
//!
//! - It listens on the address in the environment variable `BIND` (`127.0.0.1:8000`).
//! - Where `REDIS_URL` is set, it is one of several workers on that Redis; where not, it is alone.
//! - Socket.IO over WebSocket and polling at `/socket.io/`, namespace `/`, CONNECT with `--auth`.
//! - An event named by `--join` with the argument `--join-data` brings the client into the room `--room`. It must fill the
//!   ack; an ack with `"ok":false`, an `error` event and a CONNECT_ERROR are refusals and end the run. With `--rooms N` it
//!   also brings the client into `chat|r<k>` for the argument `{"chat_id":"r<k>"}`.
//! - The event `echo` with one argument is acknowledged with the same.
//! - `POST /broadcast` on the same port, over a keep-alive connection, with the body
//!   `{"room":"chat|1","count":200,"size":128,"interval_us":40000}`: the server broadcasts `count` events to the room, the
//!   n-th at n × `interval_us` after the first (a late one at once, zero for no pause), and answers 200 with a
//!   `Content-Length` when the last has been handed to its send path. With `"rooms":N` in place of the room the n-th goes
//!   to the room `chat|r<k>`, where k = (n × 2654435761 mod 2³²) mod N.
//! - The event is `bench` with one string argument, `"<seq> <unix nanos> xxxx…"`: `seq` counts from 0 in each request, the
//!   time is the moment the message was made, and the padding makes the whole WebSocket payload
//!   (`42["bench","0 1700000000000000000 xxxx…"]`) exactly `size` bytes; `bench::message::Message::argument` builds it.
//! - It answers Engine.IO pings and sends its own as always; the clients answer them.

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use bench::args::Args;
use bench::fleet::Reading;
use bench::limits::allow_sockets;
use bench::link::Transport;
use bench::message::LEAST_SIZE;
use bench::run::{Plan, Work};
use bench::series::{self, Series};
use bench::server::{self, Core};
use bench::target::{Launch, Target, Workers};
use bench::{Error, Result};
use serde_json::Value;

const OPTIONS: [&str; 16] = [
    "url",
    "pid",
    "server",
    "clients",
    "auth",
    "join",
    "join-data",
    "room",
    "rooms",
    "rate",
    "seconds",
    "burst",
    "echo",
    "size",
    "settle",
    "patience",
];
const FLAGS: [&str; 6] = ["json", "pin", "polling", "redis", "lazy", "help"];
const USAGE: &str = "\
load: clients against one server

  --server PATH      start this server; what follows -- are its arguments
  --redis            two of them, on a Redis that is started too, and a third that broadcasts
  --url HOST:PORT    or: the server that runs there,
  --pid PID          and its process number
  --pin              servers (if started here) on core 0, all else on core 1

  --clients N        1000    clients in the room
  --polling          they poll; otherwise they use WebSockets
  --rate R           25      paced broadcasts per second; 0 leaves them out
  --seconds T        4       for how long
  --rooms N                  each paced broadcast to one of N rooms, not to all clients
  --burst N          200     broadcasts without a pause; 0 leaves them out
  --lazy             clients look every 25 ms during the burst, and leave the server both cores
  --echo N           0       events with an ack, 100 clients at a time
  --size BYTES       128     each WebSocket payload
  --auth JSON        {\"token\":\"alice\"}
  --join EVENT       join_chat
  --join-data JSON   {\"chat_id\":\"1\"}
  --room NAME        chat|1
  --settle SECONDS   2       rest before memory is read
  --patience SECONDS 10      without progress before giving up
  --json             print JSON, not a table";

/// How many clients ask at a time.
const ASKING: usize = 100;

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
    let plan = plan(&args)?;
    allow_sockets(plan.clients)?;
    if args.flag("pin") {
        server::pin_this_process()?;
    }
    let (subject, target) = target(&args)?;
    let report = plan.run(subject, &target)?;
    if args.flag("json") {
        println!("{:#}", report.json());
    } else {
        println!("{report}");
    }
    Ok(report.is_sound())
}

fn plan(args: &Args) -> Result<Plan> {
    let plan = Plan {
        clients: args.number("clients", 1_000, 100_000)?,
        transport: match args.flag("polling") {
            true => Transport::Polling,
            false => Transport::WebSocket,
        },
        auth: json_option(args, "auth", r#"{"token":"alice"}"#)?,
        join: args.text("join").unwrap_or("join_chat").to_owned(),
        join_data: json_option(args, "join-data", r#"{"chat_id":"1"}"#)?,
        room: args.text("room").unwrap_or("chat|1").to_owned(),
        settle: Duration::from_secs(args.number("settle", 2, 60)?),
        patience: Duration::from_secs(args.number("patience", 10, 300)?),
        phases: phases(args)?,
    };
    match plan.clients {
        0..2 => Err(Error::Option("--clients takes 2 or more".into())),
        _ => Ok(plan),
    }
}

fn phases(args: &Args) -> Result<Vec<(String, Work)>> {
    let room = series::Target::Room(args.text("room").unwrap_or("chat|1").to_owned());
    let size = args.number("size", 128, 1 << 20)?;
    if size < LEAST_SIZE {
        return Err(Error::Option(format!("--size takes {LEAST_SIZE} or more")));
    }
    let series = |target: &series::Target, count, interval| Series {
        target: target.clone(),
        count,
        size,
        interval,
    };
    let mut phases = Vec::new();
    let (rate, seconds): (u64, u64) = (
        args.number("rate", 25, 10_000)?,
        args.number("seconds", 4, 300)?,
    );
    if rate * seconds > 0 {
        let target = match args.number("rooms", 0, 100_000)? {
            0 => room.clone(),
            rooms => series::Target::Rooms(rooms),
        };
        let paced = series(
            &target,
            rate * seconds,
            Duration::from_secs(1) / rate as u32,
        );
        phases.push((
            format!("paced {rate}/s"),
            Work::Broadcast(paced, Reading::Eager),
        ));
    }
    let burst = args.number("burst", 200, 100_000)?;
    if burst > 0 {
        let reading = match args.flag("lazy") {
            true => Reading::Lazy,
            false => Reading::Eager,
        };
        let burst = series(&room, burst, Duration::ZERO);
        phases.push(("burst".into(), Work::Broadcast(burst, reading)));
    }
    let count = args.number("echo", 0, 10_000_000)?;
    if count > 0 {
        let clients = ASKING;
        phases.push(("echo".into(), Work::Echo { clients, count }));
    }
    Ok(phases)
}

/// What is measured, and what it is called.
fn target(args: &Args) -> Result<(String, Target)> {
    let address = args.text("url").map(resolve).transpose()?;
    match (args.text("server"), address) {
        (Some(path), None) => {
            let command = [&[path.to_owned()], args.rest()].concat();
            let name = subject(&command, args);
            let launch = Launch {
                command,
                core: match args.flag("pin") {
                    true => Core::Server,
                    false => Core::Any,
                },
                fleet: match args.flag("redis") {
                    true => Workers::TwoOnRedis,
                    false => Workers::One,
                },
            };
            Ok((name, Target::start(&launch)?))
        }
        (None, Some(address)) if args.text("pid").is_some() => {
            let pid = args.number("pid", 0, u32::MAX)?;
            Ok((
                format!("server at {address}"),
                Target::running(address, pid),
            ))
        }
        _ => Err(Error::Option(
            "--server, or --url with --pid, is needed".into(),
        )),
    }
}

fn subject(command: &[String], args: &Args) -> String {
    let place = match args.flag("pin") {
        true => "server on core 0, load on core 1",
        false => "not pinned",
    };
    let file = command[0].rsplit('/').next().unwrap_or_default();
    let words = [&[file.to_owned()], &command[1..]].concat();
    format!("{} ({place})", words.join(" "))
}

fn resolve(url: &str) -> Result<SocketAddr> {
    let mut addresses = url
        .to_socket_addrs()
        .map_err(Error::io(format!("--url {url}")))?;
    addresses
        .next()
        .ok_or_else(|| Error::Option(format!("--url {url} has no address")))
}

fn json_option(args: &Args, name: &str, default: &str) -> Result<Value> {
    let text = args.text(name).unwrap_or(default);
    serde_json::from_str(text)
        .map_err(|error| Error::Option(format!("--{name} is not JSON: {error}")))
}
