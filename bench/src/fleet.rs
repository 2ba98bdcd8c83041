//! All clients on one thread.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::client::{Client, Script};
use crate::control::Control;
use crate::message::unix_nanos;
use crate::order::Order;
use crate::process::{Process, Processes};
use crate::report::Phase;
use crate::series::{self, Series};
use crate::tally::Tally;
use crate::target::Target;
use crate::{Error, Result};

/// Clients on their way into the room at one time, fewer than a listener's backlog has room for.
const IN_FLIGHT: usize = 64;
/// The control connection's place among the clients' numbers.
const CONTROL: Token = Token(usize::MAX - 1);
const BUFFER: usize = 256 * 1024;
const TURN: Duration = Duration::from_millis(50);
/// How long messages that should not come are waited for.
const AFTERMATH: Duration = Duration::from_millis(200);
/// How often lazy clients look.
const NAP: Duration = Duration::from_millis(25);

/// When clients read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As soon as something has come.
    Eager,
    /// All together now and then, so that the server has both cores.
    Lazy,
}

/// The clients, and what they have seen.
pub struct Fleet {
    addresses: Vec<SocketAddr>,
    control_address: SocketAddr,
    processes: Processes,
    script: Script,
    /// How many rooms the clients share besides the first.
    rooms: Option<u64>,
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
    pub fn new(target: &Target, script: Script, patience: Duration) -> Result<Self> {
        Ok(Self {
            addresses: target.addresses.clone(),
            control_address: target.control,
            processes: target.processes.clone(),
            script,
            rooms: None,
            patience,
            poll: Poll::new().map_err(Error::io("creating a poll"))?,
            events: Events::with_capacity(1024),
            buffer: vec![0; BUFFER],
            clients: Vec::new(),
            control: None,
            tally: Tally::default(),
        })
    }

    /// Brings clients into the first room until there are `count`.
    pub fn grow(&mut self, count: usize) -> Result<()> {
        let joined = self.tally.joined;
        let more = count.saturating_sub(self.clients.len());
        for opened in 1..=more {
            self.open_client()?;
            self.wait_for_joins(joined + opened.saturating_sub(IN_FLIGHT))?;
        }
        self.wait_for_joins(joined + more)
    }

    /// Brings each client into one of so many rooms besides.
    pub fn share(&mut self, rooms: u64) -> Result<()> {
        if self.rooms == Some(rooms) {
            return Ok(());
        }
        let joined = self.tally.joined;
        for number in 0..self.clients.len() {
            self.clients[number].join(number as u64 % rooms, &self.script)?;
            self.wait_for_joins(joined + (number + 1).saturating_sub(IN_FLIGHT))?;
        }
        self.wait_for_joins(joined + self.clients.len())?;
        self.rooms = Some(rooms);
        Ok(())
    }

    fn wait_for_joins(&mut self, joined: usize) -> Result<()> {
        let mut progress = Progress::new();
        while self.tally.joined < joined {
            self.turn(TURN)?;
            if progress.stalled(self.tally.joined as u64, self.patience) {
                return Err(Error::Stalled {
                    what: "a client connects and joins".into(),
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

    /// Asks the server for a series and waits until every client has all of it.
    ///
    /// What does not come within the patience is in the phase's counts, not an error.
    pub fn broadcast(&mut self, series: &Series, reading: Reading) -> Result<Phase> {
        if let series::Target::Rooms(rooms) = series.target {
            self.share(rooms)?;
        }
        let rooms = self.rooms.unwrap_or(1);
        let per_room: Vec<u64> = (0..rooms).map(|room| series.broadcasts_to(room)).collect();
        let mut outstanding = 0;
        for client in &mut self.clients {
            let room = client.order.room;
            client.order = Order::expect(room, per_room[room as usize]);
            outstanding += usize::from(client.order.expected > 0);
        }
        self.tally.expect(series, outstanding);
        let meter = Meter::start(&self.processes)?;
        self.open_control()?.post(series)?;
        self.wait_for_series(series.interval, reading)?;
        self.rest(AFTERMATH)?;
        meter.stop(self, series.count)
    }

    /// Lets some clients ask and wait for the answer, each one question at a time, `count` questions in all.
    pub fn echo(&mut self, clients: usize, count: u64) -> Result<Phase> {
        for client in &mut self.clients {
            client.order = Order::default();
        }
        let asking = clients.min(self.clients.len()).min(count as usize);
        self.tally.expect_echoes(count - asking as u64);
        let meter = Meter::start(&self.processes)?;
        for client in &mut self.clients[..asking] {
            client.echo()?;
        }
        let mut progress = Progress::new();
        while self.tally.delivered < count && !progress.stalled(self.tally.delivered, self.patience)
        {
            self.turn(TURN)?;
        }
        self.rest(AFTERMATH)?;
        let mut phase = meter.stop(self, count)?;
        phase.missing = count.saturating_sub(phase.deliveries);
        Ok(phase)
    }

    fn wait_for_series(&mut self, interval: Duration, reading: Reading) -> Result<()> {
        let mut progress = Progress::new();
        let mut answered = false;
        while !answered || self.tally.outstanding > 0 {
            match reading {
                Reading::Eager => self.turn(TURN)?,
                Reading::Lazy => {
                    thread::sleep(NAP);
                    self.sweep()?;
                }
            }
            answered = answered || self.control_answered()?;
            if progress.stalled(self.tally.delivered, self.patience + interval) {
                break;
            }
        }
        Ok(())
    }

    /// Reads whatever is there, on all connections.
    fn sweep(&mut self) -> Result<()> {
        if let Some(control) = &mut self.control {
            control.read()?;
        }
        for client in &mut self.clients {
            client.read(&mut self.buffer, &self.script, &mut self.tally)?;
        }
        Ok(())
    }

    fn open_client(&mut self) -> Result<()> {
        let number = self.clients.len();
        let address = self.addresses[number % self.addresses.len()];
        let mut client = Client::open(address, number, &self.script)?;
        self.poll
            .registry()
            .register(client.stream(), Token(number), Interest::READABLE)
            .map_err(Error::io("polling a client"))?;
        self.clients.push(client);
        Ok(())
    }

    fn open_control(&mut self) -> Result<&mut Control> {
        if self.control.is_none() {
            let mut control = Control::open(self.control_address)?;
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

/// What was used before a phase.
struct Meter {
    server: Duration,
    load: Duration,
    started: u64,
}

impl Meter {
    fn start(processes: &Processes) -> Result<Self> {
        Ok(Self {
            server: processes.cpu()?,
            load: Process::this().cpu()?,
            started: unix_nanos(),
        })
    }

    fn stop(self, fleet: &Fleet, broadcasts: u64) -> Result<Phase> {
        let tally = &fleet.tally;
        let orders = || fleet.clients.iter().map(|client| &client.order);
        let spread = tally.spread();
        Ok(Phase {
            broadcasts,
            deliveries: tally.delivered,
            wall: tally.wall(self.started),
            cpu: fleet.processes.cpu()?.saturating_sub(self.server),
            load_cpu: Process::this().cpu()?.saturating_sub(self.load),
            spread: [0.5, 0.99].map(|quantile| spread.quantile(quantile)),
            latency: [0.5, 0.99].map(|quantile| tally.latency.quantile(quantile)),
            missing: orders().map(Order::missing).sum(),
            repeated: orders().map(|order| order.repeated + order.strays).sum(),
            misshapen: tally.misshapen,
            gone: tally.gone,
        })
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
