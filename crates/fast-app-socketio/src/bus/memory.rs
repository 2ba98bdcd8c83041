//! A bus inside of one process.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock, Weak},
};

use parking_lot::Mutex;

use super::{BoxFuture, Bus, BusError, BusStats, Envelope, Listener, OnOutage, Published};

/// Carries messages between the managers of one process: for a single worker, and for tests.
#[derive(Clone)]
pub struct MemoryBus(Arc<Hub>);

#[derive(Default)]
struct Hub {
    listeners: Mutex<Vec<Weak<dyn Listener>>>,
}

/// The hubs that have a name, as `memory://name` chooses them.
static HUBS: OnceLock<Mutex<HashMap<String, Weak<Hub>>>> = OnceLock::new();

impl MemoryBus {
    /// A bus that nobody else finds.
    pub fn private() -> Self {
        Self(Arc::default())
    }

    /// The bus of this name, the same for everybody in the process.
    pub fn shared(name: &str) -> Self {
        let mut hubs = HUBS.get_or_init(Mutex::default).lock();
        hubs.retain(|_, hub| hub.strong_count() > 0);
        if let Some(hub) = hubs.get(name).and_then(Weak::upgrade) {
            return Self(hub);
        }
        let bus = Self::private();
        hubs.insert(name.to_owned(), Arc::downgrade(&bus.0));
        bus
    }
}

impl Bus for MemoryBus {
    fn publish<'a>(
        &'a self,
        envelope: &'a Envelope,
        _on_outage: OnOutage,
    ) -> BoxFuture<'a, Result<Published, BusError>> {
        Box::pin(async move {
            let listeners: Vec<_> = {
                let mut listeners = self.0.listeners.lock();
                listeners.retain(|listener| listener.strong_count() > 0);
                listeners.iter().filter_map(Weak::upgrade).collect()
            };
            for listener in &listeners {
                listener.receive(envelope.clone()).await;
            }
            Ok(Published::Heard(Some(listeners.len())))
        })
    }

    fn listen(&self, listener: Weak<dyn Listener>) {
        self.0.listeners.lock().push(listener);
    }

    fn stats(&self) -> BusStats {
        BusStats {
            listening: true,
            ..BusStats::default()
        }
    }
}

impl fmt::Debug for MemoryBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryBus")
    }
}
