//! Another program on the bus: python-socketio's Redis manager without a server.

use serde_json::{Value, json};

use crate::driver::Driver;
use crate::install;

/// python-socketio's `AsyncRedisManager(url, write_only=True)` in a process of its own.
#[derive(Debug)]
pub struct PythonManager {
    driver: Driver,
}

/// Whom an emit is for; everybody in `/` at first.
#[derive(Clone, Debug)]
pub struct To<'a> {
    /// A room, a list of rooms, or null for everybody.
    pub room: Value,
    /// The namespace.
    pub namespace: &'a str,
    /// A session id, a list of them, or null for none.
    pub skip_sid: Value,
}

impl Default for To<'_> {
    fn default() -> Self {
        Self {
            room: Value::Null,
            namespace: "/",
            skip_sid: Value::Null,
        }
    }
}

impl<'a> To<'a> {
    /// Everybody in one room of `/`.
    pub fn room(room: &str) -> To<'a> {
        To {
            room: json!(room),
            ..To::default()
        }
    }

    /// The keyword arguments of python-socketio's `emit`.
    pub(crate) fn kwargs(self, event: &str, data: Value) -> Value {
        json!({
            "event": event,
            "data": data,
            "room": self.room,
            "namespace": self.namespace,
            "skip_sid": self.skip_sid,
        })
    }
}

impl PythonManager {
    /// A manager on the default channel, `socketio`.
    pub fn start(url: &str) -> Self {
        Self::start_on(url, "socketio")
    }

    /// A manager on another channel.
    pub fn start_on(url: &str, channel: &str) -> Self {
        let driver = Driver::spawn(
            &install::python(),
            &install::py("manager.py"),
            &[url, channel],
        );
        Self { driver }
    }

    /// Emits an event and waits until it is published.
    ///
    /// `data` goes as it is: null, a dict, a list. `{"tuple":[…]}` becomes a Python tuple, which python-socketio sends as
    /// several arguments; `{"$bin":"<base64>"}` becomes `bytes`, and `{"$json":"<text>"}` what this text says.
    pub async fn emit(&self, event: &str, data: Value, to: To<'_>) {
        self.call("emit", to.kwargs(event, data)).await;
    }

    /// Awaits another method of the manager with these keyword arguments: `disconnect`, `enter_room`, `leave_room`,
    /// `close_room`.
    pub async fn call(&self, method: &str, kwargs: Value) {
        let fields = json!({ "method": method, "kwargs": kwargs });
        if let Err(error) = self.driver.request("call", fields).await {
            panic!(
                "the manager cannot {method}: {error}\n{}",
                self.driver.unread()
            );
        }
    }
}
