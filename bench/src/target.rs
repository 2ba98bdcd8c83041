//! What is measured: a server that runs already, one that is started here, or two workers on a Redis.

use std::net::SocketAddr;

use crate::process::{Process, Processes};
use crate::server::{Core, Server, free_address};
use crate::{Error, Result};

/// What is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub core: Core,
    /// How many there are, and what is between them.
    pub fleet: Workers,
}

/// How many workers serve the clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// One, which is also asked for broadcasts.
    One,
    /// Two on a Redis of their own; a third process of the same kind, without clients, is asked for broadcasts.
    TwoOnRedis,
}

/// What is measured; what was started here ends with this.
#[derive(Debug)]
pub struct Target {
    /// Where clients connect, in turns.
    pub addresses: Vec<SocketAddr>,
    /// Where broadcasts are asked for.
    pub control: SocketAddr,
    /// Whose CPU time and memory count.
    pub processes: Processes,
    _servers: Vec<Server>,
}

impl Target {
    /// A server that runs already.
    pub fn running(address: SocketAddr, pid: u32) -> Self {
        Self {
            addresses: vec![address],
            control: address,
            processes: Processes(vec![Process::new(pid)]),
            _servers: Vec::new(),
        }
    }

    /// Starts what is asked for and waits until it accepts connections.
    pub fn start(launch: &Launch) -> Result<Self> {
        match launch.fleet {
            Workers::One => {
                let address = free_address()?;
                let server = start(launch, address, launch.core, None)?;
                let mut target = Self::running(address, server.pid());
                target._servers.push(server);
                Ok(target)
            }
            Workers::TwoOnRedis => Self::start_two(launch),
        }
    }

    fn start_two(launch: &Launch) -> Result<Self> {
        let others = match launch.core {
            Core::Any => Core::Any,
            _ => Core::Load,
        };
        let (redis, url) = start_redis(others)?;
        let addresses = vec![free_address()?, free_address()?];
        let mut workers = Vec::new();
        for &address in &addresses {
            workers.push(start(launch, address, launch.core, Some(&url))?);
        }
        let processes = workers.iter().map(|worker| Process::new(worker.pid()));
        let processes = Processes(processes.collect());
        let control = free_address()?;
        let publisher = start(launch, control, others, Some(&url))?;
        workers.extend([publisher, redis]);
        Ok(Self {
            addresses,
            control,
            processes,
            _servers: workers,
        })
    }
}

fn start(launch: &Launch, address: SocketAddr, core: Core, redis: Option<&str>) -> Result<Server> {
    let mut variables = vec![("BIND", address.to_string())];
    variables.extend(redis.map(|url| ("REDIS_URL", url.to_owned())));
    Server::start(&launch.command, address, core, &variables)
}

/// Starts a Redis on a free port and says its URL.
///
/// # Errors
///
/// When there is no `redis-server`.
pub fn start_redis(core: Core) -> Result<(Server, String)> {
    let address = free_address()?;
    let port = address.port().to_string();
    let words = [
        "redis-server",
        "--save",
        "",
        "--bind",
        "127.0.0.1",
        "--port",
        &port,
    ];
    let command = words.map(str::to_owned);
    let redis = Server::start(&command, address, core, &[]).map_err(|error| {
        Error::Answer(format!("{}; two workers need redis-server", error.chain()))
    })?;
    Ok((redis, format!("redis://{address}/0")))
}
