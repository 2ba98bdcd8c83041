//! Requests that are not HTTP, or not what a session takes.

use fast_app_engineio::Config;
use testkit::{Polling, http};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use super::{Findings, assert_next_client_served_beside_others};
use crate::{POLLING, assert_next_client_served, echo::Server, promptly};

/// Requests that are not HTTP/1.1, or are too much of it.
fn requests() -> Vec<(&'static str, String, u16)> {
    let get = |headers: &str| format!("GET {POLLING} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    vec![
        ("not http", "hello\r\n\r\n".into(), 400),
        ("method alone", "GET\r\n\r\n".into(), 400),
        ("http 0.9", format!("GET {POLLING}\r\n\r\n"), 400),
        (
            "http 1.2",
            format!("GET {POLLING} HTTP/1.2\r\nHost: x\r\n\r\n"),
            400,
        ),
        ("http 2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), 400),
        (
            "two spaces",
            format!("GET  {POLLING} HTTP/1.1\r\nHost: x\r\n\r\n"),
            400,
        ),
        (
            "space in the path",
            "GET /socket.io/?EIO=4 &transport=polling HTTP/1.1\r\n\r\n".into(),
            400,
        ),
        (
            "control character in the path",
            "GET /socket.io/?\x01 HTTP/1.1\r\nHost: x\r\n\r\n".into(),
            400,
        ),
        (
            "nul in the path",
            "GET /socket.io/?\0 HTTP/1.1\r\nHost: x\r\n\r\n".into(),
            400,
        ),
        ("nul in a header", get("A: \0\r\n"), 400),
        ("nul in a header's name", get("A\0: b\r\n"), 400),
        ("header without colon", get("A\r\n"), 400),
        ("header without name", get(": b\r\n"), 400),
        ("space in a header's name", get("A b: c\r\n"), 400),
        (
            "space before the colon",
            get("Transfer-Encoding : chunked\r\n"),
            400,
        ),
        ("header on two lines", get("A: b\r\n c\r\n"), 400),
        ("too many headers", get(&"a: b\r\n".repeat(100)), 431),
        (
            "too large a header",
            get(&format!("a: {}\r\n", "b".repeat(200_000))),
            431,
        ),
        (
            "too many headers by far",
            get(&"a: b\r\n".repeat(5_000)),
            431,
        ),
        (
            "tls",
            "\x16\x03\x01\x02\0\x01\0\x01".to_owned() + "\r\n\r\n",
            400,
        ),
    ]
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let server = Server::start(Config::default()).await;
    let mut findings = Findings::default();
    for (name, request, status) in requests() {
        let start = Instant::now();
        let answer = promptly(http::try_request(server.addr(), request)).await;
        let got = answer
            .map(|answer| answer.status)
            .map_err(|error| error.kind());
        let want = match name {
            // Its preface is known, and what follows is not HTTP at all.
            "http 2" => Err(std::io::ErrorKind::UnexpectedEof),
            _ => Ok(status),
        };
        findings.check(name, start, got, want);
    }
    assert_eq!(server.engine().sessions(), 0);
    assert_next_client_served(&server).await;
    findings.assert_none(20);
}

#[tokio::test]
async fn odd_requests_of_a_session_are_refused() {
    let server = Server::start(Config::default()).await;
    let mut findings = Findings::default();
    for (name, method, headers, status) in [
        ("head", "HEAD", "", 400),
        ("put", "PUT", "Content-Length: 0\r\n", 400),
        ("delete", "DELETE", "", 400),
        ("patch", "PATCH", "Content-Length: 0\r\n", 400),
        ("trace", "TRACE", "", 400),
        ("unknown method", "BREW", "", 400),
        (
            "get with upgrade",
            "GET",
            "Connection: Upgrade\r\nUpgrade: websocket\r\n",
            400,
        ),
        (
            "post with upgrade",
            "POST",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n",
            400,
        ),
        (
            "upgrade to http 2",
            "GET",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
            400,
        ),
        ("empty post", "POST", "Content-Length: 0\r\n", 400),
        ("post without length", "POST", "", 400),
        (
            "binary post",
            "POST",
            "Content-Type: application/octet-stream\r\nContent-Length: 0\r\n",
            400,
        ),
        (
            "post of too much",
            "POST",
            "Content-Length: 1000001\r\n",
            413,
        ),
        (
            "post of very much",
            "POST",
            "Content-Length: 9223372036854775807\r\n",
            413,
        ),
        (
            "post of too much in a chunk",
            "POST",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n",
            400,
        ),
        (
            "chunk without size",
            "POST",
            "Transfer-Encoding: chunked\r\n\r\n\r\n",
            400,
        ),
        (
            "chunk of no number",
            "POST",
            "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
            400,
        ),
        (
            "chunk of a negative size",
            "POST",
            "Transfer-Encoding: chunked\r\n\r\n-1\r\n",
            400,
        ),
        (
            "foreign page",
            "GET",
            "Origin: https://evil.example\r\n",
            403,
        ),
        (
            "two origins",
            "GET",
            "Origin: http://x\r\nOrigin: http://x\r\n",
            403,
        ),
    ] {
        let polling = Polling::handshake(server.addr()).await;
        let path = polling.path("polling");
        let start = Instant::now();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let status_line = promptly(status_line(&server, &request)).await;
        findings.check(name, start, status_line, format!("HTTP/1.1 {status}"));
    }
    assert_next_client_served_beside_others(&server).await;
    findings.assert_none(20);
}

/// The first twelve bytes of the answer: that of a HEAD has a length and no body.
async fn status_line(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    String::from_utf8_lossy(&line).into_owned()
}
