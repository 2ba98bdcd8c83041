//! What talks to a bus or a server: `broadcast`, `listen`, `doctor`.

pub(crate) mod bus;
pub(crate) mod client;
pub(crate) mod packet;
pub(crate) mod subscribers;
