//! What the server sends: to clients that read, that read slowly and that do not read.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fast_app_engineio::{CloseReason, Config, Fanout, Frame, Session};
use testkit::{Polling, RawSocket, TIMEOUT, http};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout},
};

use crate::{
    assert_unknown,
    echo::{Server, text},
    hold, promptly, websocket_head,
};

const OUTBOX: usize = 64 * 1024;

/// A close frame: 1008, and the reason.
const SLOW_CONSUMER: &[u8] = b"\x88\x0f\x03\xf0slow consumer";

fn small_outbox() -> Config {
    Config {
        max_outbox: OUTBOX,
        ..Config::default()
    }
}

/// A number in front of a kilobyte.
fn numbered(number: usize) -> String {
    format!("{number:08}{}", "x".repeat(1_000))
}

/// These numbered messages as they are on a WebSocket.
fn wire(numbers: Range<usize>) -> Vec<u8> {
    let frames = numbers.map(|number| text(&numbered(number)).as_bytes().to_vec());
    frames.collect::<Vec<_>>().concat()
}

/// Sends to all of these, as a publisher would; whether all of them took it.
async fn publish(sessions: &[&Arc<Session>], frame: Frame) -> bool {
    let frames = [frame];
    let mut fanout = Fanout::new(&frames);
    sessions.iter().for_each(|session| fanout.push(session));
    let all = fanout.finish().await == sessions.len();
    tokio::task::yield_now().await;
    all
}

/// A WebSocket client that reads when it is told to, and whose kernel reads little ahead.
async fn lazy_client(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut stream = socket.connect(server.addr()).await.unwrap();
    stream.write_all(websocket_head().as_bytes()).await.unwrap();
    let mut opened = Vec::new();
    while !opened.ends_with(b"}") {
        stream.read_buf(&mut opened).await.unwrap();
    }
    stream
}

/// Reads until the connection ends, in whatever way.
async fn read_rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset also ends it, behind what has come before.
    let _reset = timeout(TIMEOUT, stream.read_to_end(&mut rest))
        .await
        .unwrap();
    rest
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_others_get_everything() {
    for (name, server) in Server::start_each(small_outbox()).await {
        let mut reading = RawSocket::engineio(server.addr()).await;
        let first = server.opened().await;
        let mut deaf = lazy_client(&server).await;
        let second = server.opened().await;
        let reader = tokio::spawn(async move {
            let mut number = 0;
            loop {
                match reading.recv_text().await {
                    end if end == "4end" => return (reading, number),
                    message => assert!(message[1..] == numbered(number)),
                }
                number += 1;
            }
        });
        let mut sent = 0;
        while publish(&[&first, &second], text(&numbered(sent))).await {
            sent += 1;
        }
        let reason = promptly(server.closed()).await;
        assert_eq!(reason, CloseReason::SlowConsumer, "{name}");
        assert!(second.is_closed() && !first.is_closed(), "{name}");
        assert_eq!(server.engine().slow_consumers(), 1, "{name}");
        first.send(&[text("end")]);
        let (mut reading, received) = reader.await.unwrap();
        assert_eq!(received, sent + 1, "{name}");
        reading.send_text("4still open").await;
        promptly(reading.expect_text("4still open")).await;
        // What the deaf one finds when it listens at last is the beginning, with no gap, and why it ends.
        let heard = read_rest(&mut deaf).await;
        let heard = heard.strip_suffix(SLOW_CONSUMER);
        let heard = heard.unwrap_or_else(|| panic!("{name}: no close"));
        assert!(wire(0..sent).starts_with(heard), "{name}");
    }
}

#[tokio::test]
async fn nothing_follows_a_message_that_found_no_room() {
    let server = Server::start(small_outbox()).await;
    let _deaf = lazy_client(&server).await;
    let session = server.opened().await;
    let mut sent = 0;
    let frames = [text(&numbered(0))];
    loop {
        let mut refused = Fanout::new(&frames);
        refused.push(&session);
        if refused.delivered() == 0 {
            // The fan-out has not ended yet, and so not closed the session in its turn.
            let mut later = Fanout::new(&frames);
            later.push(&session);
            assert_eq!(later.delivered(), 0);
            break;
        }
        refused.finish().await;
        tokio::task::yield_now().await;
        sent += 1;
    }
    assert!(sent > 0);
    assert_eq!(promptly(server.closed()).await, CloseReason::SlowConsumer);
}

/// In memory a pong is mostly what is around it.
#[tokio::test]
async fn security_5_short_frames_that_are_not_read_are_not_hoarded() {
    let server = Server::start(small_outbox()).await;
    let mut deaf = lazy_client(&server).await;
    let session = server.opened().await;
    while session.is_ready() {
        assert!(publish(&[&session], text(&numbered(0))).await);
    }
    let pings = b"\x89\x80mask".repeat(OUTBOX / 32);
    deaf.write_all(&pings).await.unwrap();
    assert_eq!(promptly(server.closed()).await, CloseReason::SlowConsumer);
}

#[tokio::test]
async fn a_slow_but_steady_reader_is_not_closed() {
    /// More than the kernel lets a writer wait for before it says that there is room again.
    const OUTBOX: usize = 16 << 20;
    const SIZE: usize = 32 * 1024;
    let config = Config {
        max_outbox: OUTBOX,
        ..Config::default()
    };
    let message = |number: usize| Frame::binary(&[number as u8; SIZE]);
    for (name, server) in Server::start_each(config).await {
        let _deaf = lazy_client(&server).await;
        let session = server.opened().await;
        let mut capacity = 0;
        while publish(&[&session], message(capacity)).await {
            capacity += 1;
        }
        server.closed().await;

        // A quarter of its outbox is full, or more where the kernel holds less this time, and for each message that it
        // takes another one comes.
        let mut slow = lazy_client(&server).await;
        let session = server.opened().await;
        let lead = capacity - OUTBOX / 4 * 3 / SIZE;
        for number in 0..lead {
            assert!(
                publish(&[&session], message(number)).await,
                "{name} {number}"
            );
        }
        let mut received = message(0).as_bytes().to_vec();
        for number in 0..4 * OUTBOX / SIZE {
            let sent = publish(&[&session], message(lead + number)).await;
            assert!(sent, "{name} {number}");
            let read = timeout(TIMEOUT, slow.read_exact(&mut received)).await;
            read.unwrap_or_else(|_| panic!("{name} {number}")).unwrap();
            assert!(received == message(number).as_bytes(), "{name} {number}");
        }
        assert!(server.none_closed().await);
    }
}

/// The kernel holds back that there is room until a third of its buffer is free: for this client much longer than the limit.
#[tokio::test]
async fn a_client_that_takes_little_at_a_time_is_not_closed() {
    const LIMIT: Duration = Duration::from_millis(600);
    let config = Config {
        write_timeout: LIMIT,
        max_outbox: 1 << 30,
        ..Config::default()
    };
    let server = Server::start(config).await;
    let mut slow = lazy_client(&server).await;
    let session = server.opened().await;
    let mut sent = 0;
    while session.is_ready() || sent % 1_000 > 0 {
        assert!(publish(&[&session], text(&numbered(sent))).await);
        sent += 1;
    }
    let (want, mut received) = (wire(0..sent), Vec::new());
    let start = Instant::now();
    while start.elapsed() < 4 * LIMIT {
        let mut some = [0; 16 * 1024];
        let count = slow.read(&mut some).await.unwrap();
        received.extend_from_slice(&some[..count]);
        tokio::time::sleep(LIMIT / 12).await;
    }
    assert!(received.len() < want.len() / 2, "it was slow");
    let mut rest = vec![0; want.len() - received.len()];
    let read = timeout(TIMEOUT, slow.read_exact(&mut rest)).await;
    read.expect("everything comes").unwrap();
    received.append(&mut rest);
    assert!(received == want);
    assert!(server.none_closed().await);
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_too_long_is_closed() {
    let config = Config {
        write_timeout: Duration::from_millis(100),
        max_outbox: 1 << 30,
        ..Config::default()
    };
    for (name, server) in Server::start_each(config).await {
        let _deaf = lazy_client(&server).await;
        let session = server.opened().await;
        for number in 0..10_000 {
            publish(&[&session], text(&numbered(number))).await;
        }
        let reason = promptly(server.closed()).await;
        assert_eq!(reason, CloseReason::SlowConsumer, "{name}");
        promptly(server.engine().ended()).await;
    }
}

#[tokio::test]
async fn a_burst_larger_than_the_outbox_reaches_a_client_that_reads() {
    const MESSAGES: usize = 8 * OUTBOX / 1_000;
    for (name, server) in Server::start_each(small_outbox()).await {
        let mut socket = RawSocket::engineio(server.addr()).await;
        let session = server.opened().await;
        for number in 0..MESSAGES {
            assert!(
                publish(&[&session], text(&numbered(number))).await,
                "{name}"
            );
        }
        for number in 0..MESSAGES {
            let message = promptly(socket.recv_text()).await;
            assert!(message[1..] == numbered(number), "{name} {number}");
        }
    }
}

#[tokio::test]
async fn a_burst_without_a_pause_reaches_a_client_that_reads() {
    const MESSAGES: usize = 8 * OUTBOX / 1_000;
    let server = Server::start(small_outbox()).await;
    let mut socket = RawSocket::engineio(server.addr()).await;
    let session = server.opened().await;
    let polling = Polling::handshake(server.addr()).await;
    let polled = server.opened().await;
    let mut held = hold(&server, &polling).await;
    for number in 0..MESSAGES {
        assert!(session.send(&[text(&numbered(number))]));
        assert!(polled.send(&[text(&numbered(number))]));
    }
    let payload = promptly(held.response()).await.unwrap().text();
    let mut packets = payload.split('\u{1e}');
    for number in 0..MESSAGES {
        let message = promptly(socket.recv_text()).await;
        assert!(message[1..] == numbered(number), "{number}");
        assert!(packets.next().unwrap()[1..] == numbered(number), "{number}");
    }
    assert_eq!(packets.next(), None);
}

#[tokio::test]
async fn a_polling_client_that_does_not_poll_is_closed() {
    let server = Server::start(small_outbox()).await;
    let polling = Polling::handshake(server.addr()).await;
    let session = server.opened().await;
    let mut sent = 0;
    while session.send(&[text(&numbered(sent))]) {
        sent += 1;
    }
    // Each counts for 64 bytes more than it has.
    assert_eq!(sent, OUTBOX / (64 + wire(0..1).len()));
    assert_eq!(server.closed().await, CloseReason::SlowConsumer);
    assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
}

#[tokio::test]
async fn one_message_may_be_larger_than_the_outbox() {
    let server = Server::start(small_outbox()).await;
    let mut polling = Polling::handshake(server.addr()).await;
    let session = server.opened().await;
    let large = "x".repeat(2 * OUTBOX);
    assert!(session.send(&[text(&large)]));
    promptly(polling.expect_text(&format!("4{large}"))).await;
    assert!(session.send(&[text(&large)]));
    promptly(polling.expect_text(&format!("4{large}"))).await;
}

#[tokio::test]
async fn a_publisher_that_never_waits_lets_others_have_their_turn() {
    let turn = Arc::new(AtomicBool::new(false));
    let other = turn.clone();
    tokio::spawn(async move { other.store(true, Ordering::Relaxed) });
    let frames = [text("to nobody")];
    for _ in 0..10_000 {
        Fanout::new(&frames).finish().await;
        if turn.load(Ordering::Relaxed) {
            return;
        }
    }
    panic!("nobody else had a turn");
}
