//! The HTTP application, with the Socket.IO server in front of it.

use std::error::Error;

use axum::Router;
use fast_app::{SocketIo, operations};

/// All routes, and the Socket.IO server that is mounted around them.
pub async fn create_app() -> Result<(Router, SocketIo), Box<dyn Error>> {
    let socketio = SocketIo::builder().build()?;
    let app = Router::new()
        .merge(operations::routes(&socketio)) // GET /health, GET /ready
        .layer(socketio.layer());
    Ok((app, socketio))
}
