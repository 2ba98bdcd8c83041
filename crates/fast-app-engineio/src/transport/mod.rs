//! How bytes reach a client: the only code that touches sockets.

mod decoder;
pub(crate) mod polling;
mod socket;
pub(crate) mod websocket;

pub(crate) use socket::Socket;
