//! The namespace that every client connects to.

use fast_app::prelude::*;

use crate::socketio::common::authentication::authenticate;

/// `/`
#[derive(Clone)]
pub struct GlobalNamespace;

// Not yet: #[register_room(SideRoom)]
#[namespace("/")]
#[register_room(crate::socketio::rooms::ChatRoom, LobbyRoom)]
impl GlobalNamespace {
    async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        authenticate(socket, auth).await
    }

    async fn on_disconnect(&self, socket: &Socket, reason: DisconnectReason) {
        tracing::info!(sid = ?socket.sid(), %reason, "a client has gone");
    }
}
