//! What an application gets, seen from its clients.
//!
//! | module | is about |
//! |---|---|
//! | `rooms`, `schedules` | joining and leaving |
//! | `access` | what is taken away |
//! | `broadcasting` | events and receipts |
//! | `namespaces` | sessions and handlers |
//! | `security` | checks by their number |
//! | `operations`, `metrics`, `logs` | what whoever operates a server sees |
//! | `lifecycle` | how a process ends |
//! | `files` | when there are too few |

#![allow(
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod access;
mod broadcasting;
mod files;
mod lifecycle;
mod logs;
mod metrics;
mod namespaces;
mod operations;
mod rooms;
mod schedules;
mod security;

use std::net::SocketAddr;

use fast_app::{SocketIo, SocketIoBuilder, operations::routes};
use tokio::net::TcpListener;

/// Serves on a free port for as long as the test runs.
async fn serve(builder: SocketIoBuilder) -> (SocketIo, SocketAddr) {
    let socketio = builder.build().unwrap();
    let app = axum::Router::new()
        .merge(routes(&socketio))
        .layer(socketio.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = socketio.clone();
    tokio::spawn(async move { fast_app::serve(listener, app, &server).await });
    (socketio, addr)
}
