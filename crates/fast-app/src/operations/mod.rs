//! What whoever operates a server asks it: is it alive, may clients be sent to it, and what is it doing?
//!
//! ```text
//!  load balancer ──GET /ready──►  200 {"status":"ready"}, or 503 and why
//!  supervisor ────GET /health─►  200 {"status":"ok"} for as long as the process answers at all
//!  Prometheus ────GET /metrics►  with the feature `prometheus`: see `install_prometheus`
//! ```
//!
//! None of them holds a secret, but they are nobody's business outside: [`routes`] may be part of the application, or of
//! a router of its own that is served on an internal address.
//!
//! ```no_run
//! # use fast_app::{SocketIo, operations};
//! # async fn example(socketio: SocketIo) -> std::io::Result<()> {
//! let internal = tokio::net::TcpListener::bind("127.0.0.1:9100").await?;
//! let routes = operations::routes(&socketio);
//! tokio::spawn(async move { axum::serve(internal, routes).await });
//! # Ok(())
//! # }
//! ```
//!
//! A server that ends takes no connections any more, so that only an internal address can still say that it is draining.

#[cfg(feature = "prometheus")]
mod prometheus;

use axum::{
    Router,
    extract::State,
    http::{HeaderName, StatusCode, header},
    routing::get,
};
use fast_app_socketio::SocketIo;

#[cfg(feature = "prometheus")]
pub use self::prometheus::{Prometheus, PrometheusError, install_prometheus};

type Answer = (StatusCode, [(HeaderName, &'static str); 2], String);

/// `GET /health` and `GET /ready`.
///
/// - `/health` is for whoever restarts a process that hangs. It answers 200 `{"status":"ok"}` as long as the process lives
///   and its runtime runs. It says nothing about Redis: a restart does not mend that, and costs every client its connection.
/// - `/ready` is for the load balancer. It answers 200 `{"status":"ready"}`, or 503 and why new clients should go elsewhere:
///   `{"status":"unready","bus":"deaf","draining":false}` while the other workers cannot be heard
///   ([`Manager::is_listening`](crate::Manager::is_listening)), `"draining":true` when the server is shutting down.
///
/// ```
/// # use fast_app::prelude::*;
/// # use fast_app::operations;
/// # async fn example() -> Result<(), SocketIoError> {
/// let socketio = SocketIo::builder().build()?;
/// let app: axum::Router = axum::Router::new()
///     .merge(operations::routes(&socketio))
///     .layer(socketio.layer());
/// # Ok(())
/// # }
/// ```
pub fn routes(socketio: &SocketIo) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .with_state(socketio.clone())
}

async fn health() -> Answer {
    json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned())
}

async fn ready(State(socketio): State<SocketIo>) -> Answer {
    let heard = socketio.manager().is_listening();
    let draining = socketio.engine().is_shutting_down();
    if heard && !draining {
        return json(StatusCode::OK, r#"{"status":"ready"}"#.to_owned());
    }
    let bus = if heard { "heard" } else { "deaf" };
    json(
        StatusCode::SERVICE_UNAVAILABLE,
        format!(r#"{{"status":"unready","bus":"{bus}","draining":{draining}}}"#),
    )
}

fn json(status: StatusCode, body: String) -> Answer {
    answer(status, "application/json", body)
}

/// What is true now and need not be in a second.
fn answer(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body)
}
