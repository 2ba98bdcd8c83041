//! How a server ends, and what it waits for: the code of the application that runs, and what it has published.

use std::{future::Future, time::Duration};

use fast_app_engineio::Unfinished;
use tokio_util::task::TaskTracker;

use crate::server::{Server, SocketIo};

impl SocketIo {
    /// Refuses new clients and disconnects those that are there, all at once; their disconnect handlers run.
    /// [`SocketIo::ended`] tells when it is over.
    pub fn shutdown(&self) {
        self.engine().shutdown();
    }

    /// Refuses new clients and disconnects those that are there one after the other, evenly over a time, so that the clients
    /// of a server that is replaced do not all come to the others at once. Those that are not disconnected yet are served as
    /// before. It ends earlier when nobody is left.
    ///
    /// Cancel-safe: who was disconnected stays so, and new clients are refused; [`SocketIo::shutdown`] ends the rest.
    pub async fn drain(&self, over: Duration) {
        self.engine().drain(over).await;
    }

    /// Waits, after [`SocketIo::shutdown`] or [`SocketIo::drain`], until every client knows, which takes 3 s at most; then
    /// until every handler and hook has run; then until what was published has been sent to other workers. A handler takes as
    /// long as it takes, and so does a spool that waits for Redis: put a limit to it.
    ///
    /// `fast_app::serve` does all of this. A server of your own waits here while it still serves the connections that it
    /// has, because that is where a client between two polls hears of its end:
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use fast_app_socketio::SocketIo;
    /// # async fn told_to_end() {}
    /// # async fn example(socketio: SocketIo, app: axum::Router) -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
    /// let ended = async move {
    ///     told_to_end().await; // SIGTERM
    ///     socketio.drain(Duration::from_secs(5)).await;
    ///     if tokio::time::timeout(Duration::from_secs(10), socketio.ended()).await.is_err() {
    ///         eprintln!("some handlers are still running");
    ///     }
    /// };
    /// axum::serve(listener, app).with_graceful_shutdown(ended).await
    /// # }
    /// ```
    ///
    /// Cancel-safe.
    pub async fn ended(&self) {
        self.engine().ended().await;
    }
}

/// Tasks that run code of the application.
#[derive(Debug)]
pub(crate) struct Running(TaskTracker);

impl Default for Running {
    fn default() -> Self {
        let tasks = TaskTracker::new();
        // Nothing is kept out by that: it can be waited for at any time.
        tasks.close();
        Self(tasks)
    }
}

impl Running {
    /// Runs code of the application in a task of its own.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }
}

impl Server {
    /// Waits for handlers, and for what they published. Cancel-safe.
    pub(crate) async fn ended(&self) {
        self.running().0.wait().await;
        self.manager().flushed().await;
    }

    pub(crate) fn unfinished(&self) -> Unfinished {
        let mut unfinished = Unfinished::default();
        unfinished.handlers = self.running().0.len();
        unfinished.messages = self.manager().stats().waiting;
        unfinished
    }
}
