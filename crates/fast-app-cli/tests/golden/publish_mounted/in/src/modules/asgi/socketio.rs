//! The Socket.IO server.

use fast_app::prelude::*;

use crate::socketio::namespaces::GlobalNamespace;

/// What guards and handlers find with `session.state::<AppState>()`: put a database's pool here.
#[derive(Clone, Debug, Default)]
pub struct AppState {}

/// The server, which must be mounted: `Router::layer(socketio.layer())`.
pub async fn create_socketio_app(state: AppState) -> Result<SocketIo, SocketIoError> {
    SocketIo::builder()
        .cors_allowed_origins(cors_origins())
        .manager(Manager::from_env().await?) // REDIS_SOCKETIO_URL, default redis://localhost:6379/14
        .state(state)
        .namespace(GlobalNamespace)
        .build()
}

/// `CORS_ORIGINS`, separated by commas; none means pages of this server only.
fn cors_origins() -> Vec<String> {
    let origins = std::env::var("CORS_ORIGINS").unwrap_or_default();
    origins.split(',').map(str::to_owned).collect()
}
