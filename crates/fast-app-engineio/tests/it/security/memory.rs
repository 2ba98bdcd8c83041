//! What clients make a server keep.

use std::time::Duration;

use fast_app_engineio::{CloseReason, Config};
use testkit::{Polling, TIMEOUT};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    runtime::Handle,
    time::{Instant, timeout},
};

use crate::{
    POLLING, connection,
    echo::{Server, text},
    fast_heartbeat,
};

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// A session that was only opened owns no task: its heartbeat is a place on the wheel of all.
#[tokio::test]
async fn security_1_cve_2026_48802_a_session_owns_no_task() {
    let server = Server::start(Config::default()).await;
    let mut opening = connection(&server).await;
    let open = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut before = None;
    for _ in 0..500 {
        opening.send(open).await;
        assert_eq!(opening.response().await.unwrap().status, 200);
        // The first one starts the tasks that all share.
        assert_eq!(tasks(), *before.get_or_insert_with(tasks));
    }
    assert_eq!(server.engine().sessions(), 500);
}

/// A small version of what `cargo xtask siege` does with 5,000: all that never poll go away. How soon is judged
/// there.
#[tokio::test]
async fn security_2i_sessions_that_never_poll_go_away() {
    let server = Server::start(fast_heartbeat()).await;
    for _ in 0..300 {
        Polling::handshake(server.addr()).await;
    }
    timeout(TIMEOUT, server.engine().ended()).await.unwrap();
    for _ in 0..300 {
        assert_eq!(server.closed().await, CloseReason::PingTimeout);
    }
}

/// A client, on the only connection of a server with this limit, whose answer is so large that most of it is still to be
/// written.
async fn ask_for(size: usize, limit: Duration) -> (Server, TcpStream) {
    let mut config = Config {
        max_outbox: 64 << 20,
        ..Config::default()
    };
    config.http.write_timeout = limit;
    let server = Server::start(config).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut reader = socket.connect(server.addr()).await.unwrap();
    let open = format!("GET {POLLING} HTTP/1.1\r\nHost: x\r\n\r\n");
    reader.write_all(open.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        reader.read_buf(&mut answer).await.unwrap();
    }
    let session = server.opened().await;
    session.send(&[text(&"x".repeat(size))]);
    let sid = session.sid();
    let poll = format!("GET {POLLING}&sid={sid} HTTP/1.1\r\nHost: x\r\n\r\n");
    reader.write_all(poll.as_bytes()).await.unwrap();
    reader.readable().await.unwrap();
    (server, reader)
}

/// hyper itself would keep an answer for as long as the client keeps the connection.
#[tokio::test]
async fn security_5_an_answer_that_is_not_read_ends_its_connection() {
    let (_server, _reader) = ask_for(32 << 20, Duration::from_millis(200)).await;
    let with_its_own = tasks();
    let kept = async {
        let mut look = tokio::time::interval(Duration::from_millis(1));
        while tasks() >= with_its_own {
            look.tick().await;
        }
    };
    timeout(TIMEOUT, kept).await.expect("the answer is kept");
}

/// Whoever takes something now and then gets all of it, also when it is much too little for the kernel to say that there is
/// room again.
#[tokio::test]
async fn security_5_an_answer_that_is_read_slowly_arrives() {
    const SIZE: usize = 24 << 20;
    let limit = Duration::from_millis(600);
    let (_server, mut reader) = ask_for(SIZE, limit).await;
    let (start, mut came, mut piece) = (Instant::now(), 0, vec![0; 16 << 10]);
    let mut now_and_then = tokio::time::interval(limit / 12);
    while came < SIZE {
        if start.elapsed() < 4 * limit {
            now_and_then.tick().await;
        }
        let more = timeout(TIMEOUT, reader.read(&mut piece)).await;
        came += match more.unwrap() {
            Ok(0) | Err(_) => panic!("{came} bytes came"),
            Ok(more) => more,
        };
    }
}
