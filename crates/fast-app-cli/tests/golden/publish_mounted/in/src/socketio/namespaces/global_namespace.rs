//! The namespace that every client connects to.

use fast_app::prelude::*;

use crate::socketio::common::authentication::authenticate;

/// `/`
#[derive(Clone)]
pub struct GlobalNamespace;

#[namespace("/")]
impl GlobalNamespace {
    async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        authenticate(socket, auth).await
    }

    async fn on_disconnect(&self, socket: &Socket, reason: DisconnectReason) {
        tracing::info!(sid = ?socket.sid(), %reason, "a client has gone");
    }
}
