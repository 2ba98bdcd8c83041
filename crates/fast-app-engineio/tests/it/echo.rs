//! A server that sends back what it gets, under each of the ways to run one.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{Router, routing::get, serve::Listener};
use fast_app_engineio::{
    CloseReason, Config, Connection, Engine, EngineIoLayer, Frame, Handler, Message, Session,
};
use http::request::Parts;
use testkit::TIMEOUT;
use tokio::{
    io::Join,
    net::{
        TcpListener,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{
        Mutex,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
    task::JoinHandle,
    time::timeout,
};

/// A running echo server; it ends with the runtime of the test.
pub(crate) struct Server {
    addr: SocketAddr,
    engine: Arc<Engine>,
    opened: Mutex<UnboundedReceiver<Arc<Session>>>,
    closed: Mutex<UnboundedReceiver<CloseReason>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Under [`fast_app_engineio::serve`].
    pub(crate) async fn start(config: Config) -> Self {
        Self::run(config, |listener, router, engine, stopped| {
            let stopped = async { _ = stopped.await };
            tokio::spawn(fast_app_engineio::serve(listener, router, engine, stopped))
        })
        .await
    }

    /// Under [`axum::serve`].
    pub(crate) async fn start_axum(config: Config) -> Self {
        Self::run(config, |listener, router, _, _| {
            tokio::spawn(axum::serve(listener, router).into_future())
        })
        .await
    }

    /// On streams that are not hyper's own, as those of TLS in this process.
    pub(crate) async fn start_wrapped(config: Config) -> Self {
        Self::run(config, |listener, router, _, _| {
            tokio::spawn(axum::serve(Wrapping(listener), router).into_future())
        })
        .await
    }

    /// One of each.
    pub(crate) async fn start_each(config: Config) -> [(&'static str, Self); 3] {
        [
            ("serve", Self::start(config.clone()).await),
            ("axum", Self::start_axum(config.clone()).await),
            ("wrapped", Self::start_wrapped(config).await),
        ]
    }

    async fn run(
        config: Config,
        serve: impl FnOnce(
            TcpListener,
            Router,
            Arc<Engine>,
            oneshot::Receiver<()>,
        ) -> JoinHandle<io::Result<()>>,
    ) -> Self {
        let (opened_sender, opened) = unbounded_channel();
        let (closed_sender, closed) = unbounded_channel();
        let echo = Echo {
            opened: opened_sender,
            closed: closed_sender,
        };
        let engine = Engine::new(config, echo);
        let router = Router::new()
            .route("/other", get(async || "another route"))
            .layer(EngineIoLayer::new(engine.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        Self {
            addr,
            task: serve(listener, router, engine.clone(), stopped),
            engine,
            opened: Mutex::new(opened),
            closed: Mutex::new(closed),
            stop,
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The session that opened next.
    pub(crate) async fn opened(&self) -> Arc<Session> {
        let mut opened = self.opened.lock().await;
        let next = timeout(TIMEOUT, opened.recv()).await;
        next.expect("a session opens").unwrap()
    }

    /// Why the session that ended next has ended.
    pub(crate) async fn closed(&self) -> CloseReason {
        let mut closed = self.closed.lock().await;
        let next = timeout(TIMEOUT, closed.recv()).await;
        next.expect("a session ends").unwrap()
    }

    /// Whether no session has ended that [`Server::closed`] did not tell.
    pub(crate) async fn none_closed(&self) -> bool {
        self.closed.lock().await.is_empty()
    }

    /// Drops what serves it.
    pub(crate) fn abandon(&self) {
        self.task.abort();
    }

    /// Ends a server under [`fast_app_engineio::serve`] and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        let ended = timeout(TIMEOUT, self.task).await;
        ended.expect("the server stops").unwrap().unwrap();
    }
}

struct Echo {
    opened: UnboundedSender<Arc<Session>>,
    closed: UnboundedSender<CloseReason>,
}

impl Handler for Echo {
    fn open(&self, session: &Arc<Session>, _: &Parts) -> Box<dyn Connection> {
        _ = self.opened.send(session.clone());
        Box::new(EchoConnection {
            session: Arc::downgrade(session),
            closed: self.closed.clone(),
            armed: AtomicBool::new(false),
        })
    }
}

/// A message that makes its connection panic when it is dropped.
pub(crate) const PANIC_WHEN_DROPPED: &str = "panic when dropped";

struct EchoConnection {
    session: Weak<Session>,
    closed: UnboundedSender<CloseReason>,
    armed: AtomicBool,
}

impl Drop for EchoConnection {
    fn drop(&mut self) {
        assert!(!self.armed.load(Ordering::Relaxed), "told to panic");
    }
}

impl Connection for EchoConnection {
    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn message(&self, message: Message) {
        if message == Message::Text(PANIC_WHEN_DROPPED.to_owned()) {
            self.armed.store(true, Ordering::Relaxed);
        }
        let frame = match message {
            Message::Text(text) => self::text(&text),
            Message::Binary(bytes) => Frame::binary(&bytes),
        };
        self.session.upgrade().unwrap().send(&[frame]);
    }

    fn closed(&self, reason: CloseReason) {
        _ = self.closed.send(reason);
    }
}

/// A text message.
pub(crate) fn text(text: &str) -> Frame {
    Frame::message(text.len(), |message| message.push_str(text))
}

struct Wrapping(TcpListener);

impl Listener for Wrapping {
    type Io = Join<OwnedReadHalf, OwnedWriteHalf>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, addr) = Listener::accept(&mut self.0).await;
        let (reader, writer) = stream.into_split();
        (tokio::io::join(reader, writer), addr)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}
