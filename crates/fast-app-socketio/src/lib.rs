//! A Socket.IO v5 server: packets, namespaces, rooms, and a bus to the other workers.
//!
//! | module | holds |
//! |---|---|
//! | `packet`, `payload`, `json` | the bytes of a packet, pure |
//! | `rooms` | who is in which room, pure |
//! | `namespace`, `handler`, `extract` | what an application declares |
//! | `client`, `socket`, `session` | one connection, its sockets, its values |
//! | `server`, `ending` | [`SocketIo`]: all of it together, as a tower layer; and how it ends |
//! | `emit`, `manager`, `answers` | one event to many sockets, here and on every other worker |
//! | `revocation` | access that is taken away, here and on every other worker |
//! | `meter` | what is counted and measured |
//! | [`bus`] | how workers talk: in memory, or Redis as python-socketio does |

pub mod bus;

mod answers;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod bench;
mod binary;
mod client;
#[cfg(test)]
#[cfg(feature = "redis")]
mod documented_limits;
mod emit;
mod ending;
mod error;
mod extract;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzz;
mod handler;
mod json;
mod manager;
mod meter;
mod name;
mod namespace;
mod packet;
#[cfg(test)]
mod parser_comparison;
mod payload;
mod reason;
mod revocation;
mod rooms;
mod server;
mod session;
mod socket;
mod values;

pub use answers::Collecting;
pub use binary::Binary;
pub use emit::{Answers, Delivery, Emit, Recipients};
pub use error::{
    AnotherUser, ConnectionRefused, EmitError, HandlerError, SocketError, SocketIoError,
};
pub use extract::{Args, Auth, Data, EventName, FromArgs};
pub use fast_app_engineio::{Config, HttpConfig, Origins, Sid, serve, websocket_echo};
pub use handler::{
    Ack, ConnectHandler, DisconnectHandler, EventHandler, IntoAck, IntoConnect, Reply,
};
pub use json::to_json;
pub use manager::{Manager, deadline};
pub use name::{InvalidRoomName, RESERVED_EVENTS, RoomName, is_reserved_event};
pub use namespace::Namespace;
pub use payload::{Payload, PayloadError};
pub use reason::DisconnectReason;
pub use revocation::{Revocation, RevokeError, Revoked, Who};
pub use server::{SocketIo, SocketIoBuilder};
pub use session::Session;
pub use socket::{Broadcast, Entry, Socket};
