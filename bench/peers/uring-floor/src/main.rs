//! The floor of io_uring: what a delivery costs when the sends of a broadcast enter the kernel many at a time.
//!
//! It is `floor` (../../src/bin/floor.rs) with another way to send: one io_uring send for each socket, submitted whenever
//! `--batch` of them (1024) are queued, through the safe interface of compio-driver. A socket that is full is waited for.
//!
//! ```text
//! cargo build --release --locked --manifest-path bench/peers/uring-floor/Cargo.toml --target-dir target/peers
//! BIND=127.0.0.1:8000 target/peers/release/uring-floor [--batch N]
//! ```

mod peer;
mod ring;

// These need nothing else of `bench`, which as a dependency would bring FastApp along.
#[allow(dead_code, reason = "the load generator's half")]
#[path = "../../../src/frame.rs"]
mod frame;
#[path = "../../../src/http.rs"]
mod http;
#[allow(dead_code, reason = "the load generator's half")]
#[path = "../../../src/message.rs"]
mod message;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::thread;
use std::time::Instant;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use peer::{Order, Peer};
use ring::Ring;

const LISTENER: Token = Token(usize::MAX - 1);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}\nhelp: BIND=127.0.0.1:8000 uring-floor [--batch N]");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let batch = batch(&std::env::args().skip(1).collect::<Vec<_>>())?;
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8000".into());
    let address = bind
        .parse()
        .map_err(|_| format!("BIND takes an address and a port, not {bind:?}"))?;
    rlimit::increase_nofile_limit(u64::MAX)
        .map_err(|error| format!("raising the limit on open files: {error}"))?;
    let ring = Ring::new(batch).map_err(|error| format!("io_uring is not to be had: {error}"))?;
    Floor::bind(address, ring)
        .and_then(Floor::serve)
        .map_err(|error| format!("serving: {error}"))
}

fn batch(args: &[String]) -> Result<u32, String> {
    match args {
        [] => Ok(1024),
        [name, value] if name == "--batch" => value
            .parse()
            .ok()
            .filter(|batch| (1..=4096).contains(batch))
            .ok_or_else(|| format!("--batch takes a number from 1 to 4096, not {value:?}")),
        _ => Err(format!("{} is unknown", args.join(" "))),
    }
}

struct Floor {
    poll: Poll,
    listener: TcpListener,
    peers: Vec<Option<Peer>>,
    ring: Ring,
}

impl Floor {
    fn bind(address: SocketAddr, ring: Ring) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            peers: Vec::new(),
            ring,
        })
    }

    fn serve(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(number) => self.read(number, &mut buffer)?,
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let token = Token(self.peers.len());
                    let peer = Peer::new(stream, self.poll.registry(), token)?;
                    self.peers.push(Some(peer));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads what a peer sent; a peer that fails is dropped.
    fn read(&mut self, number: usize, buffer: &mut [u8]) -> io::Result<()> {
        let Some(peer) = &mut self.peers[number] else {
            return Ok(());
        };
        match peer.read(buffer) {
            Ok(None) => {}
            Ok(Some(order)) => self.broadcast(&order, number)?,
            Err(_) => self.peers[number] = None,
        }
        Ok(())
    }

    fn broadcast(&mut self, order: &Order, asker: usize) -> io::Result<()> {
        let started = Instant::now();
        for seq in 0..order.count {
            let due = started + order.interval * seq as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.deliver(&order.frame(seq))?;
        }
        if let Some(peer) = &self.peers[asker]
            && peer.answer(order).is_err()
        {
            self.peers[asker] = None;
        }
        Ok(())
    }

    fn deliver(&mut self, frame: &[u8]) -> io::Result<()> {
        let shared: Rc<[u8]> = frame.into();
        for (number, slot) in self.peers.iter().enumerate() {
            if let Some(peer) = slot
                && peer.is_joined()
            {
                self.ring.push(number, peer.stream(), shared.clone());
            }
        }
        let peers = &mut self.peers;
        self.ring.complete(|number, sent| {
            if let Some(peer) = &peers[number]
                && peer.finish(frame, sent).is_err()
            {
                peers[number] = None;
            }
        })
    }
}
