//! An HTTP server with the settings that a bare one leaves out.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    os::fd::AsRawFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{self, Ready},
};
use http::{
    Request, Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};
use http_body::Body;
use http_body_util::{Either, Empty};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioTimer, service::TowerToHyperService};
use pin_project_lite::pin_project;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tower_service::Service;

use crate::{
    config::HttpConfig,
    engine::Engine,
    handler::Unfinished,
    meter,
    transport::{Answer, Cork, Corked, Rest},
};

/// How long accepting rests when there are too few file descriptors left.
const ACCEPT_REST: Duration = Duration::from_millis(50);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves HTTP/1.1 until `shutdown` is done, then ends everything and returns:
///
/// 1. The listener is closed. New sessions are refused on connections that are open.
/// 2. The sessions of `engine` are closed, over [`HttpConfig::drain_time`]; each gets what is queued for it first.
/// 3. When there are none, connections end, each after the request that it is in.
/// 4. What the handler still has to do ends ([`Engine::ended`]).
///
/// From the end of the drain time on that may take [`HttpConfig::shutdown_timeout`]. Beyond it, a warning says how much has
/// not ended, and goes on without being waited for.
///
/// Compared with a bare hyper server it sets TCP_NODELAY, limits for slow headers (without the timer that is set here hyper
/// silently has none), for their number and their size and for clients that do not read their answer, and it keeps file
/// descriptors back for the process itself: see [`HttpConfig`].
///
/// It runs as a task of its own: on a runtime with several threads the main one would have to wake another for each
/// connection. Dropping the future closes the listener, and ends HTTP connections, each after the request that it is in.
/// Sessions stay, see [`Engine::shutdown`]; but those that poll have nowhere to do so.
///
/// # Errors
///
/// When the listener's address cannot be asked for; single connections that fail are logged.
pub async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    engine: Arc<Engine>,
    shutdown: impl Future<Output = ()> + Send + 'static,
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
    let mut task = JoinSet::new();
    task.spawn(accept_all(listener, service, engine, shutdown));
    let ended = task.join_next().await.expect("a task was spawned");
    ended.map_err(io::Error::other)?
}

async fn accept_all<S, B>(
    listener: TcpListener,
    service: S,
    engine: Arc<Engine>,
    shutdown: impl Future<Output = ()> + Send,
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
    let limits = engine.config().http.clone();
    let max_files = max_files(&limits);
    // hyper's own builder: the one of hyper-util waits without a limit to see which version of HTTP comes.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_headers(limits.max_headers)
        .max_buf_size(limits.max_header_bytes);
    let http = Arc::new(http);
    let (ending, _) = watch::channel(());
    tokio::pin!(shutdown);
    tracing::info!(address = %listener.local_addr()?, "listening");
    loop {
        let stream = tokio::select! {
            accepted = accept(&listener, max_files) => accepted,
            () = &mut shutdown => break,
        };
        let host = Host {
            http: http.clone(),
            service: service.clone(),
            engine: engine.clone(),
        };
        tokio::spawn(host.serve(stream, ending.subscribe()));
    }
    drop(listener);
    tracing::info!("shutting down");
    engine.drain(limits.drain_time).await;
    end(&engine, limits.shutdown_timeout, &ending).await;
    Ok(())
}

/// Waits until all has ended, and not longer than `limit`.
///
/// Connections that wait for a request stay until the last session has ended: it is there that a client between two polls
/// asks next, and hears that it is over.
async fn end(engine: &Engine, limit: Duration, connections: &watch::Sender<()>) {
    let ended = async {
        engine.sessions_ended().await;
        connections.send_replace(());
        connections.closed().await;
        engine.ended().await;
    };
    if tokio::time::timeout(limit, ended).await.is_err() {
        let Unfinished { handlers, messages } = engine.unfinished();
        tracing::warn!(
            ?limit,
            sessions = engine.sessions(),
            connections = connections.receiver_count(),
            handlers,
            messages,
            "shut down, though not all had ended in time"
        );
    }
}

/// What serves a connection.
struct Host<S> {
    http: Arc<http1::Builder>,
    service: S,
    engine: Arc<Engine>,
}

impl<S, B> Host<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    /// Serves a connection; when `ending` changes, until its request is answered.
    ///
    /// A client that keeps its connection and says nothing is not hyper's, which would keep its buffers for it: it has as
    /// long to say something as headers may take.
    async fn serve(self, mut stream: TcpStream, mut ending: watch::Receiver<()>) {
        let mut early = Bytes::new();
        loop {
            let served = Box::pin(self.answer(stream, early, &mut ending)).await;
            let Some(rested) = served else { return };
            (stream, early) = rested;
            if !early.is_empty() {
                continue;
            }
            let patience = self.engine.config().http.header_timeout;
            tokio::select! {
                heard = timeout(patience, stream.readable()) => if !matches!(heard, Ok(Ok(()))) { return },
                _ = ending.changed() => return,
            }
        }
    }

    /// Answers requests until the connection is over, or at rest: then it is returned, with what was read of the next.
    async fn answer(
        &self,
        stream: TcpStream,
        early: Bytes,
        ending: &mut watch::Receiver<()>,
    ) -> Option<(TcpStream, Bytes)> {
        let (cork, rest) = (Cork::default(), Rest::default());
        let service = Guarded {
            service: TowerToHyperService::new(self.service.clone()),
            max_bytes: self.engine.config().http.max_header_bytes,
            cork: cork.clone(),
            rest: rest.clone(),
        };
        let patience = self.engine.config().http.write_timeout;
        let stream = Corked::new(stream, early, cork, rest.clone(), patience);
        let mut connection = self.http.serve_connection(stream, service).with_upgrades();
        let until_rest = poll_fn(|cx| match connection.poll_unpin(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if rest.is_reached() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let served = tokio::select! {
            served = until_rest => served,
            _ = ending.changed() => {
                Pin::new(&mut connection).graceful_shutdown();
                Some((&mut connection).await)
            }
        };
        match served {
            None => {
                let parts = connection.into_parts()?;
                let (stream, _, read) = parts.io.into_parts(parts.read_buf);
                return Some((stream, read));
            }
            Some(Err(error)) => tracing::debug!(%error, "connection failed"),
            Some(Ok(())) => {}
        }
        None
    }
}

/// Refuses requests whose headers are too large (hyper's own limit is that of its buffer, which may be twice as large) and
/// gives the others the cork of their connection.
struct Guarded<S> {
    service: S,
    max_bytes: usize,
    cork: Cork,
    rest: Rest,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Guarded<S>
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<Either<Answer<B>, Empty<B::Data>>>;
    type Error = S::Error;
    type Future = future::Either<Answering<S::Future>, Ready<Result<Self::Response, S::Error>>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.rest.asked(&request);
        let line = request
            .uri()
            .path_and_query()
            .map_or(1, |path| path.as_str().len());
        // `name: value\r\n`
        let size =
            |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
        let bytes = line + request.headers().iter().map(size).sum::<usize>();
        if bytes <= self.max_bytes {
            request.extensions_mut().insert(self.cork.clone());
            return future::Either::Left(Answering {
                answer: self.service.call(request),
                rest: self.rest.clone(),
            });
        }
        meter::headers_refused();
        let mut refused = Response::new(Either::Right(Empty::new()));
        *refused.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        refused
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        future::Either::Right(future::ready(Ok(refused)))
    }
}

pin_project! {
    /// An answer that is being made.
    struct Answering<F> {
        #[pin]
        answer: F,
        rest: Rest,
    }
}

impl<F, B, E> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<Either<Answer<B>, Empty<B::Data>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(cx));
        let body = |body| Either::Left(Answer::new(body, this.rest.clone()));
        Poll::Ready(answer.map(|answer| answer.map(body)))
    }
}

/// The first file descriptor that no client gets.
fn max_files(limits: &HttpConfig) -> u64 {
    let soft = rlimit::Resource::NOFILE.get_soft().unwrap_or(u64::MAX);
    soft.saturating_sub(limits.reserved_files)
}

/// The next connection. At the limit of file descriptors it rests instead of spinning.
async fn accept(listener: &TcpListener, max_files: u64) -> TcpStream {
    loop {
        match listener.accept().await {
            // The kernel gives the lowest number that is free.
            Ok((stream, peer)) if stream.as_raw_fd() as u64 >= max_files => {
                meter::connection_refused();
                tracing::warn!(%peer, "too many connections: one was closed at once");
                drop(stream);
                tokio::time::sleep(ACCEPT_REST).await;
            }
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "TCP_NODELAY could not be set");
                }
                return stream;
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                meter::accept_failed();
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
