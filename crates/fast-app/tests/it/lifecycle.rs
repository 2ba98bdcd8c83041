//! From SIGTERM to the end, in `examples/lifecycle.rs` as a process of its own: nothing else can tell what a signal does.
//!
//! Cargo builds examples for `cargo test`, but not for `cargo test --test it`: `cargo build -p fast-app --example lifecycle`.

use std::{
    collections::BTreeSet, os::unix::process::ExitStatusExt, path::PathBuf, process::Command,
    time::Duration,
};

use fast_app::SocketIo;
use futures_util::future::join_all;
use serde_json::Value;
use testkit::{Frame, RawSocket, Server, TIMEOUT, http};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::yield_now,
    time::{Instant, interval, sleep, timeout},
};

/// Starts the example with these settings.
pub(crate) async fn start(settings: &[(&str, &str)]) -> Server {
    Server::spawn(example(), settings).await
}

/// Where Cargo has built the example.
pub(crate) fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(|deps| deps.parent()).unwrap();
    let example = target.join("examples").join("lifecycle");
    assert!(
        example.exists(),
        "help: cargo build -p fast-app --example lifecycle"
    );
    example
}

/// Comes back when the server has written this, to stdout or stderr.
async fn until_written(server: &Server, what: &str) {
    let written = async {
        while !(server.stdout() + &server.stderr()).contains(what) {
            yield_now().await;
        }
    };
    let written = timeout(TIMEOUT, written).await;
    written.unwrap_or_else(|_| panic!("no {what:?} in {}{}", server.stdout(), server.stderr()));
}

/// A Socket.IO client that polls on one connection, one request after the other.
struct Poller {
    connection: http::Connection,
    path: String,
    ticks: Vec<u64>,
}

impl Poller {
    async fn connect(server: &Server, name: &str) -> Self {
        let mut poller = Self {
            connection: http::Connection::open(server.addr()).await,
            path: "/socket.io/?EIO=4&transport=polling".to_owned(),
            ticks: Vec::new(),
        };
        let open: Value = serde_json::from_str(&poller.get().await[1..]).unwrap();
        poller.path = format!("{}&sid={}", poller.path, open["sid"].as_str().unwrap());
        let connect = format!(r#"40{{"name":"{name}"}}"#);
        let post = format!(
            "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{connect}",
            poller.path,
            connect.len()
        );
        poller.connection.send(post).await;
        assert_eq!(poller.connection.response().await.unwrap().text(), "ok");
        poller
    }

    async fn get(&mut self) -> String {
        let get = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", self.path);
        self.connection.send(get).await;
        let answer = self.connection.response().await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.text()
    }

    /// Polls once; whether the session is over.
    async fn poll(&mut self) -> bool {
        for packet in self.get().await.split('\u{1e}') {
            match packet {
                "1" => return true,
                packet => self.ticks.extend(tick(packet)),
            }
        }
        false
    }

    /// All ticks up to the close.
    async fn ticks(mut self) -> Vec<u64> {
        while !self.poll().await {}
        self.ticks
    }
}

/// The number of a tick; `None` for what else a client may hear.
fn tick(packet: &str) -> Option<u64> {
    if packet.starts_with("40{") {
        return None;
    }
    let number = packet
        .strip_prefix(r#"42["tick","#)
        .unwrap_or_else(|| panic!("unexpected {packet}"));
    Some(number.strip_suffix(']').unwrap().parse().unwrap())
}

/// The ticks of a client on a WebSocket, which must be closed with 1001.
async fn ticks(mut socket: RawSocket) -> Vec<u64> {
    let mut ticks = Vec::new();
    loop {
        let frame = socket.recv().await;
        if frame.opcode == Frame::CLOSE {
            assert_eq!(&frame.payload[..2], &1001u16.to_be_bytes());
            return ticks;
        }
        ticks.extend(tick(std::str::from_utf8(&frame.payload).unwrap()));
    }
}

async fn named(server: &Server, name: &str) -> RawSocket {
    RawSocket::socketio(server.addr(), format!(r#"{{"name":"{name}"}}"#)).await
}

#[tokio::test]
async fn sigterm_ends_a_busy_server_without_losing_anything() {
    const EACH: usize = 15;
    let mut server = start(&[("TICK_MS", "2")]).await;
    let (told, tell) = watch::channel(false);
    let mut names = BTreeSet::new();
    let mut clients = Vec::new();
    for number in 0..EACH {
        let name = format!("websocket {number}");
        let socket = named(&server, &name).await;
        names.insert(name);
        clients.push(tokio::spawn(ticks(socket)));

        let name = format!("polling {number}");
        let poller = Poller::connect(&server, &name).await;
        names.insert(name);
        clients.push(tokio::spawn(poller.ticks()));

        // This one does not poll when the end comes, but some time later.
        let name = format!("between polls {number}");
        let mut poller = Poller::connect(&server, &name).await;
        assert!(!poller.poll().await);
        names.insert(name);
        let mut told = told.subscribe();
        clients.push(tokio::spawn(async move {
            told.changed().await.unwrap();
            poller.ticks().await
        }));
    }
    drop(tell);

    let begun = Instant::now();
    server.signal("TERM").await;
    let refused = async { while TcpStream::connect(server.addr()).await.is_ok() {} };
    timeout(TIMEOUT, refused).await.unwrap();
    told.send_replace(true);
    let heard = timeout(TIMEOUT, join_all(clients)).await.unwrap();
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.stderr());
    assert!(begun.elapsed() < Duration::from_secs(10));

    let mut received = 0;
    for ticks in heard {
        let ticks = ticks.unwrap();
        assert!(!ticks.is_empty());
        assert!(
            ticks.windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "{ticks:?}"
        );
        received += ticks.len();
    }
    let out = server.stdout();
    // What the server has accepted for a client is what the clients have heard.
    assert!(
        out.contains(&format!("ended, deliveries: {received}\n")),
        "{received}: {out}"
    );
    let mut gone: Vec<_> = out
        .lines()
        .filter_map(|line| line.strip_prefix("disconnected "))
        .map(|line| line.strip_suffix(": server shutting down").unwrap())
        .collect();
    gone.sort_unstable();
    assert_eq!(gone, Vec::from_iter(&names));
    assert!(!server.stderr().contains("WARN"), "{}", server.stderr());
}

/// Client `name`, whose disconnect handler hangs or blocks.
async fn stubborn(server: &Server, name: &str, how: &str) -> RawSocket {
    let mut socket = named(server, name).await;
    socket
        .send_text(format!(r#"421["at_the_end","{how}"]"#))
        .await;
    socket.expect_text("431[]").await;
    socket
}

#[tokio::test]
async fn a_drain_closes_clients_evenly_and_serves_the_others_meanwhile() {
    const CLIENTS: usize = 20;
    let settings = [("DRAIN_MS", "1000"), ("TICK_MS", "10")];
    let mut server = start(&settings).await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let socket = named(&server, &number.to_string()).await;
        clients.push(tokio::spawn(async move {
            let ticks = ticks(socket).await;
            (Instant::now(), ticks)
        }));
    }
    let begun = Instant::now();
    server.signal("TERM").await;
    until_written(&server, "shutting down").await;
    let told = Instant::now();
    let ended = timeout(TIMEOUT, join_all(clients)).await.unwrap();
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.stderr());
    let mut closed: Vec<_> = ended.into_iter().map(Result::unwrap).collect();
    closed.sort_unstable();
    for (index, (at, ticks)) in closed.iter().enumerate() {
        // Not before its share of the time; the drain has begun when the signal was sent, or later.
        let share = Duration::from_secs(1).mul_f64((index + 1) as f64 / CLIENTS as f64);
        assert!(*at - begun >= share, "{index}: {:?}", *at - begun);
        // Nor much later, on a machine that does other things as well.
        assert!(*at - told < share + TIMEOUT, "{index}");
        assert!(ticks.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    }
    let (first, last) = (&closed[0].1, &closed[CLIENTS - 1].1);
    assert!(last.last() > first.last(), "the last was served no longer");
}

#[tokio::test]
async fn what_was_received_is_handled_before_the_end() {
    let mut server = start(&[]).await;
    let mut socket = named(&server, "ann").await;
    socket.send_text(r#"42["work",200]"#).await;
    socket.send_text(r#"42["work",100]"#).await;
    // Both have been received.
    socket.send_text(r#"40/nowhere,"#).await;
    socket
        .expect_text(r#"44/nowhere,{"message":"Invalid namespace"}"#)
        .await;
    server.signal("INT").await;
    assert_eq!(socket.expect_close().await, Some(1001));
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.stderr());
    let out = server.stdout();
    let lines: Vec<_> = out.lines().skip(1).collect();
    let disconnected = "disconnected ann: server shutting down";
    assert_eq!(
        lines,
        [
            "connected ann",
            "worked ann",
            "worked ann",
            disconnected,
            "ended, deliveries: 0"
        ]
    );
}

#[tokio::test]
async fn a_handler_that_hangs_does_not_keep_the_process() {
    let mut server = start(&[("TIMEOUT_MS", "300")]).await;
    let mut hanging = stubborn(&server, "ann", "hang").await;
    let mut other = named(&server, "ben").await;
    let begun = Instant::now();
    server.signal("TERM").await;
    for socket in [&mut hanging, &mut other] {
        assert_eq!(socket.expect_close().await, Some(1001));
    }
    assert_eq!(server.ended().await.code(), Some(0));
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(300), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let log = server.stderr();
    let warnings: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(
        warnings[0].contains("sessions=0 connections=0 handlers=1 messages=0"),
        "{log}"
    );
    assert!(server.stdout().contains("disconnected ben"));
    assert!(server.stdout().contains("ended"));
}

#[tokio::test]
async fn a_handler_that_blocks_its_thread_ends_with_the_process_at_the_hard_limit() {
    let settings = [("TIMEOUT_MS", "100"), ("HARD_LIMIT_MS", "600")];
    let mut server = start(&settings).await;
    let mut blocking = stubborn(&server, "ann", "block").await;
    let begun = Instant::now();
    server.signal("TERM").await;
    assert_eq!(blocking.expect_close().await, Some(1001));
    assert_eq!(server.ended().await.code(), Some(1));
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(600), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let log = server.stderr();
    let errors: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("did not end by itself"), "{log}");
    // The graceful path had come to its end before.
    assert!(server.stdout().contains("ended"));
}

#[tokio::test]
async fn a_second_signal_ends_the_process_at_once() {
    for (signal, code) in [("TERM", 128 + 15), ("INT", 128 + 2)] {
        let mut server = start(&[]).await;
        let mut hanging = stubborn(&server, "ann", "hang").await;
        let begun = Instant::now();
        server.signal("TERM").await;
        assert_eq!(hanging.expect_close().await, Some(1001));
        // Those that come within 250 ms count as one with the first.
        sleep(Duration::from_millis(500)).await;
        server.signal(signal).await;
        assert_eq!(
            server.ended().await.code(),
            Some(code),
            "{}",
            server.stderr()
        );
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert!(server.stderr().contains("told to end again"));
    }
}

/// Runs a script that sends signals to the process of this id, for which the server ends as it does for one.
async fn expect_one_order(script: &str) {
    let mut server = start(&[]).await;
    let mut socket = named(&server, "ann").await;
    socket.send_text(r#"42["work",300]"#).await;
    socket.send_text(r#"40/nowhere,"#).await;
    socket
        .expect_text(r#"44/nowhere,{"message":"Invalid namespace"}"#)
        .await;
    let pid = server.pid().to_string();
    let sent = Command::new("sh").args(["-c", script, &pid]).status();
    assert!(sent.unwrap().success());
    assert_eq!(socket.expect_close().await, Some(1001));
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.stderr());
    assert!(server.stdout().contains("worked ann\ndisconnected ann"));
}

#[tokio::test]
async fn signals_that_come_together_are_one_order() {
    // As when Ctrl-C reaches a supervisor and its child, and the supervisor passes it on.
    expect_one_order("kill -INT $0; kill -TERM $0; kill -INT $0").await;
}

#[tokio::test]
async fn signals_that_come_together_are_one_order_although_the_process_then_stands_still() {
    expect_one_order("kill -INT $0; kill -TERM $0; kill -STOP $0; sleep 0.4; kill -CONT $0").await;
}

#[tokio::test]
async fn a_process_that_has_stopped_to_serve_ends_as_any_other() {
    for (name, number) in [("TERM", 15), ("INT", 2)] {
        let mut server = start(&[("GIVE_UP_MS", "1")]).await;
        until_written(&server, "gave up").await;
        server.signal(name).await;
        assert_eq!(server.ended().await.signal(), Some(number));
    }
}

#[tokio::test]
async fn limits_that_the_hard_limit_would_cut_short_are_refused() {
    let socketio = SocketIo::builder()
        .config(|config| config.http.drain_time = Duration::from_secs(20))
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = axum::Router::new().layer(socketio.layer());
    let error = fast_app::serve(listener, app, &socketio).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "drain_time (20s) and shutdown_timeout (10s) together must be less than hard_limit (30s)"
    );
}

/// Bytes that nobody reads make the kernel of a process that ends reset the connection, and forget what was written to it.
#[tokio::test]
async fn a_client_that_is_sending_gets_what_is_on_its_way_all_the_same() {
    const KILOBYTES: usize = 800;
    let mut server = start(&[]).await;
    let mut socket = named(&server, "ann").await;
    socket
        .send_text(format!(r#"42["flood",{KILOBYTES}]"#))
        .await;
    until_written(&server, "flooded ann").await;
    server.signal("TERM").await;
    until_written(&server, "shutting down").await;
    // It goes on for some time, as a client does that has not heard yet.
    let (begun, mut pace) = (Instant::now(), interval(Duration::from_millis(5)));
    while begun.elapsed() < Duration::from_millis(300) {
        pace.tick().await;
        socket.send_text(r#"42["nothing"]"#).await;
    }
    for _ in 0..KILOBYTES {
        assert!(socket.recv_text().await.starts_with(r#"42["flood","#));
    }
    assert_eq!(socket.expect_close().await, Some(1001));
    drop(socket);
    assert_eq!(server.ended().await.code(), Some(0), "{}", server.stderr());
}
