//! Messages whose end is in doubt.

use fast_app_engineio::Config;
use testkit::{Polling, http};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use super::{Findings, assert_next_client_served_beside_others};
use crate::{echo::Server, poll_request, promptly};

/// Messages whose end two servers may see in two places, with a request hidden in the difference.
#[tokio::test]
async fn no_request_is_smuggled() {
    const HIDDEN: &str = "GET /other HTTP/1.1\r\nHost: x\r\n\r\n";
    const CHUNKS: &str = "2\r\n4x\r\n0\r\n\r\n";
    let length = HIDDEN.len();
    let chunked = CHUNKS.len() + length;
    let server = Server::start(Config::default()).await;
    let mut findings = Findings::default();
    for (name, headers, body) in [
        (
            "length and chunks",
            format!(
                "Content-Length: {}\r\nTransfer-Encoding: chunked\r\n",
                chunked
            ),
            CHUNKS,
        ),
        (
            "chunks and length",
            format!(
                "Transfer-Encoding: chunked\r\nContent-Length: {}\r\n",
                chunked
            ),
            CHUNKS,
        ),
        (
            "two lengths",
            format!("Content-Length: 2\r\nContent-Length: {}\r\n", length + 2),
            "4x",
        ),
        (
            "two lengths in one",
            format!("Content-Length: 2, {}\r\n", length + 2),
            "4x",
        ),
        (
            "the same length twice in one",
            "Content-Length: 2, 2\r\n".to_owned(),
            "4x",
        ),
        (
            "length with plus",
            "Content-Length: +2\r\n".to_owned(),
            "4x",
        ),
        ("negative length", "Content-Length: -2\r\n".to_owned(), "4x"),
        (
            "length in hexadecimal",
            "Content-Length: 0x2\r\n".to_owned(),
            "4x",
        ),
        ("empty length", "Content-Length: \r\n".to_owned(), "4x"),
        (
            "length with a space inside",
            "Content-Length: 2 0\r\n".to_owned(),
            "4x",
        ),
        (
            "length beyond 64 bits",
            "Content-Length: 18446744073709551618\r\n".to_owned(),
            "4x",
        ),
        (
            "space before the colon",
            format!(
                "Content-Length: {}\r\nTransfer-Encoding : chunked\r\n",
                chunked
            ),
            CHUNKS,
        ),
        (
            "chunked misspelt",
            "Transfer-Encoding: xchunked\r\n".to_owned(),
            CHUNKS,
        ),
        (
            "chunked not last",
            "Transfer-Encoding: chunked, identity\r\n".to_owned(),
            CHUNKS,
        ),
        (
            "identity",
            "Transfer-Encoding: identity\r\n".to_owned(),
            CHUNKS,
        ),
        (
            "folded header",
            format!(
                "Content-Length: {}\r\nTransfer-Encoding:\r\n chunked\r\n",
                chunked
            ),
            CHUNKS,
        ),
        (
            "vertical tab",
            format!(
                "Content-Length: {}\r\nTransfer-Encoding: \x0bchunked\r\n",
                chunked
            ),
            CHUNKS,
        ),
        (
            "chunk size beyond 64 bits",
            "Transfer-Encoding: chunked\r\n".to_owned(),
            "10000000000000000\r\n",
        ),
        (
            "chunk size with plus",
            "Transfer-Encoding: chunked\r\n".to_owned(),
            "+0\r\n\r\n",
        ),
        (
            "chunk size in decimal with 0x",
            "Transfer-Encoding: chunked\r\n".to_owned(),
            "0x0\r\n\r\n",
        ),
        (
            "chunk longer than its size",
            "Transfer-Encoding: chunked\r\n".to_owned(),
            "2\r\n4xyz\r\n0\r\n\r\n",
        ),
        (
            "carriage return in a header",
            "A: b\rContent-Length: 2\r\n".to_owned(),
            "4x",
        ),
    ] {
        let polling = Polling::handshake(server.addr()).await;
        let path = polling.path("polling");
        let start = Instant::now();
        let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}{HIDDEN}");
        let answer = promptly(all_answers(&server, &request)).await;
        let got = (
            answer.get(..12).unwrap_or_default(),
            answer.matches("HTTP/1.1 ").count(),
        );
        let status = match name {
            // Chunks count, and the connection ends: RFC 9112, section 6.1.
            "length and chunks" | "chunks and length" => "HTTP/1.1 200",
            _ => "HTTP/1.1 400",
        };
        findings.check(name, start, got, (status, 1));
    }
    assert_next_client_served_beside_others(&server).await;
    findings.assert_none(22);
}

/// Everything until the server ends the connection.
async fn all_answers(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset also ends it, behind what has come before.
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn requests_one_behind_the_other_are_answered_in_turn() {
    let server = Server::start(Config::default()).await;
    let polling = Polling::handshake(server.addr()).await;
    let mut connection = http::Connection::open(server.addr()).await;
    let post = poll_request(&polling)
        .replace("GET", "POST")
        .replace("\r\n\r\n", "\r\nContent-Length: 2\r\n\r\n4x");
    connection.send(post + &poll_request(&polling)).await;
    crate::assert_ok(&promptly(connection.response()).await.unwrap(), "ok");
    crate::assert_ok(&promptly(connection.response()).await.unwrap(), "4x");
}
