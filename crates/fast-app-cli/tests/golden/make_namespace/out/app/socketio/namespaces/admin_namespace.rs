//! The namespace `/admin`.

use fast_app::prelude::*;

use crate::socketio::common::authentication::authenticate;

/// `/admin`
#[derive(Clone)]
pub struct AdminNamespace;

// Edit: the rooms that clients may join here, each as `#[register_room(ChatRoom)]`.
#[namespace("/admin")]
impl AdminNamespace {
    async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        // Edit: who may connect? Everybody with a valid token.
        authenticate(socket, auth).await
    }

    async fn on_disconnect(&self, socket: &Socket, reason: DisconnectReason) {
        tracing::info!(sid = ?socket.sid(), %reason, "a client has gone");
    }
}
