//! An Engine.IO v4 server: bytes and sessions, nothing of Socket.IO.
//!
//! | module | holds |
//! |---|---|
//! | [`service`](EngineIoService) | the tower service and layer: which request goes where |
//! | `engine` | all sessions of a server, and the one way to open one |
//! | `session` | one client: its state, its transport, the one way to close it |
//! | `transport` | polling and WebSocket: the only code that touches sockets |
//! | `frame`, `outbox`, `flusher` | the send path: one shared frame, bounded queues, one write per socket and flush |
//! | `wheel` | one timer for every heartbeat and deadline |
//! | `meter` | what is counted and measured |
//! | [`mod@serve`] | an HTTP server with the settings that a bare one leaves out |
//!
//! An application implements [`Handler`] (who may open a session) and [`Connection`] (what happens to its messages).

mod body;
mod config;
mod engine;
mod error;
mod fanout;
mod flusher;
mod frame;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzz;
mod handler;
mod meter;
mod origin;
mod outbox;
mod packet;
pub mod serve;
mod service;
mod session;
mod sid;
mod transport;
mod wheel;

pub use body::ResponseBody;
pub use config::{Config, HttpConfig};
pub use engine::Engine;
pub use error::RequestError;
pub use fanout::Fanout;
pub use frame::Frame;
pub use handler::{CloseReason, Connection, Handler, Message, Unfinished};
pub use origin::Origins;
pub use serve::serve;
pub use service::{EngineIoLayer, EngineIoService};
pub use session::Session;
pub use sid::Sid;
pub use transport::websocket_echo;
