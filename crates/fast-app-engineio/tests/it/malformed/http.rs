//! Requests that are not HTTP, or not what a session takes.

use testkit::{Polling, Stopwatch, http};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Trial, answer};
use crate::{POLLING, WEBSOCKET, echo::Server};

/// Requests that are not HTTP/1.1, or are too much of it.
pub(super) fn requests() -> Vec<(&'static str, String, u16)> {
    let get = |headers: &str| format!("GET {POLLING} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    vec![
        ("two hosts", get("Host: y\r\n"), 400),
        ("host twice", get("Host: x\r\n"), 400),
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
        ("header in latin 1's controls", get("A: \x7f\r\n"), 400),
        ("escape in a header", get("A: \x1b[31m\r\n"), 400),
        ("header's name in brackets", get("(A): b\r\n"), 400),
        ("header's name beyond ascii", get("é: b\r\n"), 400),
        ("comma in a header's name", get("A,B: c\r\n"), 400),
        (
            "header before the first",
            format!("GET {POLLING} HTTP/1.1\r\n A: b\r\n\r\n"),
            400,
        ),
        (
            "http 3",
            format!("GET {POLLING} HTTP/3\r\nHost: x\r\n\r\n"),
            400,
        ),
        (
            "http in small letters",
            format!("GET {POLLING} http/1.1\r\nHost: x\r\n\r\n"),
            400,
        ),
        (
            "no version",
            format!("GET {POLLING} \r\nHost: x\r\n\r\n"),
            400,
        ),
        (
            "tabs for spaces",
            format!("GET\t{POLLING}\tHTTP/1.1\r\nHost: x\r\n\r\n"),
            400,
        ),
        (
            "slash in the method",
            format!("G/T {POLLING} HTTP/1.1\r\nHost: x\r\n\r\n"),
            400,
        ),
        (
            "method beyond ascii",
            format!("GÉT {POLLING} HTTP/1.1\r\nHost: x\r\n\r\n"),
            400,
        ),
        (
            "path without its slash",
            "GET socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n".into(),
            400,
        ),
        (
            "backslash in the path",
            "GET \\socket.io\\ HTTP/1.1\r\nHost: x\r\n\r\n".into(),
            400,
        ),
        (
            "long path",
            format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000)),
            414,
        ),
        (
            "websocket frame for a request",
            "\u{1}\u{5}4x\r\n\r\n".into(),
            400,
        ),
        ("smtp", "EHLO x\r\n\r\n".into(), 400),
        ("redis", "*1\r\n$4\r\nPING\r\n".into(), 400),
        ("ssh", "SSH-2.0-x\r\n\r\n".into(), 400),
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
    let mut trial = Trial::start().await;
    for (name, request, status) in requests() {
        let start = Stopwatch::start();
        let got = answer(name, http::try_request(trial.server.addr(), request)).await;
        let got = got.map(|got| got.status).map_err(|error| error.kind());
        let want = match name {
            // Its preface is known, and what follows is not HTTP at all.
            "http 2" => Err(std::io::ErrorKind::UnexpectedEof),
            _ => Ok(status),
        };
        trial.check(name, start, got, want).await;
    }
    assert_eq!(trial.finish().await.engine().sessions(), 0);
}

/// Requests for a new session that is not given: method, path, headers and the status.
pub(super) fn openings() -> Vec<(&'static str, &'static str, &'static str, &'static str, u16)> {
    const WHERE: &str = POLLING;
    const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    vec![
        ("head without a session", "HEAD", WHERE, "", 400),
        (
            "post without a session",
            "POST",
            WHERE,
            "Content-Length: 0\r\n",
            400,
        ),
        (
            "post of too much without a session",
            "POST",
            WHERE,
            "Content-Length: 1000001\r\n",
            400,
        ),
        (
            "put without a session",
            "PUT",
            WHERE,
            "Content-Length: 0\r\n",
            400,
        ),
        ("delete without a session", "DELETE", WHERE, "", 400),
        (
            "patch without a session",
            "PATCH",
            WHERE,
            "Content-Length: 0\r\n",
            400,
        ),
        ("trace without a session", "TRACE", WHERE, "", 400),
        ("small letters for a method", "get", WHERE, "", 400),
        ("a method of webdav", "PROPFIND", WHERE, "", 400),
        ("upgrade of a polling request", "GET", WHERE, UPGRADE, 400),
        ("empty upgrade", "GET", WHERE, "Upgrade: \r\n", 400),
        ("websocket without its headers", "GET", WEBSOCKET, "", 400),
        (
            "websocket with an upgrade alone",
            "GET",
            WEBSOCKET,
            UPGRADE,
            400,
        ),
        ("posted websocket", "POST", WEBSOCKET, UPGRADE, 400),
        ("optional websocket", "HEAD", WEBSOCKET, UPGRADE, 400),
        (
            "foreign page",
            "GET",
            WHERE,
            "Origin: https://evil.example\r\n",
            403,
        ),
        (
            "foreign page behind a proxy of its own",
            "GET",
            WHERE,
            "Origin: https://evil.example\r\nX-Forwarded-Host: evil.example\r\n",
            403,
        ),
        (
            "foreign page that forwards",
            "GET",
            WHERE,
            "Origin: https://evil.example\r\nForwarded: host=evil.example\r\n",
            403,
        ),
        ("page of no origin", "GET", WHERE, "Origin: null\r\n", 403),
        ("empty origin", "GET", WHERE, "Origin: \r\n", 403),
        (
            "origin without a scheme",
            "GET",
            WHERE,
            "Origin: x\r\n",
            403,
        ),
        ("any origin", "GET", WHERE, "Origin: *\r\n", 403),
        (
            "origin of another port",
            "GET",
            WHERE,
            "Origin: http://x:1\r\n",
            403,
        ),
        (
            "origin in front of the host",
            "GET",
            WHERE,
            "Origin: http://x.evil.example\r\n",
            403,
        ),
        (
            "origin with the host as its user",
            "GET",
            WHERE,
            "Origin: http://x@evil.example\r\n",
            403,
        ),
        (
            "origins in one",
            "GET",
            WHERE,
            "Origin: http://x, http://evil.example\r\n",
            403,
        ),
        (
            "origin that is a file",
            "GET",
            WHERE,
            "Origin: file://\r\n",
            403,
        ),
        (
            "foreign websocket",
            "GET",
            WEBSOCKET,
            "Origin: https://evil.example\r\n",
            403,
        ),
        (
            "foreign preflight",
            "OPTIONS",
            WHERE,
            "Origin: https://evil.example\r\n",
            403,
        ),
        (
            "path below",
            "GET",
            "/socket.io/x?EIO=4&transport=polling",
            "",
            404,
        ),
        (
            "path above",
            "GET",
            "/socket.io/..?EIO=4&transport=polling",
            "",
            404,
        ),
        (
            "path with two slashes",
            "GET",
            "//socket.io/?EIO=4&transport=polling",
            "",
            404,
        ),
        (
            "path in capitals",
            "GET",
            "/SOCKET.IO/?EIO=4&transport=polling",
            "",
            404,
        ),
        (
            "path in percent",
            "GET",
            "/%73ocket.io/?EIO=4&transport=polling",
            "",
            404,
        ),
        (
            "path with nul",
            "GET",
            "/socket.io/%00?EIO=4&transport=polling",
            "",
            404,
        ),
        (
            "path out of the root",
            "GET",
            "/socket.io/../../etc/passwd",
            "",
            404,
        ),
        ("websocket on another path", "GET", "/nowhere", UPGRADE, 404),
        (
            "question mark in percent",
            "GET",
            "/socket.io/%3fEIO=4&transport=polling",
            "",
            404,
        ),
        (
            "query in the fragment",
            "GET",
            "/socket.io/#?EIO=4&transport=polling",
            "",
            400,
        ),
        ("asterisk for a path", "GET", "*", "", 404),
    ]
}

#[tokio::test]
async fn odd_requests_open_no_session() {
    let mut trial = Trial::start().await;
    for (name, method, path, headers, status) in openings() {
        let start = Stopwatch::start();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let got = answer(name, status_line(&trial.server, &request)).await;
        let want = format!("HTTP/1.1 {status}");
        trial.check(name, start, got, want).await;
        assert_eq!(trial.server.engine().sessions(), 1, "{name}");
    }
    trial.finish().await;
}

/// Requests to a polling session that has done nothing yet: method, headers and the status.
pub(super) fn session_requests() -> Vec<(&'static str, &'static str, &'static str, u16)> {
    vec![
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
        (
            "binary post in capitals",
            "POST",
            "Content-Type: Application/Octet-Stream\r\nContent-Length: 2\r\n\r\n4x",
            400,
        ),
        (
            "binary post with a parameter",
            "POST",
            "Content-Type: application/octet-stream; charset=utf-8\r\nContent-Length: 2\r\n\r\n4x",
            400,
        ),
        (
            "binary post behind a space",
            "POST",
            "Content-Type: application/octet-stream ;a\r\nContent-Length: 2\r\n\r\n4x",
            400,
        ),
        (
            "foreign post",
            "POST",
            "Origin: https://evil.example\r\nContent-Length: 2\r\n\r\n4x",
            403,
        ),
        (
            "post of a page of no origin",
            "POST",
            "Origin: null\r\nContent-Length: 2\r\n\r\n4x",
            403,
        ),
        (
            "chunk without its end",
            "POST",
            "Transfer-Encoding: chunked\r\n\r\n2\r\n4xx\r\n",
            400,
        ),
        (
            "chunk size with a space inside",
            "POST",
            "Transfer-Encoding: chunked\r\n\r\n2 2\r\n4x\r\n",
            400,
        ),
        (
            "empty chunks alone",
            "POST",
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        ("get in small letters", "get", "", 400),
        ("a method of webdav", "PROPFIND", "", 400),
    ]
}

#[tokio::test]
async fn odd_requests_of_a_session_are_refused() {
    let mut trial = Trial::start().await;
    for (name, method, headers, status) in session_requests() {
        let polling = Polling::handshake(trial.server.addr()).await;
        let path = polling.path("polling");
        let start = Stopwatch::start();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        let got = answer(name, status_line(&trial.server, &request)).await;
        let want = format!("HTTP/1.1 {status}");
        trial.check(name, start, got, want).await;
    }
    trial.finish().await;
}

/// The first twelve bytes of the answer: that of a HEAD has a length and no body.
async fn status_line(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).await.unwrap();
    String::from_utf8_lossy(&line).into_owned()
}
