//! One publisher and many clients of every kind: none may lose a message, get one twice or out of order.
//!
//! Half of the clients poll, a tenth of all go over from polling to a WebSocket midway, and a tenth of the messages have
//! an attachment. The size is small by default; `cargo xtask mixed` runs 10,000 messages to 1,000 clients.

use std::{env, net::SocketAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fast_app_socketio::{Binary, Emit, Namespace, Payload, Socket, SocketIo};
use testkit::{Frame, Polling, RawSocket, http};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Duration, Instant},
};

use crate::start;

/// After how many messages a client says how far it is.
const STEP: usize = 50;

/// How many steps the publisher may be ahead of the slowest client: far less than an outbox holds.
const AHEAD: usize = 4;

/// How long a client waits for a message: others may be slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much there is to do; the environment may ask for more.
#[derive(Clone, Copy)]
struct Size {
    messages: usize,
    clients: usize,
}

impl Size {
    fn from_env() -> Self {
        let number = |name, default| match env::var(name) {
            Ok(value) => value.parse().unwrap(),
            Err(_) => default,
        };
        Self {
            messages: number("MIXED_MESSAGES", 1_000),
            clients: number("MIXED_CLIENTS", 200),
        }
    }
}

/// How a client listens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    WebSocket,
    Polling,
    /// From polling to a WebSocket when this many messages have come.
    Upgrading(usize),
}

impl Kind {
    /// Half of the clients are to poll beside those that only begin so, if the number is a multiple of ten.
    fn of(client: usize, size: Size) -> Self {
        match client % 10 {
            0..4 => Self::WebSocket,
            4..9 => Self::Polling,
            // Not all at the same message.
            _ => Self::Upgrading(size.messages / 2 + client % STEP),
        }
    }
}

/// What came to one client so far.
struct Received {
    client: usize,
    next: usize,
    /// Whether the message `next` is there but for its attachment.
    half: bool,
    progress: mpsc::UnboundedSender<usize>,
}

impl Received {
    /// `42["news",7]`, or `451-["news",7,{"_placeholder":true,"num":0}]` and an attachment behind it.
    fn text(&mut self, packet: &str) {
        let (is_binary, args) = match packet.strip_prefix("451-") {
            Some(args) => (true, args),
            None => (false, packet.strip_prefix("42").unwrap_or(packet)),
        };
        let number = args.strip_prefix("[\"news\",").and_then(|rest| {
            let end = rest.find([',', ']'])?;
            rest[..end].parse().ok()
        });
        assert_eq!(number, Some(self.next), "client {}: {packet}", self.client);
        assert_eq!(is_binary, has_attachment(self.next), "{packet}");
        assert!(!self.half, "client {}: {packet}", self.client);
        match is_binary {
            true => self.half = true,
            false => self.whole(),
        }
    }

    fn attachment(&mut self, bytes: &[u8]) {
        assert!(self.half, "client {}: attachment {bytes:?}", self.client);
        assert_eq!(bytes, attachment(self.next), "client {}", self.client);
        self.half = false;
        self.whole();
    }

    fn whole(&mut self) {
        self.next += 1;
        if self.next.is_multiple_of(STEP) {
            self.progress.send(self.next / STEP).unwrap();
        }
    }
}

fn has_attachment(number: usize) -> bool {
    number % 10 == 3
}

fn attachment(number: usize) -> [u8; 8] {
    number.to_be_bytes()
}

fn news(number: usize) -> Emit {
    let payload = match has_attachment(number) {
        true => Payload::args(&(number, Binary::from(attachment(number).to_vec()))),
        false => Payload::new(&number),
    };
    Emit::new("news", payload.unwrap()).to(["readers"])
}

/// A client over polling: its session, and a connection that it polls on.
struct Poller {
    addr: SocketAddr,
    session: Polling,
    connection: http::Connection,
}

impl Poller {
    async fn join(addr: SocketAddr) -> Self {
        let mut session = Polling::socketio(addr, "").await;
        session.post(&[r#"420["join"]"#]).await;
        session.expect_text("430[]").await;
        Self {
            connection: http::Connection::open(addr).await,
            session,
            addr,
        }
    }

    async fn ask(&mut self) {
        let path = self.session.path("polling");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.addr);
        self.connection.send(request).await;
    }

    async fn take(&mut self, received: &mut Received) {
        let response = self.connection.response_within(PATIENCE).await.unwrap();
        assert_eq!(response.status, 200, "client {}", received.client);
        for packet in response.text().split('\x1e') {
            match (packet, packet.strip_prefix('b')) {
                (_, Some(base64)) => received.attachment(&STANDARD.decode(base64).unwrap()),
                ("2", _) => self.session.post(&["3"]).await,
                ("6", _) => {}
                _ => received.text(packet),
            }
        }
    }

    /// As the clients of applications do it: a GET is held meanwhile, and may bring messages.
    async fn upgrade(mut self, received: &mut Received) -> RawSocket {
        self.ask().await;
        let path = self.session.path("websocket");
        let mut socket = RawSocket::connect(self.addr, &path, &[]).await.unwrap();
        socket.set_timeout(PATIENCE);
        socket.send_text("2probe").await;
        socket.expect_text("3probe").await;
        self.take(received).await;
        socket.send_text("5").await;
        socket
    }
}

async fn listen(socket: &mut RawSocket, received: &mut Received, until: usize) {
    while received.next < until {
        let frame = socket.recv().await;
        match (frame.opcode, &frame.payload[..]) {
            (Frame::BINARY, bytes) => received.attachment(bytes),
            (Frame::TEXT, b"2") => socket.send_text("3").await,
            (Frame::TEXT, text) => received.text(std::str::from_utf8(text).unwrap()),
            _ => panic!("client {}: {frame:?}", received.client),
        }
    }
}

/// Joins, says so, and listens until every message is there. Whatever comes twice is behind the last one at the latest:
/// the client asks something and gets nothing but the answer.
async fn client(addr: SocketAddr, kind: Kind, size: Size, mut received: Received) {
    let mut socket = match kind {
        Kind::WebSocket => {
            let mut socket = RawSocket::socketio(addr, "").await;
            socket.send_text(r#"420["join"]"#).await;
            socket.expect_text("430[]").await;
            socket.set_timeout(PATIENCE);
            received.progress.send(0).unwrap();
            socket
        }
        Kind::Polling | Kind::Upgrading(_) => {
            let mut poller = Poller::join(addr).await;
            received.progress.send(0).unwrap();
            let until = match kind {
                Kind::Upgrading(at) => at.min(size.messages),
                _ => size.messages,
            };
            while received.next < until {
                poller.ask().await;
                poller.take(&mut received).await;
            }
            if kind == Kind::Polling {
                poller.session.post(&[r#"421["end"]"#]).await;
                return poller.session.expect_text("431[]").await;
            }
            poller.upgrade(&mut received).await
        }
    };
    listen(&mut socket, &mut received, size.messages).await;
    socket.send_text(r#"421["end"]"#).await;
    socket.expect_text("431[]").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_out_of_order_for_clients_of_every_kind() {
    let size = Size::from_env();
    let namespace = Namespace::new("/")
        .on("join", async |socket: Socket| {
            socket.enter_room("readers").unwrap();
        })
        .on("end", async |_: Socket| ());
    let (server, addr) = start(SocketIo::builder().namespace(namespace)).await;

    let began = Instant::now();
    let (progress, mut steps) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    for number in 0..size.clients {
        let received = Received {
            client: number,
            next: 0,
            half: false,
            progress: progress.clone(),
        };
        clients.spawn(client(addr, Kind::of(number, size), size, received));
        // One after the other: the backlog of a listener is short.
        step(&mut steps, &mut clients).await;
    }
    drop(progress);

    let joined = Instant::now();
    // How many clients have got so many steps far.
    let mut reached = vec![0; size.messages / STEP + 1];
    for number in 0..size.messages {
        let delivery = server.manager().emit(news(number)).await.unwrap();
        assert_eq!(delivery.local, size.clients);
        while (number / STEP)
            .checked_sub(AHEAD)
            .is_some_and(|slowest| slowest > 0 && reached[slowest] < size.clients)
        {
            reached[step(&mut steps, &mut clients).await] += 1;
        }
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    println!(
        "{} messages to {} clients: joined in {:?}, received in {:?}",
        size.messages,
        size.clients,
        joined - began,
        joined.elapsed()
    );
}

/// Waits until a client is a step further, and says how far it is; a client that fails fails the test.
async fn step(steps: &mut mpsc::UnboundedReceiver<usize>, clients: &mut JoinSet<()>) -> usize {
    tokio::select! {
        biased;
        step = steps.recv() => step.expect("clients are at work"),
        Some(ended) = clients.join_next() => {
            ended.unwrap();
            panic!("a client has gone before its last message")
        }
    }
}
