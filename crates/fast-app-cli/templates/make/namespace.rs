//! The namespace `/wire_name`.

use fast_app::prelude::*;

use crate::socketio::common::authentication::authenticate;

/// `/wire_name`
#[derive(Clone)]
pub struct TypeName;

// Edit: the rooms that clients may join here, each as `#[register_room(ChatRoom)]`.
#[namespace("/wire_name")]
impl TypeName {
    async fn on_connect(&self, socket: &Socket, auth: Auth) -> Result<(), ConnectionRefused> {
        // Edit: who may connect? Everybody with a valid token.
        authenticate(socket, auth).await
    }

    async fn on_disconnect(&self, socket: &Socket, reason: DisconnectReason) {
        tracing::info!(sid = ?socket.sid(), %reason, "a client has gone");
    }
}
