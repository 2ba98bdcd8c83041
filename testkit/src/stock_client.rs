//! The Socket.IO clients that applications use, unchanged, in a process of their own.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::driver::Driver;
use crate::{TIMEOUT, install};

/// A stock Socket.IO client, `socket.io-client` or python-socketio's `AsyncClient`.
///
/// Both are driven in the same way, so that one test serves both. Methods speak for the namespace connected last with
/// this handle; [`of`](Self::of) makes a handle for another namespace of the same connection. Binary arguments are
/// [`StockClient::binary`] values in both directions.
///
/// ```no_run
/// # async fn example(url: &str) {
/// use serde_json::json;
/// use testkit::{ConnectOptions, StockClient};
///
/// for client in [StockClient::node(), StockClient::python()] {
///     let options = ConnectOptions { auth: json!({"token": "alice"}), ..Default::default() };
///     client.connect(url, options).await.unwrap();
///     client.emit("join_chat", vec![json!({"chat_id": "1"})]).await;
///     assert!(client.expect("joined").await.is_empty());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct StockClient {
    driver: Arc<Driver>,
    namespace: Mutex<String>,
}

/// How a [`StockClient`] connects.
#[derive(Clone, Debug)]
pub struct ConnectOptions<'a> {
    /// The namespace, `/` at first.
    pub namespace: &'a str,
    /// The auth payload, null for none.
    pub auth: Value,
    /// The transports in the order in which the client tries them, at first `["websocket"]`.
    ///
    /// `["polling", "websocket"]` starts with polling and upgrades.
    pub transports: &'a [&'a str],
    /// Whether the client connects again by itself after a loss, at first not.
    pub reconnection: bool,
}

impl Default for ConnectOptions<'_> {
    fn default() -> Self {
        Self {
            namespace: "/",
            auth: Value::Null,
            transports: &["websocket"],
            reconnection: false,
        }
    }
}

/// An event that a client received.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientEvent {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Value>,
}

impl StockClient {
    /// `socket.io-client` on Node.
    pub fn node() -> Self {
        Self::new(Driver::spawn(
            "node".as_ref(),
            &install::js().join("client.mjs"),
            &[],
        ))
    }

    /// python-socketio's `AsyncClient`.
    pub fn python() -> Self {
        Self::new(Driver::spawn(
            &install::python(),
            &install::py("client.py"),
            &[],
        ))
    }

    /// A binary argument.
    pub fn binary(bytes: impl AsRef<[u8]>) -> Value {
        json!({ "$bin": STANDARD.encode(bytes) })
    }

    /// Another namespace of the same connection; connect it next.
    pub fn of(&self, namespace: &str) -> Self {
        Self {
            driver: Arc::clone(&self.driver),
            namespace: Mutex::new(namespace.to_owned()),
        }
    }

    /// Connects to a namespace, and to the server first unless this process is connected already.
    ///
    /// # Errors
    ///
    /// The payload of `connect_error` as `{"message":…,"data":…}`, without `data` when the server sent none. For a
    /// failure below Socket.IO the message is the client's own.
    pub async fn connect(&self, url: &str, options: ConnectOptions<'_>) -> Result<(), Value> {
        *self
            .namespace
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = options.namespace.to_owned();
        let fields = json!({
            "url": url,
            "auth": options.auth,
            "transports": options.transports,
            "reconnection": options.reconnection,
        });
        self.request("connect", fields).await.map(drop)
    }

    /// Sends an event.
    pub async fn emit(&self, event: &str, args: Vec<Value>) {
        self.must("emit", json!({ "event": event, "args": args }))
            .await;
    }

    /// Sends an event and waits [`TIMEOUT`] for its ack; panics when there is none.
    pub async fn call(&self, event: &str, args: Vec<Value>) -> Vec<Value> {
        match self.try_call(event, args).await {
            Ok(args) => args,
            Err(error) => panic!("no ack for {event}: {error}\n{}", self.driver.unread()),
        }
    }

    /// Like [`call`](Self::call), for an event that may never be acknowledged.
    ///
    /// # Errors
    ///
    /// The client's own words after [`TIMEOUT`].
    pub async fn try_call(&self, event: &str, args: Vec<Value>) -> Result<Vec<Value>, Value> {
        let fields = json!({ "event": event, "args": args, "timeout": TIMEOUT.as_millis() as u64 });
        self.request("call", fields).await.map(into_args)
    }

    /// Takes the first unread event of this name and gives its arguments, waiting [`TIMEOUT`] for it.
    ///
    /// Panics with what was received instead.
    pub async fn expect(&self, event: &str) -> Vec<Value> {
        let namespace = self.namespace();
        let found = self
            .driver
            .report(TIMEOUT, |report| {
                is(report, "event", &namespace) && report["event"] == event
            })
            .await;
        match found {
            Some(mut report) => into_args(report["args"].take()),
            None => panic!(
                "no event {event:?} in {namespace}\n{}",
                self.driver.unread()
            ),
        }
    }

    /// Takes all unread events, in the order of their arrival.
    pub fn log(&self) -> Vec<ClientEvent> {
        let namespace = self.namespace();
        let reports = self
            .driver
            .reports(|report| is(report, "event", &namespace));
        reports
            .into_iter()
            .map(|mut report| ClientEvent {
                name: text(report["event"].take()),
                args: into_args(report["args"].take()),
            })
            .collect()
    }

    /// What this client acks to a server's event from now on: one argument.
    pub async fn answer(&self, event: &str, ack: Value) {
        self.must("answer", json!({ "event": event, "ack": ack }))
            .await;
    }

    /// Leaves the namespace; the connection closes with its last namespace.
    pub async fn disconnect(&self) {
        self.must("disconnect", json!({})).await;
    }

    /// Waits [`TIMEOUT`] for the loss of the namespace and gives the reason in the client's own words.
    pub async fn disconnected(&self) -> String {
        let mut report = self.lifecycle("disconnect").await;
        text(report["reason"].take())
    }

    /// Waits [`TIMEOUT`] for the client to have connected again by itself.
    pub async fn reconnected(&self) {
        self.lifecycle("reconnect").await;
    }

    /// The session id in this namespace.
    pub async fn sid(&self) -> String {
        text(self.must("sid", json!({})).await)
    }

    /// The transport in use now, `polling` or `websocket`.
    pub async fn transport(&self) -> String {
        text(self.must("transport", json!({})).await)
    }

    /// Waits [`TIMEOUT`] until the client uses this transport, for a client that upgrades.
    pub async fn transport_becomes(&self, name: &str) {
        let found = self
            .driver
            .report(TIMEOUT, |report| {
                report["report"] == "transport" && report["name"] == name
            })
            .await;
        assert!(
            found.is_some(),
            "the client never used {name}\n{}",
            self.driver.unread()
        );
    }

    fn new(driver: Driver) -> Self {
        Self {
            driver: Arc::new(driver),
            namespace: Mutex::new("/".to_owned()),
        }
    }

    fn namespace(&self) -> String {
        self.namespace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn request(&self, op: &str, mut fields: Value) -> Result<Value, Value> {
        fields["namespace"] = json!(self.namespace());
        self.driver.request(op, fields).await
    }

    async fn must(&self, op: &str, fields: Value) -> Value {
        match self.request(op, fields).await {
            Ok(value) => value,
            Err(error) => panic!("the client cannot {op}: {error}\n{}", self.driver.unread()),
        }
    }

    async fn lifecycle(&self, kind: &str) -> Value {
        let namespace = self.namespace();
        match self
            .driver
            .report(TIMEOUT, |report| is(report, kind, &namespace))
            .await
        {
            Some(report) => report,
            None => panic!("no {kind} of {namespace}\n{}", self.driver.unread()),
        }
    }
}

fn is(report: &Value, kind: &str, namespace: &str) -> bool {
    report["report"] == kind && report["namespace"] == namespace
}

fn into_args(value: Value) -> Vec<Value> {
    match value {
        Value::Array(args) => args,
        other => panic!("a driver sent {other} where arguments belong"),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => panic!("a driver sent {other} where a text belongs"),
    }
}
