//! How bytes reach a client: the only code that touches sockets.

mod cork;
pub(crate) mod decoder;
mod echo;
pub(crate) mod handshake;
pub(crate) mod polling;
mod rest;
mod socket;
pub(crate) mod websocket;

pub(crate) use cork::{Cork, Corked};
pub use echo::websocket_echo;
pub(crate) use rest::{Answer, Rest};
pub(crate) use socket::Socket;
