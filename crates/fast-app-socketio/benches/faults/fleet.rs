//! Two workers with clients, and somebody else who emits numbers.

use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

use fast_app_socketio::{
    Manager, Namespace, SocketIo,
    bus::{OnOutage, RedisBus},
    serve,
};
use testkit::{RawSocket, RedisServer, Tally};
use tokio::{
    net::TcpListener,
    time::{Instant, interval, timeout},
};

use crate::{
    report::Report,
    stream::{Receipt, Stream, loss},
};

pub(crate) const CHANNEL: &str = "socketio";

/// How long it may take until clients hear something again.
pub(crate) const RECOVERY: Duration = Duration::from_secs(2);

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Fleet {
    pub(crate) workers: [SocketIo; 2],
    /// Of each worker.
    pub(crate) clients: [Vec<Tally>; 2],
    pub(crate) stream: Stream,
}

/// How many clients there are, and how often they are told something.
pub(crate) struct Load {
    pub(crate) clients: usize,
    pub(crate) per_second: u32,
    pub(crate) on_outage: OnOutage,
}

impl Load {
    /// Two clients.
    pub(crate) fn small() -> Self {
        Self {
            clients: 2,
            per_second: 100,
            on_outage: OnOutage::Raise,
        }
    }
}

impl Fleet {
    pub(crate) async fn start(workers_url: &str, emitter_url: &str, load: Load) -> Self {
        let (one, one_addr) = worker(workers_url).await;
        let (two, two_addr) = worker(workers_url).await;
        let mut clients = [Vec::new(), Vec::new()];
        for (clients, addr) in clients.iter_mut().zip([one_addr, two_addr]) {
            for _ in 0..load.clients / 2 {
                clients.push(Tally::start(RawSocket::socketio(addr, "").await));
            }
        }
        let emitter = Manager::new(Arc::new(RedisBus::new(emitter_url).unwrap()));
        let period = Duration::from_secs(1) / load.per_second;
        let fleet = Self {
            workers: [one, two],
            clients,
            stream: Stream::start(emitter, period, load.on_outage),
        };
        fleet.until_both_are_told().await;
        fleet
    }

    /// Makes a fault between two messages.
    pub(crate) async fn between_messages(&self, fault: impl AsyncFnOnce()) {
        let _held = self.stream.hold().await;
        let (last, _) = self.stream.last().unwrap();
        self.until_all_heard(last).await;
        fault().await;
    }

    /// Waits until every worker has noticed that it hears nothing; how long that took.
    pub(crate) async fn until_deaf(&self, since: Instant) -> Option<Duration> {
        let deaf = || {
            let mut workers = self.workers.iter();
            workers.all(|worker| worker.manager().stats().outages > 0)
        };
        until(deaf).await.then(|| since.elapsed())
    }

    /// How long after the cure the last client heard something.
    pub(crate) async fn heard_again(&self, cured: Instant) -> Option<Duration> {
        let mut slowest = Duration::ZERO;
        for client in self.all() {
            slowest = slowest.max(client.first_after(cured, PATIENCE).await?);
        }
        Some(slowest)
    }

    /// What must be so after every fault.
    pub(crate) async fn expect_recovery(
        &self,
        report: &mut Report,
        fault: &'static str,
        cured: Instant,
        redis: &RedisServer,
    ) {
        let what = "all clients hear something after the cure";
        report.within(fault, what, self.heard_again(cured).await, RECOVERY);
        self.expect_health(report, fault, redis).await;
    }

    /// Nobody is gone, nothing is twice or late, and Redis counts two subscribers.
    pub(crate) async fn expect_health(
        &self,
        report: &mut Report,
        fault: &'static str,
        redis: &RedisServer,
    ) {
        let listening = || {
            let mut workers = self.workers.iter();
            workers.all(|worker| worker.manager().is_listening())
        };
        report.exactly(fault, "both workers listen", until(listening).await, true);
        redis.until_subscribers(CHANNEL, 2).await;
        self.until_both_are_told().await;
        let gone = self.all().filter(|client| !client.is_connected()).count();
        report.exactly(fault, "clients that were disconnected", gone, 0);
        let subscribers = redis.subscribers(CHANNEL).await;
        report.exactly(fault, "PUBSUB NUMSUB in the end", subscribers, 2);
        let mut disorder = 0;
        for client in self.all() {
            disorder += loss(&[], [client]).disorder;
        }
        let what = "numbers heard twice or in another order, by any client";
        report.exactly(fault, what, disorder, 0);
    }

    /// Compares what callers were told with what was heard, after the last number was.
    pub(crate) async fn expect_truth(&self, report: &mut Report, fault: &'static str) {
        self.between_messages(async || {
            let receipts = self.stream.receipts();
            let failed = |receipt: &&Receipt| **receipt == Receipt::Failed;
            let failed = receipts.iter().filter(failed).count();
            report.note(fault, "numbers that were emitted", receipts.len());
            report.note(fault, "publishes that failed, told to the caller", failed);
            let counted = loss(&receipts, self.clients.iter().map(|clients| &clients[0]));
            let what = "numbers missed by workers, and those told to the caller";
            report.exactly(fault, what, counted.missed, counted.told);
            let differing = self.clients.iter().flat_map(|clients| {
                let first = clients[0].numbers();
                clients
                    .iter()
                    .filter(move |client| client.numbers() != first)
            });
            let what = "clients that heard something else than others of their worker";
            report.exactly(fault, what, differing.count(), 0);
        })
        .await;
    }

    /// Waits until a message has reached both workers.
    async fn until_both_are_told(&self) {
        let told = || matches!(self.stream.last(), Some((_, Receipt::Heard(2))));
        assert!(until(told).await, "a worker does not come back");
    }

    async fn until_all_heard(&self, number: u64) {
        for client in self.all() {
            if client.is_connected() {
                client.until(number).await;
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Tally> {
        self.clients.iter().flatten()
    }
}

/// Waits until something is so; whether it became so.
pub(crate) async fn until(condition: impl Fn() -> bool) -> bool {
    let mut poll = interval(Duration::from_millis(1));
    let held = async {
        while !condition() {
            poll.tick().await;
        }
    };
    timeout(PATIENCE, held).await.is_ok()
}

async fn worker(url: &str) -> (SocketIo, SocketAddr) {
    let manager = Manager::new(Arc::new(RedisBus::new(url).unwrap()));
    let builder = SocketIo::builder()
        .manager(manager.clone())
        .namespace(Namespace::new("/"));
    let socketio = builder.build().unwrap();
    let app = axum::Router::new().layer(socketio.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app, socketio.engine().clone(), pending()));
    assert!(until(|| manager.is_listening()).await, "redis is not heard");
    (socketio, addr)
}
