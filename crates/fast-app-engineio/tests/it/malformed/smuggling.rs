//! Messages whose end is in doubt.

use fast_app_engineio::Config;
use testkit::{Polling, Stopwatch, http};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Trial, answer};
use crate::{POLLING, echo::Server, poll_request, promptly};

const HIDDEN: &str = "GET /other HTTP/1.1\r\nHost: x\r\n\r\n";

/// Messages whose end two servers may see in two places: headers and body. [`HIDDEN`] lies in the difference.
pub(super) fn messages() -> Vec<(&'static str, String, &'static str)> {
    const CHUNKS: &str = "2\r\n4x\r\n0\r\n\r\n";
    let length = HIDDEN.len();
    let chunked = CHUNKS.len() + length;
    vec![
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
        (
            "length in words",
            "Content-Length: two\r\n".to_owned(),
            "4x",
        ),
        (
            "length with a fraction",
            "Content-Length: 2.0\r\n".to_owned(),
            "4x",
        ),
        (
            "length in exponents",
            "Content-Length: 2e0\r\n".to_owned(),
            "4x",
        ),
        (
            "length in full width",
            "Content-Length: ２\r\n".to_owned(),
            "4x",
        ),
        (
            "length in quotes",
            "Content-Length: \"2\"\r\n".to_owned(),
            "4x",
        ),
        (
            "length and a letter",
            "Content-Length: 2b\r\n".to_owned(),
            "4x",
        ),
        (
            "chunked in quotes",
            "Transfer-Encoding: \"chunked\"\r\n".to_owned(),
            CHUNKS,
        ),
        (
            "empty encoding",
            "Transfer-Encoding: \r\n".to_owned(),
            CHUNKS,
        ),
        (
            "chunk size in octets beyond ascii",
            "Transfer-Encoding: chunked\r\n".to_owned(),
            "２\r\n4x\r\n0\r\n\r\n",
        ),
        (
            "negative chunk size",
            "Transfer-Encoding: chunked\r\n".to_owned(),
            "-2\r\n4x\r\n0\r\n\r\n",
        ),
        (
            "empty chunk size",
            "Transfer-Encoding: chunked\r\n".to_owned(),
            ";x\r\n4x\r\n0\r\n\r\n",
        ),
    ]
}

#[tokio::test]
async fn no_request_is_smuggled() {
    let mut trial = Trial::start().await;
    for (name, headers, body) in messages() {
        let polling = Polling::handshake(trial.server.addr()).await;
        let path = polling.path("polling");
        let start = Stopwatch::start();
        let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}{HIDDEN}");
        let got = answer(name, all_answers(&trial.server, &request)).await;
        let got = (
            got.get(..12).unwrap_or_default().to_owned(),
            got.matches("HTTP/1.1 ").count(),
        );
        let status = match name {
            // Chunks count, and the connection ends: RFC 9112, section 6.1.
            "length and chunks" | "chunks and length" => "HTTP/1.1 200",
            _ => "HTTP/1.1 400",
        };
        let want = (status.to_owned(), 1);
        trial.check(name, start, got, want).await;
    }
    trial.finish().await;
}

/// Messages that are odd, and whose end is clear: what lies in their body is no request.
#[tokio::test]
async fn the_body_of_an_odd_message_is_no_request() {
    let mut trial = Trial::start().await;
    let length = format!("Content-Length: {}", HIDDEN.len());
    let last = "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for (name, head) in [
        (
            "line feeds alone",
            format!("GET /other HTTP/1.1\nHost: x\n{length}\n\n"),
        ),
        (
            "get with a body",
            format!("GET /other HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n"),
        ),
        (
            "handshake with a body",
            format!("GET {POLLING} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n"),
        ),
        (
            "absolute form",
            format!("GET http://y/other HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n"),
        ),
    ] {
        let start = Stopwatch::start();
        let request = format!("{head}{HIDDEN}{last}");
        let got = answer(name, all_answers(&trial.server, &request)).await;
        let got: Vec<_> = got.split("HTTP/1.1 ").skip(1).map(status).collect();
        let want = ["200", "404"].map(str::to_owned).to_vec();
        trial.check(name, start, got, want).await;
    }
    trial.finish().await;
}

fn status(answer: &str) -> String {
    answer.chars().take(3).collect()
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
