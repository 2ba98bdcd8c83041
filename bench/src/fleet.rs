//! All clients on one thread.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::client::{Client, Script};
use crate::control::{Control, Series};
use crate::message::unix_nanos;
use crate::order::Order;
use crate::process::Process;
use crate::report::Phase;
use crate::tally::Tally;
use crate::{Error, Result};

/// Clients on their way into the room at one time, fewer than a listener's backlog has room for.
const IN_FLIGHT: usize = 64;
/// The control connection's place among the clients' numbers.
const CONTROL: Token = Token(usize::MAX - 1);
const BUFFER: usize = 256 * 1024;
const TURN: Duration = Duration::from_millis(50);
/// How long messages that should not come are waited for.
const AFTERMATH: Duration = Duration::from_millis(200);

/// The clients, and what they have seen.
pub struct Fleet {
    address: SocketAddr,
    script: Script,
    patience: Duration,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    clients: Vec<Client>,
    control: Option<Control>,
    tally: Tally,
}

impl Fleet {
    /// No clients yet; nothing may take longer than `patience` without any progress.
    pub fn new(address: SocketAddr, script: Script, patience: Duration) -> Result<Self> {
        Ok(Self {
            address,
            script,
            patience,
            poll: Poll::new().map_err(Error::io("creating a poll"))?,
            events: Events::with_capacity(1024),
            buffer: vec![0; BUFFER],
            clients: Vec::new(),
            control: None,
            tally: Tally::default(),
        })
    }

    /// Brings clients into the room until there are `count`.
    pub fn grow(&mut self, count: usize) -> Result<()> {
        let mut progress = Progress::new();
        while self.tally.joined < count {
            while self.clients.len() < count && self.clients.len() - self.tally.joined < IN_FLIGHT {
                self.open_client()?;
            }
            self.turn(TURN)?;
            if progress.stalled(self.tally.joined as u64, self.patience) {
                return Err(Error::Stalled {
                    what: format!("client {} of {count} joins", self.tally.joined + 1),
                    seconds: self.patience.as_secs(),
                });
            }
        }
        Ok(())
    }

    /// Only answers pings for a while.
    pub fn rest(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left)?;
        }
    }

    /// Asks the server, observed as `server`, for a series and waits until every client has all of it.
    ///
    /// What does not come within the patience is in the phase's counts, not an error.
    pub fn broadcast(&mut self, series: &Series, server: Process) -> Result<Phase> {
        self.clients
            .iter_mut()
            .for_each(|client| client.order = Order::default());
        self.tally.expect(series.count, series.size);
        let (server_before, load_before) = (server.cpu()?, Process::this().cpu()?);
        let started = unix_nanos();
        self.open_control()?.post(series)?;
        self.wait_for_series(series.interval)?;
        self.rest(AFTERMATH)?;
        let cpu = server.cpu()?.saturating_sub(server_before);
        let load_cpu = Process::this().cpu()?.saturating_sub(load_before);
        Ok(self.phase(cpu, load_cpu, started))
    }

    fn wait_for_series(&mut self, interval: Duration) -> Result<()> {
        let mut progress = Progress::new();
        let mut answered = false;
        while !answered || self.tally.outstanding > 0 {
            self.turn(TURN)?;
            answered = answered || self.control_answered()?;
            if progress.stalled(self.tally.delivered, self.patience + interval) {
                break;
            }
        }
        Ok(())
    }

    fn phase(&self, cpu: Duration, load_cpu: Duration, started: u64) -> Phase {
        let expected = self.tally.expected();
        let orders = || self.clients.iter().map(|client| &client.order);
        let (spread, latency) = (self.tally.spread(), &self.tally.latency);
        let short = |order: &Order| order.skipped + expected.saturating_sub(order.next);
        Phase {
            broadcasts: expected,
            deliveries: self.tally.delivered,
            wall: self.tally.wall(started),
            cpu,
            load_cpu,
            spread: [0.5, 0.99].map(|quantile| spread.quantile(quantile)),
            latency: [0.5, 0.99].map(|quantile| latency.quantile(quantile)),
            missing: orders().map(short).sum(),
            repeated: orders().map(|order| order.repeated).sum(),
            misshapen: self.tally.misshapen,
            gone: self.tally.gone,
        }
    }

    fn open_client(&mut self) -> Result<()> {
        let number = self.clients.len();
        let mut client = Client::open(self.address, number, &self.script)?;
        self.poll
            .registry()
            .register(client.stream(), Token(number), Interest::READABLE)
            .map_err(Error::io("polling a client"))?;
        self.clients.push(client);
        Ok(())
    }

    fn open_control(&mut self) -> Result<&mut Control> {
        if self.control.is_none() {
            let mut control = Control::open(self.address)?;
            self.poll
                .registry()
                .register(control.stream(), CONTROL, Interest::READABLE)
                .map_err(Error::io("polling the control connection"))?;
            self.control = Some(control);
        }
        Ok(self.control.as_mut().expect("it was opened above"))
    }

    fn control_answered(&mut self) -> Result<bool> {
        self.control
            .as_mut()
            .map_or(Ok(false), Control::take_answer)
    }

    /// Waits for something to come, and reads it.
    fn turn(&mut self, limit: Duration) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result.map_err(Error::io("polling"))?,
        }
        for event in &self.events {
            match (event.token(), &mut self.control) {
                (CONTROL, Some(control)) => control.read()?,
                (Token(number), _) => {
                    self.clients[number].read(&mut self.buffer, &self.script, &mut self.tally)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a count still grows.
struct Progress {
    count: u64,
    since: Instant,
}

impl Progress {
    fn new() -> Self {
        Self {
            count: 0,
            since: Instant::now(),
        }
    }

    fn stalled(&mut self, count: u64, patience: Duration) -> bool {
        if count != self.count {
            *self = Self {
                count,
                since: Instant::now(),
            };
        }
        self.since.elapsed() > patience
    }
}
