//! A TCP proxy that can fall silent.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::http;

/// Forwards TCP connections to a port on 127.0.0.1, until it is told otherwise.
///
/// [`pause`](Self::pause) plays a network that is dead without saying so: connections stay, new ones are accepted, and
/// nothing comes through in either direction. [`strand`](Self::strand) plays one that has forgotten its connections, and
/// [`cut`](Self::cut) one that resets them.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: watch::Sender<State>,
    task: AbortHandle,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    silent: bool,
    cuts: u64,
    /// How many connections there were so far.
    accepted: u64,
    /// How many of them, the first, are silent for ever.
    stranded: u64,
}

impl Proxy {
    /// A proxy on a free port in front of this one.
    pub async fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port can be bound");
        let port = listener.local_addr().expect("it is bound").port();
        let state = watch::Sender::new(State::default());
        let upstream = SocketAddr::from(([127, 0, 0, 1], upstream));
        let task = tokio::spawn(accept(listener, upstream, state.clone()));
        Self {
            port,
            state,
            task: task.abort_handle(),
        }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Forwards nothing from now on.
    pub fn pause(&self) {
        self.state.send_modify(|state| state.silent = true);
    }

    /// Forwards again, what was held back first.
    pub fn resume(&self) {
        self.state.send_modify(|state| state.silent = false);
    }

    /// Forwards nothing on the connections of now, for ever; new ones are served.
    pub fn strand(&self) {
        self.state
            .send_modify(|state| state.stranded = state.accepted);
    }

    /// Resets every connection; new ones are served.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, state: watch::Sender<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.expect("a listener goes on");
        state.send_modify(|state| state.accepted += 1);
        let gate = Gate {
            number: state.borrow().accepted,
            state: state.subscribe(),
        };
        connections.spawn(serve(client, upstream, gate));
    }
}

/// What one connection waits at.
#[derive(Clone)]
struct Gate {
    number: u64,
    state: watch::Receiver<State>,
}

async fn serve(client: TcpStream, upstream: SocketAddr, gate: Gate) {
    let mut cut = gate.state.clone();
    let before = cut.borrow().cuts;
    let server = tokio::select! {
        server = connect(upstream, gate.clone()) => server,
        _ = cut.wait_for(|state| state.cuts > before) => return http::reset(client),
    };
    let Ok(mut server) = server else {
        return http::reset(client);
    };
    let mut client = client;
    let was_cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            _ = forward(from_client, to_server, gate.clone()) => false,
            _ = forward(from_server, to_client, gate) => false,
            _ = cut.wait_for(|state| state.cuts > before) => true,
        }
    };
    if was_cut {
        http::reset(client);
        http::reset(server);
    }
}

async fn connect(upstream: SocketAddr, mut gate: Gate) -> io::Result<TcpStream> {
    gate.open().await?;
    TcpStream::connect(upstream).await
}

/// Forwards one direction until it ends. What was read before a pause is held back as well.
async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut gate: Gate,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        gate.open().await?;
        let length = tokio::select! {
            length = from.read(&mut buffer) => length?,
            _ = gate.state.changed() => continue,
        };
        gate.open().await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}

impl Gate {
    /// Waits until something may pass.
    async fn open(&mut self) -> io::Result<()> {
        let number = self.number;
        let open = |state: &State| !state.silent && number > state.stranded;
        match self.state.wait_for(open).await {
            Ok(_) => Ok(()),
            Err(_) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}
