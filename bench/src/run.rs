//! One run: clients come to a server, rest, and go through phases.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;
use crate::client::Script;
use crate::fleet::{Fleet, Reading};
use crate::link::Transport;
use crate::process::Processes;
use crate::report::{Connect, Memory, Report};
use crate::series::{self, Series};
use crate::target::Target;

/// Broadcasts before the first that is measured.
const WARM_UP: u64 = 5;

/// What is done in a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many clients there are.
    pub clients: usize,
    /// How their packets travel.
    pub transport: Transport,
    /// What they connect with.
    pub auth: Value,
    /// The event by which they join.
    pub join: String,
    /// What they join with at first.
    pub join_data: Value,
    /// The room that this brings them into.
    pub room: String,
    /// The rest before memory is read.
    pub settle: Duration,
    /// How long to wait without any progress.
    pub patience: Duration,
    /// What is measured, by name.
    pub phases: Vec<(String, Work)>,
}

/// What is measured.
#[derive(Debug, Clone)]
pub enum Work {
    /// Broadcasts.
    Broadcast(Series, Reading),
    /// Events with an ack.
    Echo {
        /// How many clients ask, each one question at a time.
        clients: usize,
        /// How many questions they ask together.
        count: u64,
    },
}

impl Plan {
    /// Does all of it.
    pub fn run(&self, subject: String, target: &Target) -> Result<Report> {
        let script = Script::new(self.transport, &self.auth, &self.join, &self.join_data);
        let mut fleet = Fleet::new(target, script, self.patience)?;
        let server = &target.processes;
        // The first client of each worker pays for what is set up once.
        fleet.grow(target.addresses.len())?;
        fleet.rest(Duration::from_millis(200))?;
        let before = server.resident()?;
        let connect = self.connect(&mut fleet, target.addresses.len(), server)?;
        fleet.rest(self.settle)?;
        let idle = server.resident()?;
        fleet.broadcast(&self.warm_up(), Reading::Eager)?;
        let mut phases = Vec::new();
        for (name, work) in &self.phases {
            let phase = match work {
                Work::Broadcast(series, reading) => fleet.broadcast(series, *reading)?,
                Work::Echo { clients, count } => fleet.echo(*clients, *count)?,
            };
            phases.push((name.clone(), phase));
        }
        fleet.rest(self.settle)?;
        let after = server.resident()?;
        Ok(Report {
            subject,
            clients: self.clients,
            size: self.warm_up().size,
            connect,
            memory: Memory {
                before,
                idle,
                after,
            },
            phases,
        })
    }

    fn connect(&self, fleet: &mut Fleet, there: usize, server: &Processes) -> Result<Connect> {
        let (cpu, started) = (server.cpu()?, Instant::now());
        fleet.grow(self.clients)?;
        let wall = started.elapsed();
        fleet.rest(Duration::from_millis(200))?;
        Ok(Connect {
            clients: self.clients.saturating_sub(there),
            cpu: server.cpu()?.saturating_sub(cpu),
            wall,
        })
    }

    fn warm_up(&self) -> Series {
        let size = self.phases.iter().find_map(|(_, work)| match work {
            Work::Broadcast(series, _) => Some(series.size),
            Work::Echo { .. } => None,
        });
        Series {
            target: series::Target::Room(self.room.clone()),
            count: WARM_UP,
            size: size.unwrap_or(128),
            interval: Duration::ZERO,
        }
    }
}
