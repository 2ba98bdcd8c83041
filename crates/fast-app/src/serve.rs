//! Serving until the process is told to end.

use std::{convert::Infallible, io};

use fast_app_socketio::{HttpConfig, SocketIo};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tower_service::Service;

use crate::signals::Signals;

/// Serves an application until SIGTERM or Ctrl-C, and then ends it in order: clients get what is queued for them and are
/// disconnected, their disconnect handlers run, open requests finish, what was published is sent.
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
/// From the signal on there are `drain_time` (default 0 s) and `shutdown_timeout` (10 s), after which it returns, also when
/// handlers are still running, with a warning that says how many. If the process has not ended `hard_limit` (30 s) after the
/// signal, because a handler blocks its thread or because of what your `main` does next, it is ended with exit code 1; a
/// second signal ends it at once. All three are in [`Config::http`](fast_app_socketio::Config), for example
/// `.config(|config| config.http.drain_time = Duration::from_secs(10))`.
///
/// It sets what a bare server leaves out: see [`fast_app_engineio::serve`](fn@fast_app_engineio::serve), which also says what
/// ends when. With another server use [`SocketIo::drain`] and [`SocketIo::ended`].
///
/// # Errors
///
/// When the listener or the signals fail, and when `drain_time` and `shutdown_timeout` leave nothing of `hard_limit`.
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
    let limits = &socketio.engine().config().http;
    check(limits)?;
    let signals = Signals::listen(limits.hard_limit)?;
    let engine = socketio.engine().clone();
    fast_app_engineio::serve(listener, app, engine, signals.told()).await
}

/// A process that was to have its time would be ended in the middle of it.
fn check(limits: &HttpConfig) -> io::Result<()> {
    let HttpConfig {
        drain_time,
        shutdown_timeout,
        hard_limit,
        ..
    } = limits;
    if drain_time.saturating_add(*shutdown_timeout) < *hard_limit {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "drain_time ({drain_time:?}) and shutdown_timeout ({shutdown_timeout:?}) together must be less than hard_limit ({hard_limit:?})"
        ),
    ))
}
