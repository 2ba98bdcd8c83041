//! What an application declares for a namespace.

use std::collections::{HashMap, HashSet};

use crate::{
    error::SocketIoError,
    handler::{
        ConnectFn, ConnectHandler, DisconnectFn, DisconnectHandler, EventFn, EventHandler,
        erase_connect, erase_disconnect, erase_event,
    },
    name::{MAX_NAMESPACE, is_reserved_event},
};

/// A namespace: its path and its handlers. `#[namespace]` of `fast-app` writes this from an `impl` block.
///
/// ```
/// # use fast_app_socketio::{Auth, ConnectionRefused, Data, Namespace, Socket};
/// let namespace = Namespace::new("/")
///     .on_connect(async |_: Socket, auth: Auth| match auth.value()["token"].as_str() {
///         Some("secret") => Ok(()),
///         _ => Err(ConnectionRefused::new("Invalid access token")),
///     })
///     .on("double", async |_: Socket, number: Data<i64>| number.0 * 2);
/// ```
///
/// A client reaches the handlers in this table and nothing else.
pub struct Namespace {
    pub(crate) path: String,
    pub(crate) connect: Option<ConnectFn>,
    pub(crate) disconnect: Option<DisconnectFn>,
    pub(crate) events: HashMap<String, EventFn>,
    pub(crate) any: Option<EventFn>,
    /// Events that do not wait for each other.
    pub(crate) concurrent: HashSet<String>,
    /// The first thing that is wrong with it.
    problem: Option<SocketIoError>,
}

impl Namespace {
    /// A namespace without handlers: every client may connect.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            connect: None,
            disconnect: None,
            events: HashMap::new(),
            any: None,
            concurrent: HashSet::new(),
            problem: None,
        }
    }

    /// Its path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Decides who may connect. Until it returns the socket receives nothing, and what it emits is sent after the
    /// confirmation.
    pub fn on_connect<A>(mut self, handler: impl ConnectHandler<A>) -> Self {
        self.connect = Some(erase_connect(handler));
        self
    }

    /// Is called once for every socket that was connected, after the last of its events.
    pub fn on_disconnect<A>(mut self, handler: impl DisconnectHandler<A>) -> Self {
        self.disconnect = Some(erase_disconnect(handler));
        self
    }

    /// Handles an event of clients. One socket's events are handled in order, one at a time.
    pub fn on<A>(mut self, event: impl Into<String>, handler: impl EventHandler<A>) -> Self {
        let event = event.into();
        if is_reserved_event(&event) {
            return self.reject(SocketIoError::ReservedEvent(event));
        }
        match self.events.insert(event.clone(), erase_event(handler)) {
            None => self,
            Some(_) => {
                let namespace = self.path.clone();
                self.reject(SocketIoError::DuplicateEvent { namespace, event })
            }
        }
    }

    /// Handles an event of clients at once, while others of the same socket are still being handled: for slow events
    /// that nothing behind them depends on. How many there may be at a time is limited like the backlog.
    pub fn on_concurrent<A>(
        mut self,
        event: impl Into<String>,
        handler: impl EventHandler<A>,
    ) -> Self {
        let event = event.into();
        self.concurrent.insert(event.clone());
        self.on(event, handler)
    }

    /// Lets the server refuse to be built with this namespace: for libraries whose own declarations can be wrong.
    pub fn reject(mut self, problem: SocketIoError) -> Self {
        self.problem.get_or_insert(problem);
        self
    }

    /// Handles every event that has no handler of its own.
    pub fn on_any<A>(mut self, handler: impl EventHandler<A>) -> Self {
        self.any = Some(erase_event(handler));
        self
    }

    pub(crate) fn check(&mut self) -> Result<(), SocketIoError> {
        if let Some(problem) = self.problem.take() {
            return Err(problem);
        }
        let path = &self.path;
        if !path.starts_with('/') || path.len() > MAX_NAMESPACE || path.contains([',', '?']) {
            return Err(SocketIoError::Namespace(path.clone()));
        }
        Ok(())
    }
}
