//! A worker with another implementation: python-socketio's server.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::driver::Driver;
use crate::python_manager::To;
use crate::{TIMEOUT, install};

/// python-socketio's `AsyncServer` with its `AsyncRedisManager`, on uvicorn, in a process of its own.
///
/// It accepts everybody in every namespace, puts them into the room `both`, and acknowledges whatever asks for it. As
/// always with python-socketio it listens to Redis only after its first client has come.
#[derive(Debug)]
pub struct PythonServer {
    driver: Driver,
    addr: SocketAddr,
}

impl PythonServer {
    /// A server with the newest python-socketio on the default channel of this Redis.
    pub async fn start(url: &str) -> Self {
        Self::run(&install::python(), url).await
    }

    /// A server with python-socketio 5.14.
    pub async fn start_old(url: &str) -> Self {
        Self::run(&install::old_python(), url).await
    }

    async fn run(python: &Path, url: &str) -> Self {
        let driver = Driver::spawn(python, &install::py("server.py"), &[url]);
        // A loaded machine starts a process slowly.
        let listening = driver.report(4 * TIMEOUT, |report| report["report"] == "listening");
        let port = listening.await.and_then(|report| report["port"].as_u64());
        let port = port.and_then(|port| u16::try_from(port).ok());
        let Some(port) = port else {
            panic!("the server does not start\n{}", driver.unread());
        };
        Self {
            driver,
            addr: SocketAddr::from(([127, 0, 0, 1], port)),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Emits an event as [`PythonManager::emit`](crate::PythonManager::emit) does, to its own clients too.
    pub async fn emit(&self, event: &str, data: Value, to: To<'_>) {
        self.call("emit", to.kwargs(event, data)).await;
    }

    /// Emits an event with a callback. What clients answer is read by [`answer`](Self::answer) with the same name.
    pub async fn emit_with_callback(&self, event: &str, data: Value, to: To<'_>, name: &str) {
        let kwargs = to.kwargs(event, data);
        let fields = json!({ "method": "emit", "kwargs": kwargs, "callback": name });
        self.request(fields).await;
    }

    /// Waits [`TIMEOUT`] for the callback of this name to be called, and gives its arguments.
    pub async fn answer(&self, name: &str) -> Vec<Value> {
        let mut report = self
            .report("callback", |report| report["name"] == name)
            .await;
        match report["args"].take() {
            Value::Array(args) => args,
            other => panic!("the driver sent {other} where arguments belong"),
        }
    }

    /// How often the callback of this name was called since it was last asked for.
    pub fn more_answers(&self, name: &str) -> usize {
        let reports = self
            .driver
            .reports(|report| report["report"] == "callback" && report["name"] == name);
        reports.len()
    }

    /// Awaits another method of the server with these keyword arguments: `disconnect`, `enter_room`, `leave_room`,
    /// `close_room`.
    pub async fn call(&self, method: &str, kwargs: Value) {
        self.request(json!({ "method": method, "kwargs": kwargs }))
            .await;
    }

    /// Waits [`TIMEOUT`] until this socket has connected and is in its room.
    pub async fn connected(&self, sid: &str) {
        self.report("connect", |report| report["sid"] == sid).await;
    }

    /// Waits [`TIMEOUT`] until this socket has disconnected, and gives the reason.
    pub async fn disconnected(&self, sid: &str) -> String {
        let report = self
            .report("disconnect", |report| report["sid"] == sid)
            .await;
        report["reason"].as_str().unwrap_or_default().to_owned()
    }

    async fn request(&self, fields: Value) {
        if let Err(error) = self.driver.request("call", fields.clone()).await {
            panic!(
                "the server cannot {fields}: {error}\n{}",
                self.driver.unread()
            );
        }
    }

    async fn report(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let found = self
            .driver
            .report(TIMEOUT, |report| report["report"] == kind && fits(report))
            .await;
        found.unwrap_or_else(|| panic!("no {kind} as expected\n{}", self.driver.unread()))
    }
}
