//! What no client of the protocol sends, by name, and how it is answered: at once, with the right status or close code,
//! and so that the next client does not notice.

mod http;
mod polling;
mod query;
mod reset;
mod smuggling;
mod websocket;

use testkit::Frame;
use tokio::time::{Duration, Instant};

use crate::{assert_next_client_served, echo::Server};

/// What half of the answers of a table must keep to; [`PROMPT`] is for the others.
const TYPICAL: Duration = Duration::from_millis(100);

/// Collects what a table finds, so that one run shows all of it.
#[derive(Default)]
struct Findings {
    wrong: Vec<String>,
    times: Vec<Duration>,
}

impl Findings {
    fn check<T: PartialEq + std::fmt::Debug>(
        &mut self,
        name: &str,
        start: Instant,
        got: T,
        want: T,
    ) {
        self.times.push(start.elapsed());
        if got != want {
            self.wrong.push(format!("{name}: {got:?}, not {want:?}"));
        }
    }

    /// Fails with all that was wrong, or when there were fewer inputs than this.
    fn assert_none(mut self, least: usize) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert!(self.times.len() >= least, "{} inputs", self.times.len());
        self.times.sort();
        let median = self.times[self.times.len() / 2];
        assert!(median < TYPICAL, "{median:?}");
    }
}

/// Packets that no WebSocket text message may be.
const TEXTS: [(&str, &str); 38] = [
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
];

/// Texts that are not UTF-8.
const NO_UTF8: [(&str, &[u8]); 11] = [
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
