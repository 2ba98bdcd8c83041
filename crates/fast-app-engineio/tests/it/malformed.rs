//! What no client of the protocol sends, by name, and how it is answered: at once, with the right status or close code,
//! and so that the next client does not notice.

use fast_app_engineio::{CloseReason, Config};
use testkit::{Frame, Polling, RawSocket, http};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::{
    POLLING, PROMPT, assert_next_client_served, assert_unknown, echo::Server, poll_request,
    promptly,
};

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

/// A masked frame's header that declares a length, and no payload.
fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first, 0xff];
    bytes.extend(length.to_be_bytes());
    bytes.extend([1, 2, 3, 4]);
    bytes
}

/// What a WebSocket may not carry, with the code that it is closed with.
fn frames() -> Vec<(String, Vec<u8>, u16)> {
    let mut table: Vec<(String, Vec<u8>, u16)> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>, code| table.push((name.to_owned(), bytes, code));
    for (name, text) in TEXTS {
        add(name, Frame::text(text).encode(), 1002);
    }
    for (name, bytes) in NO_UTF8 {
        add(name, Frame::new(Frame::TEXT, bytes).encode(), 1007);
        let cut = [
            fragment(Frame::TEXT, &bytes[..1]),
            Frame::new(Frame::CONTINUATION, &bytes[1..]).encode(),
        ];
        add(&format!("{name} in fragments"), cut.concat(), 1007);
        let reason = [&1000u16.to_be_bytes()[..], &bytes[1..]].concat();
        add(
            &format!("{name} in a close reason"),
            Frame::new(Frame::CLOSE, reason).encode(),
            1007,
        );
    }
    for opcode in [
        Frame::TEXT,
        Frame::BINARY,
        Frame::PING,
        Frame::PONG,
        Frame::CLOSE,
    ] {
        let frame = Frame::new(opcode, []);
        let unmasked = Frame {
            masked: false,
            ..frame.clone()
        };
        add(
            &format!("opcode {opcode} unmasked"),
            unmasked.encode(),
            1002,
        );
        for rsv in [1, 2, 4, 7] {
            let reserved = Frame {
                rsv,
                ..frame.clone()
            };
            add(
                &format!("opcode {opcode} with reserved bits {rsv}"),
                reserved.encode(),
                1002,
            );
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        add(
            &format!("opcode {opcode}"),
            Frame::new(opcode, "4x").encode(),
            1002,
        );
        add(
            &format!("opcode {opcode} in fragments"),
            fragment(opcode, "4x"),
            1002,
        );
    }
    for opcode in [Frame::PING, Frame::PONG, Frame::CLOSE] {
        add(
            &format!("opcode {opcode} in fragments"),
            fragment(opcode, [3, 232]),
            1002,
        );
        let long = Frame::new(opcode, [b'x'; 126]).encode();
        add(&format!("opcode {opcode} of 126 bytes"), long, 1002);
    }
    let begun = fragment(Frame::TEXT, "4x");
    for (name, next) in [
        ("text", Frame::text("4y")),
        ("binary", Frame::binary("y")),
        ("text of protocol 3", Frame::text("")),
    ] {
        let both = [begun.clone(), next.encode()].concat();
        add(&format!("{name} between fragments"), both, 1002);
    }
    add(
        "continuation of nothing",
        Frame::new(Frame::CONTINUATION, "x").encode(),
        1002,
    );
    add(
        "fragment of nothing",
        fragment(Frame::CONTINUATION, "x"),
        1002,
    );
    let ended = [
        Frame::text("4x").encode(),
        Frame::new(Frame::CONTINUATION, "y").encode(),
    ];
    add("continuation of a whole message", ended.concat(), 1002);
    add(
        "close of one byte",
        Frame::new(Frame::CLOSE, [3]).encode(),
        1002,
    );
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        add(
            &format!("close with code {code}"),
            Frame::close(code).encode(),
            1002,
        );
    }
    for (name, length) in [
        ("one byte too many", 1_000_001),
        ("16 MiB", 16 << 20),
        ("4 GiB", 1 << 32),
        ("2^63 - 1 bytes", (1 << 63) - 1),
        ("2^63 bytes", 1 << 63),
        ("2^64 - 1 bytes", u64::MAX),
    ] {
        add(&format!("text of {name}"), header(0x81, length), 1009);
        add(&format!("binary of {name}"), header(0x82, length), 1009);
        let later = [begun.clone(), header(0x80, length)].concat();
        add(&format!("fragment of {name}"), later, 1009);
    }
    let sum = [
        fragment(Frame::BINARY, vec![0; 600_000]),
        header(0x80, 400_001),
    ];
    add("fragments of one byte too many in sum", sum.concat(), 1009);
    let empty = fragment(Frame::CONTINUATION, "");
    add(
        "5,000 empty fragments",
        [begun.clone(), empty.repeat(5_000)].concat(),
        1008,
    );
    add(
        "one fragment too many",
        [
            begun.clone(),
            fragment(Frame::CONTINUATION, "y").repeat(4_096),
        ]
        .concat(),
        1008,
    );
    add(
        "tls",
        vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03],
        1002,
    );
    add("http", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 1002);
    add("nothing but zeros", vec![0; 16], 1002);
    add("nothing but ones", vec![0xff; 16], 1002);
    table
}

#[tokio::test]
async fn wrong_frames_close_the_websocket_with_their_code() {
    for server in [
        Server::start(Config::default()).await,
        Server::start_wrapped(Config::default()).await,
    ] {
        let mut findings = Findings::default();
        for (name, bytes, code) in frames() {
            let mut socket = RawSocket::engineio(server.addr()).await;
            let start = Instant::now();
            socket.send_bytes(bytes).await;
            let end =
                promptly(async { (socket.expect_close().await, server.closed().await) }).await;
            findings.check(&name, start, end, (Some(code), CloseReason::ProtocolError));
        }
        assert_eq!(server.engine().sessions(), 0);
        assert_next_client_served(&server).await;
        findings.assert_none(150);
    }
}

#[tokio::test]
async fn wrong_frames_in_place_of_a_probe_leave_the_session_polling() {
    let server = Server::start(Config::default()).await;
    let mut polling = Polling::handshake(server.addr()).await;
    let mut findings = Findings::default();
    let path = polling.path("websocket");
    for (name, bytes, code) in frames() {
        if name == "probe outside of an upgrade" {
            continue;
        }
        let socket = promptly(RawSocket::connect(server.addr(), &path, &[])).await;
        let mut socket = socket.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        let start = Instant::now();
        socket.send_bytes(bytes).await;
        let code_sent = promptly(socket.expect_close()).await;
        findings.check(&name, start, code_sent, Some(code));
        promptly(socket.expect_close()).await;
    }
    promptly(polling.post(&["4still polling"])).await;
    promptly(polling.expect_text("4still polling")).await;
    assert!(server.none_closed().await);
    findings.assert_none(150);
}

/// Bodies that no POST may have.
fn bodies() -> Vec<(String, Vec<u8>)> {
    let mut table: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, text) in TEXTS {
        // Binary messages are Base64 over polling.
        if name != "base64" {
            table.push((name.to_owned(), text.as_bytes().to_vec()));
            table.push((
                format!("{name} behind a message"),
                format!("4x\u{1e}{text}").into_bytes(),
            ));
            table.push((
                format!("{name} before a message"),
                format!("{text}\u{1e}4x").into_bytes(),
            ));
        }
    }
    for (name, bytes) in NO_UTF8 {
        table.push((name.to_owned(), bytes.to_vec()));
        table.push((
            format!("{name} behind a message"),
            [b"4x\x1e", bytes].concat(),
        ));
    }
    for (name, body) in [
        ("no base64", "b###"),
        ("base64 without padding", "bAQ"),
        ("base64 of the other alphabet", "b-_-_"),
        ("base64 with a space", "bAQ ID"),
        ("base64 with a line feed", "bAQID\n"),
        ("base64 behind its end", "bAQ==AQID"),
        ("base64 with bits left over", "bAR=="),
        ("base64 of one character", "bA"),
        ("padding alone", "b===="),
        ("base64 that is not ascii", "bé"),
        ("separator at the end", "4x\u{1e}"),
        ("two separators", "4x\u{1e}\u{1e}4y"),
        ("form of jsonp", "d=4x"),
        ("form", "a=b&c=d"),
    ] {
        table.push((name.to_owned(), body.as_bytes().to_vec()));
    }
    table.push(("a million separators".to_owned(), vec![0x1e; 1_000_000]));
    table.push(("a million line feeds".to_owned(), vec![b'\n'; 1_000_000]));
    table.push(("a million letters".to_owned(), vec![b'x'; 1_000_000]));
    table.push((
        "too many packets".to_owned(),
        ["6"; 1_001].join("\u{1e}").into_bytes(),
    ));
    table
}

#[tokio::test]
async fn wrong_bodies_end_the_session() {
    let server = Server::start(Config::default()).await;
    let mut findings = Findings::default();
    for (name, body) in bodies() {
        let polling = Polling::handshake(server.addr()).await;
        let mut held = crate::hold(&server, &polling).await;
        let start = Instant::now();
        let answer = promptly(http::post(server.addr(), &polling.path("polling"), body)).await;
        findings.check(&name, start, (answer.status, answer.text()), bad_request());
        let reason = promptly(server.closed()).await;
        findings.check(&name, start, reason, CloseReason::ProtocolError);
        // Messages before the wrong packet were heard and answered.
        let last = promptly(held.response()).await.unwrap();
        let ended = last.text().ends_with('1') || last.text() == "4x";
        findings.check(&name, start, (last.status, ended), (200, true));
        assert_unknown(&promptly(http::get(server.addr(), &polling.path("polling"))).await);
    }
    assert_eq!(server.engine().sessions(), 0);
    assert_next_client_served(&server).await;
    findings.assert_none(3 * 140);
}

fn bad_request() -> (u16, String) {
    (400, r#"{"code":3,"message":"Bad request"}"#.to_owned())
}

#[tokio::test]
async fn wrong_queries_open_nothing() {
    const UNKNOWN_TRANSPORT: u8 = 0;
    const UNKNOWN_SID: u8 = 1;
    const BAD_REQUEST: u8 = 3;
    const VERSION: u8 = 5;
    let long = "x".repeat(30_000);
    let table = [
        ("no query", String::new(), UNKNOWN_TRANSPORT),
        ("no transport", "EIO=4".into(), UNKNOWN_TRANSPORT),
        (
            "empty transport",
            "EIO=4&transport=".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport without value",
            "EIO=4&transport".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport of protocol 3",
            "EIO=4&transport=flashsocket".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport not served",
            "EIO=4&transport=webtransport".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport in capitals",
            "EIO=4&transport=POLLING".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport in percent",
            "EIO=4&transport=%70olling".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport with nul",
            "EIO=4&transport=polling%00".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "transport with space",
            "EIO=4&transport=polling%20".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "two transports in one",
            "EIO=4&transport=polling,websocket".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "prototype",
            "EIO=4&transport=__proto__".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "constructor",
            "EIO=4&transport=constructor".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "array of transports",
            "EIO=4&transport[]=polling".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "bad utf-8",
            "EIO=4&transport=%ff%fe".into(),
            UNKNOWN_TRANSPORT,
        ),
        (
            "long transport",
            format!("EIO=4&transport={long}"),
            UNKNOWN_TRANSPORT,
        ),
        (
            "semicolons",
            "EIO=4;transport=polling".into(),
            UNKNOWN_TRANSPORT,
        ),
        ("no version", "transport=polling".into(), VERSION),
        ("empty version", "EIO=&transport=polling".into(), VERSION),
        (
            "version without value",
            "EIO&transport=polling".into(),
            VERSION,
        ),
        ("version 3", "EIO=3&transport=polling".into(), VERSION),
        ("version 5", "EIO=5&transport=polling".into(), VERSION),
        ("version 44", "EIO=44&transport=polling".into(), VERSION),
        ("version 4.0", "EIO=4.0&transport=polling".into(), VERSION),
        ("version 04", "EIO=04&transport=polling".into(), VERSION),
        ("version +4", "EIO=+4&transport=polling".into(), VERSION),
        ("version -4", "EIO=-4&transport=polling".into(), VERSION),
        (
            "version in percent",
            "EIO=%34&transport=polling".into(),
            VERSION,
        ),
        (
            "version with letters",
            "EIO=4abc&transport=polling".into(),
            VERSION,
        ),
        (
            "version in small letters",
            "eio=4&transport=polling".into(),
            VERSION,
        ),
        (
            "array of versions",
            "EIO[]=4&transport=polling".into(),
            VERSION,
        ),
        (
            "long version",
            format!("EIO=4{long}&transport=polling"),
            VERSION,
        ),
        (
            "version twice",
            "EIO=4&EIO=4&transport=polling".into(),
            BAD_REQUEST,
        ),
        (
            "two versions",
            "EIO=4&EIO=3&transport=polling".into(),
            BAD_REQUEST,
        ),
        (
            "transport twice",
            "EIO=4&transport=polling&transport=polling".into(),
            BAD_REQUEST,
        ),
        (
            "two transports",
            "EIO=4&transport=polling&transport=websocket".into(),
            BAD_REQUEST,
        ),
        (
            "sid twice",
            "EIO=4&transport=polling&sid=a&sid=b".into(),
            BAD_REQUEST,
        ),
        ("jsonp", "EIO=4&transport=polling&j=0".into(), BAD_REQUEST),
        (
            "jsonp without index",
            "EIO=4&transport=polling&j".into(),
            BAD_REQUEST,
        ),
        (
            "empty sid",
            "EIO=4&transport=polling&sid=".into(),
            UNKNOWN_SID,
        ),
        (
            "sid without value",
            "EIO=4&transport=polling&sid".into(),
            UNKNOWN_SID,
        ),
        (
            "short sid",
            "EIO=4&transport=polling&sid=abc".into(),
            UNKNOWN_SID,
        ),
        (
            "sid of 19 characters",
            format!("EIO=4&transport=polling&sid={}", "a".repeat(19)),
            UNKNOWN_SID,
        ),
        (
            "sid that was never given",
            format!("EIO=4&transport=polling&sid={}", "a".repeat(20)),
            UNKNOWN_SID,
        ),
        (
            "sid of 21 characters",
            format!("EIO=4&transport=polling&sid={}", "a".repeat(21)),
            UNKNOWN_SID,
        ),
        (
            "sid with a slash",
            format!("EIO=4&transport=polling&sid={}/", "a".repeat(19)),
            UNKNOWN_SID,
        ),
        (
            "sid with nul",
            "EIO=4&transport=polling&sid=%00".into(),
            UNKNOWN_SID,
        ),
        (
            "sid that is a path",
            "EIO=4&transport=polling&sid=../../etc/passwd".into(),
            UNKNOWN_SID,
        ),
        (
            "sid that is a query",
            "EIO=4&transport=polling&sid='--".into(),
            UNKNOWN_SID,
        ),
        (
            "sid that is a prototype",
            "EIO=4&transport=polling&sid=__proto__".into(),
            UNKNOWN_SID,
        ),
        (
            "sid null",
            "EIO=4&transport=polling&sid=null".into(),
            UNKNOWN_SID,
        ),
        (
            "sid of bad utf-8",
            "EIO=4&transport=polling&sid=%ff".into(),
            UNKNOWN_SID,
        ),
        (
            "long sid",
            format!("EIO=4&transport=polling&sid={long}"),
            UNKNOWN_SID,
        ),
    ];
    let server = Server::start(Config::default()).await;
    let mut findings = Findings::default();
    for (name, query, code) in table {
        let path = format!("/socket.io/?{query}");
        let as_websocket = path.replace("transport=polling", "transport=websocket");
        for method in ["GET", "POST"] {
            let start = Instant::now();
            let request =
                format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
            let answer = promptly(http::request(server.addr(), request)).await;
            let got = (answer.status, answer.json()["code"].as_u64());
            findings.check(
                &format!("{method}, {name}"),
                start,
                got,
                (400, Some(code.into())),
            );
        }
        let start = Instant::now();
        let refused = promptly(RawSocket::connect(server.addr(), &as_websocket, &[])).await;
        let got = refused
            .map(drop)
            .map_err(|answer| (answer.status, answer.json()["code"].as_u64()));
        findings.check(
            &format!("websocket, {name}"),
            start,
            got,
            Err((400, Some(code.into()))),
        );
    }
    assert_eq!(server.engine().sessions(), 0);
    assert_next_client_served(&server).await;
    findings.assert_none(150);
}

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

async fn assert_next_client_served_beside_others(server: &Server) {
    while !server.none_closed().await {
        server.closed().await;
    }
    assert_next_client_served(server).await;
}

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

/// A client that is reset at any moment leaves nothing behind.
#[tokio::test]
async fn a_reset_at_any_moment_leaves_no_session() {
    let server = Server::start(Config::default()).await;
    let head = crate::websocket_head();
    let open = [head.as_bytes(), &fragment(Frame::TEXT, "4x")].concat();
    let moments: [(&str, &[u8]); 8] = [
        ("nothing sent", b""),
        ("in the request line", &head.as_bytes()[..10]),
        ("in the headers", &head.as_bytes()[..head.len() - 4]),
        ("behind the handshake", head.as_bytes()),
        ("in a frame's header", &open[..head.len() + 1]),
        ("in a frame's mask", &open[..head.len() + 4]),
        ("in a frame's payload", &open[..open.len() - 1]),
        ("between fragments", &open),
    ];
    for (_, bytes) in moments {
        for _ in 0..50 {
            let mut connection = http::Connection::open(server.addr()).await;
            connection.send(bytes).await;
            tokio::task::yield_now().await;
            connection.reset();
        }
    }
    // Whatever came before is over when a later client is through.
    assert_next_client_served_beside_others(&server).await;
    tokio::time::timeout(PROMPT, server.engine().ended())
        .await
        .unwrap();
}
