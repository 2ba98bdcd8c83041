//! The besieged server, in a process of its own, and what is seen of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::counts::Counts;
use super::peer::Http;
use crate::process::Process;
use crate::series::Series;
use crate::server::{Core, Server, free_address};
use crate::{Error, Result};

/// How often the server is asked how it is.
const PACE: Duration = Duration::from_millis(20);

/// A besieged server on core 0; it ends with this.
#[derive(Debug)]
pub struct Ground {
    /// Where it listens.
    pub address: SocketAddr,
    /// What ends it.
    pub server: Server,
}

impl Ground {
    /// Starts a server with these settings, which are at the top of `bin/besieged.rs`.
    pub fn start(settings: &[(&str, String)]) -> Result<Self> {
        let address = free_address()?;
        let siege = std::env::current_exe().map_err(Error::io("finding the programs"))?;
        let command = [siege.with_file_name("besieged").display().to_string()];
        let mut variables = vec![("BIND", address.to_string())];
        variables.extend_from_slice(settings);
        let server = Server::start(&command, address, Core::Server, &variables)?;
        Ok(Self { address, server })
    }

    /// Its resident memory in bytes.
    pub fn resident(&self) -> Result<f64> {
        let resident = Process::new(self.server.pid()).resident();
        resident.map(|bytes| bytes as f64)
    }

    /// The greatest resident memory from now on.
    pub fn peak(&self) -> Peak {
        let (most, over) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let process = Process::new(self.server.pid());
        let (highest, ended) = (most.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            while !ended.load(Relaxed) {
                highest.fetch_max(process.resident()?, Relaxed);
                std::thread::sleep(PACE);
            }
            Ok(())
        });
        Peak { most, over, thread }
    }

    /// How many of everything there are.
    pub async fn counts(&self) -> Result<Counts> {
        self.json("/counts").await
    }

    /// What `/metrics` says of this name, over all labels.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let body = Http::open(self.address, 0).await?.get("/metrics").await?;
        let text = String::from_utf8_lossy(&body);
        let values = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let value = rest
                .starts_with(['{', ' '])
                .then(|| rest.rsplit(' ').next())?;
            value?.parse::<f64>().ok()
        });
        // Of none the sum would be 0.
        let sum = values.reduce(|sum, value| sum + value);
        sum.ok_or_else(|| Error::Answer(format!("no {name} in {text}")))
    }

    /// What the server answers to a GET.
    pub async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T> {
        let body = Http::open(self.address, 0).await?.get(path).await?;
        serde_json::from_slice(&body)
            .map_err(|_| Error::Answer(String::from_utf8_lossy(&body).into_owned()))
    }

    /// How long it takes from `start` until the counts are so; `None` when it takes longer than `limit`.
    pub async fn until(
        &self,
        start: Instant,
        limit: Duration,
        mut so: impl FnMut(&Counts) -> bool,
    ) -> Result<Option<Duration>> {
        loop {
            if so(&self.counts().await?) {
                return Ok(Some(start.elapsed()));
            }
            if start.elapsed() > limit {
                return Ok(None);
            }
            sleep(PACE).await;
        }
    }

    /// Lets the server make a series of broadcasts and waits until the last was made.
    pub async fn broadcast(&self, series: &Series) -> Result<()> {
        let mut http = Http::open(self.address, 0).await?;
        let body = series.body().to_string();
        http.post("/broadcast", "application/json", &body).await?;
        Ok(())
    }
}

/// A thread that looks at a server's memory.
#[derive(Debug)]
pub struct Peak {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Peak {
    /// The most that was seen, in bytes.
    pub fn end(self) -> Result<f64> {
        self.over.store(true, Relaxed);
        match self.thread.join() {
            Ok(result) => result.map(|()| self.most.load(Relaxed) as f64),
            Err(_) => Err(Error::Answer("the thread that measures panicked".into())),
        }
    }
}
