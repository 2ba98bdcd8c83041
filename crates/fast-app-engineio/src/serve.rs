//! An HTTP server with the settings that a bare one leaves out.

use std::{convert::Infallible, future::Future, io, sync::Arc, time::Duration};

use http::{Request, Response};
use http_body::Body;
use hyper::{
    body::Incoming,
    server::conn::http1::{self, UpgradeableConnection},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower_service::Service;

use crate::engine::Engine;

/// How long the headers of a request may take to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How many headers a request may have.
const MAX_HEADERS: usize = 100;
/// How many bytes the headers of a request may take.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// How long clients have to go away after a shutdown has begun.
const GRACE: Duration = Duration::from_secs(10);
/// How long accepting rests when there are no file descriptors left.
const ACCEPT_REST: Duration = Duration::from_millis(50);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves HTTP/1.1 until `shutdown` is done, then ends all sessions of `engine`, gives open requests 10 s to finish, and
/// returns.
///
/// Compared with a bare hyper server it sets TCP_NODELAY, a limit for slow headers (10 s; without the timer that is set
/// here hyper silently has none), for their number (100) and their size (64 KiB), and it keeps accepting when file
/// descriptors run out.
///
/// # Errors
///
/// When the listener's address cannot be asked for; single connections that fail are logged.
pub async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    engine: Arc<Engine>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    // hyper's own builder: the one of hyper-util waits without a limit to see which version of HTTP comes.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES);
    let (ending, _) = watch::channel(());
    tokio::pin!(shutdown);
    tracing::info!(address = %listener.local_addr()?, "listening");
    loop {
        let stream = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut shutdown => break,
        };
        let service = TowerToHyperService::new(service.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(run(connection.with_upgrades(), ending.subscribe()));
    }
    drop(listener);
    tracing::info!("shutting down");
    engine.shutdown();
    let ended = async {
        ending.send_replace(());
        ending.closed().await;
        engine.ended().await;
    };
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
    Ok(())
}

/// Serves a connection; when `ending` changes, until its request is answered.
async fn run<S, B>(
    connection: UpgradeableConnection<TokioIo<TcpStream>, TowerToHyperService<S>>,
    mut ending: watch::Receiver<()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = ending.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection failed");
    }
}

/// The next connection. At the limit of file descriptors it rests instead of spinning.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                return stream;
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionAborted | ConnectionReset
    )
}
