//! At the limit of file descriptors, in `examples/lifecycle.rs` as a process of its own: the limit is a process's.

use std::{process::Command, time::Duration};

use testkit::{RawSocket, Server, TIMEOUT};
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::lifecycle::example;

/// Descriptors of the process.
const FILES: u32 = 100;

/// Connections that try to get in: more than can.
const CROWD: usize = 120;

/// Clock ticks of the kernel's accounts in a second, on Linux.
const TICKS: u64 = 100;

/// The example with few file descriptors, of which it keeps so many for itself.
async fn start(reserved: u32) -> Server {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"ulimit -n "$0" && exec "$1""#, &FILES.to_string()])
        .arg(example())
        .env("RESERVED_FILES", reserved.to_string());
    Server::run(command).await
}

/// What the process has used of the processor, by Linux's `/proc`: user and system time, behind the name in brackets.
fn cpu(server: &Server) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let fields: Vec<_> = stat[stat.rfind(')').unwrap()..].split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<u64>().unwrap();
    Duration::from_millis((ticks(12) + ticks(13)) * 1_000 / TICKS)
}

/// One event there and back.
async fn echo(client: &mut RawSocket) -> Duration {
    let asked = Instant::now();
    client.send_text(r#"421["nothing"]"#).await;
    client.expect_text("431[]").await;
    asked.elapsed()
}

/// For as long as a server has no descriptors left it rests; those that it serves do not notice.
async fn expect_patience(server: &mut Server) {
    let mut client = RawSocket::socketio(server.addr(), "").await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(TcpStream::connect(server.addr()).await.unwrap());
    }
    let complained = async {
        let at_limit = || {
            let log = server.stderr();
            log.contains("too many connections") || log.contains("cannot accept connections")
        };
        while !at_limit() {
            echo(&mut client).await;
        }
    };
    timeout(TIMEOUT, complained).await.unwrap();

    let (before, begun) = (cpu(server), Instant::now());
    let mut times = Vec::new();
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    while begun.elapsed() < Duration::from_secs(1) {
        pace.tick().await;
        times.push(echo(&mut client).await);
    }
    // A loop that spins takes all of a processor.
    let used = cpu(server) - before;
    assert!(
        used < begun.elapsed() / 4,
        "{used:?} in {:?}",
        begun.elapsed()
    );
    // One after the other: a machine that stands still spoils one of them, a server that is blocked more.
    times.sort_unstable();
    let [.., second_slowest, _] = times[..] else {
        panic!("only {times:?} in a second")
    };
    assert!(second_slowest < Duration::from_millis(500), "{times:?}");
    let log = server.stderr();
    let lines = log.lines().filter(|line| line.contains("connections"));
    assert!(lines.count() < 100, "{log}");

    drop(crowd);
    let back = async {
        loop {
            let mut stream = TcpStream::connect(server.addr()).await.unwrap();
            let request = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.0\r\n\r\n";
            _ = tokio::io::AsyncWriteExt::write_all(&mut stream, request).await;
            let mut answer = Vec::new();
            if stream.read_to_end(&mut answer).await.is_ok() && answer.starts_with(b"HTTP/1.0 200")
            {
                return;
            }
        }
    };
    timeout(TIMEOUT, back).await.expect("it lets nobody in");
    RawSocket::socketio(server.addr(), "").await;
    echo(&mut client).await;
}

#[tokio::test]
async fn connections_beyond_the_reserve_are_turned_away_at_a_pace() {
    let mut server = start(40).await;
    expect_patience(&mut server).await;
    assert!(server.stderr().contains("too many connections"));
}

#[tokio::test]
async fn without_descriptors_accepting_rests_and_recovers() {
    let mut server = start(0).await;
    expect_patience(&mut server).await;
    assert!(
        server.stderr().contains("cannot accept connections"),
        "{}",
        server.stderr()
    );
}
