//! What no client of the protocol sends, by name, and how it is answered: at once, with the right status or close code,
//! and so that the next client does not notice.

mod handshake;
mod http;
mod polling;
mod query;
mod reset;
mod smuggling;
mod websocket;

use std::fmt::Debug;

use fast_app_engineio::{CloseReason, Config};
use testkit::{Findings, Frame, RawSocket, Stopwatch, TIMEOUT};
use tokio::time::timeout;

use crate::{assert_next_client_served, echo::Server};

/// After how many inputs a new client is to find the server as it was.
const NEW_CLIENT: usize = 50;

/// A server that a table of inputs is tried on, and a client of it that must notice none of them.
struct Trial {
    server: Server,
    witness: RawSocket,
    findings: Findings,
}

impl Trial {
    async fn start() -> Self {
        Self::on(Server::start(Config::default()).await).await
    }

    async fn on(server: Server) -> Self {
        Self {
            witness: RawSocket::engineio(server.addr()).await,
            server,
            findings: Findings::default(),
        }
    }

    /// Notes the answer to an input that was sent at `start`; the witness and now and then a new client get their echo.
    async fn check<T: PartialEq + Debug>(&mut self, name: &str, start: Stopwatch, got: T, want: T) {
        self.findings.check(name, start, got, want);
        let inputs = self.findings.inputs();
        let message = format!("4witness of {inputs}");
        self.witness.send_text(&message).await;
        answer(name, self.witness.expect_text(&message)).await;
        if inputs.is_multiple_of(NEW_CLIENT) {
            assert_next_client_served_beside_others(&self.server).await;
        }
    }

    /// Ends the witness, and fails with all that was wrong.
    async fn finish(mut self) -> Server {
        assert_next_client_served_beside_others(&self.server).await;
        self.witness.send_text("1").await;
        answer("the end of the witness", self.witness.expect_close()).await;
        assert_eq!(self.server.closed().await, CloseReason::Client);
        self.findings.assert_none();
        self.server
    }
}

/// What comes of an input; panics with its name when nothing does.
async fn answer<T>(name: &str, future: impl Future<Output = T>) -> T {
    timeout(TIMEOUT, future)
        .await
        .unwrap_or_else(|_| panic!("{name}: no answer within {TIMEOUT:?}"))
}

/// A table that loses its inputs proves nothing. With those of `fast-app-socketio` there are more than 500; a query
/// counts for each transport, and everything else for one.
#[test]
fn there_are_many_inputs() {
    let counts = [
        websocket::frames().len(),
        polling::bodies().len(),
        2 * query::queries().len(),
        http::requests().len(),
        http::openings().len(),
        http::session_requests().len(),
        handshake::handshakes().len(),
        smuggling::messages().len(),
    ];
    assert!(counts.iter().sum::<usize>() >= 800, "{counts:?}");
}

/// Packets that no WebSocket text message may be.
const TEXTS: [(&str, &str); 45] = [
    ("empty text", ""),
    ("open packet", "0"),
    ("open packet with data", "0{}"),
    ("close packet with data", "1x"),
    ("ping of a server", "2"),
    ("ping with data", "2x"),
    ("probe outside of an upgrade", "2probe"),
    ("pong with data", "3x"),
    ("answer to a probe", "3probe"),
    ("upgrade outside of an upgrade", "5"),
    ("upgrade with data", "5x"),
    ("noop with data", "6x"),
    ("type 7", "7"),
    ("type 8", "8"),
    ("type 9 with data", "9x"),
    ("two digits of another type", "74"),
    ("letters", "abc"),
    ("base64", "bAQID"),
    ("capital base64", "BAQID"),
    ("space before the type", " 4x"),
    ("line feed before the type", "\n4x"),
    ("nul", "\0"),
    ("nul before the type", "\x004x"),
    ("separator", "\u{1e}"),
    ("separator before the type", "\u{1e}4x"),
    ("byte order mark", "\u{feff}4x"),
    ("full-width four", "４x"),
    ("arabic four", "٤x"),
    ("accented letter", "é"),
    ("emoji", "😀"),
    ("minus", "-4"),
    ("plus", "+4"),
    ("json object", "{}"),
    ("json array", "[\"message\"]"),
    ("null", "null"),
    ("undefined", "undefined"),
    ("length-prefixed packet of protocol 3", "6:4hello"),
    ("http", "GET / HTTP/1.1\r\n\r\n"),
    ("type 10", "10"),
    ("letter of base64 before a message", "b4x"),
    ("tab before the type", "\t4x"),
    ("quoted packet", "\"4x\""),
    ("delete", "\u{7f}4x"),
    ("right to left mark", "\u{200f}4x"),
    ("devanagari four", "४x"),
];

/// Texts that are not UTF-8.
const NO_UTF8: [(&str, &[u8]); 20] = [
    ("lone continuation byte", b"4\x80"),
    ("byte that is never used", b"4\xff"),
    ("other byte that is never used", b"4\xfe"),
    ("overlong slash", b"4\xc0\xaf"),
    ("overlong nul", b"4\xe0\x80\x80"),
    ("half of a character", b"4\xc3"),
    ("two thirds of a character", b"4\xe2\x82"),
    ("surrogate", b"4\xed\xa0\x80"),
    ("surrogate pair", b"4\xed\xa0\xbd\xed\xb8\x80"),
    ("beyond unicode", b"4\xf4\x90\x80\x80"),
    ("five bytes", b"4\xf8\x88\x80\x80\x80"),
    ("six bytes", b"4\xfc\x84\x80\x80\x80\x80"),
    ("overlong letter", b"4\xc1\xa1"),
    ("overlong of three bytes", b"4\xe0\x9f\xbf"),
    ("overlong of four bytes", b"4\xf0\x8f\xbf\xbf"),
    ("three quarters of a character", b"4\xf0\x9f\x98"),
    ("character cut by a letter", b"4\xe2\x82x"),
    ("low surrogate", b"4\xed\xbf\xbf"),
    ("far beyond unicode", b"4\xf5\x80\x80\x80"),
    ("latin 1", b"4caf\xe9"),
];

fn fragment(opcode: u8, payload: impl Into<Vec<u8>>) -> Vec<u8> {
    let frame = Frame {
        fin: false,
        ..Frame::new(opcode, payload)
    };
    frame.encode()
}

async fn assert_next_client_served_beside_others(server: &Server) {
    while !server.none_closed().await {
        server.closed().await;
    }
    assert_next_client_served(server).await;
}
