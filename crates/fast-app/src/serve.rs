//! Serving until the process is told to end.

use std::{convert::Infallible, io};

use fast_app_socketio::SocketIo;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tower_service::Service;

/// Serves an application until SIGTERM or Ctrl-C; then its clients are disconnected and open requests finish.
///
/// ```no_run
/// # use fast_app::prelude::*;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let socketio = SocketIo::builder().build()?;
/// let app = axum::Router::new().layer(socketio.layer());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
/// fast_app::serve(listener, app, &socketio).await?;
/// # Ok(())
/// # }
/// ```
///
/// It sets what a bare server leaves out: see [`fast_app_engineio::serve`](fn@fast_app_engineio::serve).
///
/// # Errors
///
/// When the listener or the signals fail.
pub async fn serve<S, B>(listener: TcpListener, app: S, socketio: &SocketIo) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let told = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    fast_app_engineio::serve(listener, app, socketio.engine().clone(), told).await
}
