//! What Autobahn's fuzzing client expects of a WebSocket, asked of `/echo` of `examples/echo.rs`: the same code that
//! sessions use.
//!
//! The numbers are those of Autobahn's cases. Its categories 12 and 13, compression, are not offered; its fail-fast cases
//! (6.4) leave a server free to wait for the end of the message, and ours does. Of the sizes of category 9 the smallest
//! and the largest are here.

use std::time::Duration;

use testkit::{Frame, RawSocket, Server};

use crate::suite::echo_example;

const MIB: usize = 1 << 20;

async fn connect(server: &Server) -> RawSocket {
    let mut socket = RawSocket::connect(server.addr(), "/echo", &[])
        .await
        .unwrap();
    // 16 MiB in a debug build on a busy machine.
    socket.set_timeout(Duration::from_secs(30));
    socket
}

/// What a client sends: frames, in one write.
type Sent = Vec<Frame>;

fn ping(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::new(Frame::PING, payload)
}

fn pong(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::new(Frame::PONG, payload)
}

fn close(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::new(Frame::CLOSE, payload)
}

fn text(payload: impl Into<Vec<u8>>) -> Frame {
    Frame::new(Frame::TEXT, payload)
}

/// A message in these fragments.
fn fragments<'a>(opcode: u8, pieces: impl IntoIterator<Item = &'a [u8]>) -> Sent {
    let mut frames: Sent = pieces
        .into_iter()
        .map(|piece| open(Frame::new(Frame::CONTINUATION, piece)))
        .collect();
    frames.first_mut().unwrap().opcode = opcode;
    frames.last_mut().unwrap().fin = true;
    frames
}

/// The frame without its FIN bit.
fn open(frame: Frame) -> Frame {
    Frame {
        fin: false,
        ..frame
    }
}

fn reserved(rsv: u8, frame: Frame) -> Frame {
    Frame { rsv, ..frame }
}

fn bytes_of(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(Frame::encode).collect()
}

/// Reads these answers; the server masks nothing.
async fn expect(socket: &mut RawSocket, case: &str, answers: &[Frame]) {
    for answer in answers {
        let received = socket.recv().await;
        let want = Frame {
            masked: false,
            ..answer.clone()
        };
        assert!(
            received == want,
            "{case}: {:02x} with {} bytes instead of {:02x} with {}",
            received.opcode,
            received.payload.len(),
            want.opcode,
            want.payload.len()
        );
    }
}

/// Reads the close frame with this code, and that the server ends the connection behind it.
async fn expect_end(socket: &mut RawSocket, case: &str, code: u16) {
    let end = socket.recv().await;
    assert_eq!(end.opcode, Frame::CLOSE, "{case}: {end:?}");
    assert_eq!(end.payload[..], code.to_be_bytes(), "{case}");
    assert_eq!(socket.expect_close().await, None, "{case}");
}

/// Runs each row once in one write and once byte by byte: the answers, then the close code. Rows that end well end with
/// a close frame of the client.
async fn run(table: Vec<(&str, Sent, Sent, u16)>) {
    let server = echo_example().await;
    for (case, sent, answers, code) in table {
        let bytes = match code {
            1000 => bytes_of(&[&sent[..], &[Frame::close(1000)]].concat()),
            _ => bytes_of(&sent),
        };
        let mut socket = connect(&server).await;
        socket.send_bytes(&bytes).await;
        expect(&mut socket, case, &answers).await;
        expect_end(&mut socket, case, code).await;

        let mut chopped = connect(&server).await;
        for byte in bytes.chunks(if bytes.len() > 2_000 { 997 } else { 1 }) {
            chopped.send_bytes(byte).await;
        }
        expect(&mut chopped, case, &answers).await;
        expect_end(&mut chopped, case, code).await;
    }
}

#[tokio::test]
async fn messages_of_every_length_come_back() {
    let mut table = Vec::new();
    for length in [0, 125, 126, 127, 128, 65_535, 65_536] {
        let (words, bytes) = (text(vec![b'*'; length]), Frame::binary(vec![0xfe; length]));
        table.push(("1.1.1-7", vec![words.clone()], vec![words], 1000));
        table.push(("1.2.1-7", vec![bytes.clone()], vec![bytes], 1000));
    }
    run(table).await;
}

#[tokio::test]
async fn pings_are_answered_and_pongs_are_not() {
    let ten: Sent = (0..10)
        .map(|number| ping(format!("payload-{number}")))
        .collect();
    let answers: Sent = (0..10)
        .map(|number| pong(format!("payload-{number}")))
        .collect();
    run(vec![
        ("2.1", vec![ping("")], vec![pong("")], 1000),
        (
            "2.2",
            vec![ping("Hello, world!")],
            vec![pong("Hello, world!")],
            1000,
        ),
        (
            "2.3",
            vec![ping(*b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")],
            vec![pong(*b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")],
            1000,
        ),
        (
            "2.4, 2.6",
            vec![ping([0xfe; 125])],
            vec![pong([0xfe; 125])],
            1000,
        ),
        ("2.5", vec![ping([0xfe; 126])], vec![], 1002),
        ("2.7", vec![pong("")], vec![], 1000),
        ("2.8", vec![pong("unsolicited")], vec![], 1000),
        (
            "2.9",
            vec![pong("unsolicited"), ping("asked")],
            vec![pong("asked")],
            1000,
        ),
        ("2.10, 2.11", ten, answers, 1000),
    ])
    .await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes_fail_the_connection() {
    let hello = || text("Hello, world!");
    let mut table = vec![
        ("3.1", vec![reserved(1, hello())], vec![], 1002),
        (
            "3.2",
            vec![hello(), reserved(2, hello()), ping("")],
            vec![hello()],
            1002,
        ),
        (
            "3.3, 3.4",
            vec![hello(), reserved(3, hello()), ping("")],
            vec![hello()],
            1002,
        ),
        (
            "3.5",
            vec![reserved(5, Frame::binary([0; 8]))],
            vec![],
            1002,
        ),
        (
            "3.6",
            vec![reserved(6, ping("Hello, world!"))],
            vec![],
            1002,
        ),
        ("3.7", vec![reserved(7, close(*b"\x03\xe8"))], vec![], 1002),
    ];
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let wrong = |payload: &[u8]| Frame::new(opcode, payload);
        table.push(("4.1.1, 4.2.1", vec![wrong(b"")], vec![], 1002));
        table.push(("4.1.2, 4.2.2", vec![wrong(b"payload")], vec![], 1002));
        table.push((
            "4.1.3-5, 4.2.3-5",
            vec![hello(), wrong(b"payload"), ping("")],
            vec![hello()],
            1002,
        ));
    }
    run(table).await;
}

#[tokio::test]
async fn fragments_are_put_together() {
    let pair = || fragments(Frame::TEXT, [&b"fragment1"[..], b"fragment2"]);
    let whole = || text("fragment1fragment2");
    let between = |frame: Frame| {
        let mut frames = pair();
        frames.insert(1, frame);
        frames
    };
    let five: [&[u8]; 5] = [
        b"fragment1",
        b"fragment2",
        b"fragment3",
        b"fragment4",
        b"fragment5",
    ];
    let mut pinged = fragments(Frame::TEXT, five);
    pinged.insert(2, ping("pongme 1!"));
    pinged.insert(5, ping("pongme 2!"));
    let pongs = vec![pong("pongme 1!"), pong("pongme 2!"), text(five.concat())];
    let stray = |fin: bool| Frame {
        fin,
        ..Frame::new(Frame::CONTINUATION, "non-continuation")
    };
    let mut unfinished = pair();
    unfinished[1] = open(text("fragment2"));
    run(vec![
        (
            "5.1",
            fragments(Frame::PING, [&b"fragment1"[..], b"fragment2"]),
            vec![],
            1002,
        ),
        (
            "5.2",
            fragments(Frame::PONG, [&b"fragment1"[..], b"fragment2"]),
            vec![],
            1002,
        ),
        ("5.3-5", pair(), vec![whole()], 1000),
        (
            "5.6-8",
            between(ping("ping payload")),
            vec![pong("ping payload"), whole()],
            1000,
        ),
        (
            "5.9-11",
            vec![stray(true), text("Hello, world!")],
            vec![],
            1002,
        ),
        (
            "5.12-14",
            vec![stray(false), text("Hello, world!")],
            vec![],
            1002,
        ),
        (
            "5.15",
            [pair(), vec![stray(false), text("Hello, world!")]].concat(),
            vec![whole()],
            1002,
        ),
        (
            "5.16, 5.17",
            vec![stray(false), stray(true), text("fragment3")],
            vec![],
            1002,
        ),
        ("5.18", unfinished, vec![], 1002),
        ("5.19, 5.20", pinged, pongs, 1000),
    ])
    .await;
}

#[tokio::test]
async fn valid_utf_8_comes_back_however_it_is_cut() {
    let greek = "Hello-µ@ßöäüàá-UTF-8!!κόσμε".as_bytes();
    let mut table = vec![
        ("6.1.1", vec![text("")], vec![text("")], 1000),
        (
            "6.1.2",
            fragments(Frame::TEXT, [&b""[..], b"", b""]),
            vec![text("")],
            1000,
        ),
        (
            "6.1.3",
            fragments(Frame::TEXT, [&b""[..], b"middle", b""]),
            vec![text("middle")],
            1000,
        ),
        ("6.2.1", vec![text(greek)], vec![text(greek)], 1000),
        (
            "6.2.2",
            fragments(Frame::TEXT, greek.chunks(12)),
            vec![text(greek)],
            1000,
        ),
        (
            "6.2.3, 6.2.4",
            fragments(Frame::TEXT, greek.chunks(1)),
            vec![text(greek)],
            1000,
        ),
    ];
    // The first, the last and some special code points of each length; what is no character is valid all the same.
    for valid in [
        "\0",
        "\u{7f}",
        "\u{80}",
        "\u{7ff}",
        "\u{800}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{fffd}",
        "\u{fffe}",
        "\u{ffff}",
        "\u{10000}",
        "\u{1fffe}",
        "\u{10ffff}",
        "\u{feff}",
    ] {
        let frame = text(valid);
        table.push((
            "6.5-7, 6.9, 6.11, 6.22, 6.23",
            vec![frame.clone()],
            vec![frame],
            1000,
        ));
    }
    run(table).await;
}

#[tokio::test]
async fn invalid_utf_8_fails_the_connection_however_it_is_cut() {
    let invalid: [(&str, &[u8]); 24] = [
        (
            "6.3.1",
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        ),
        (
            "6.4.1-4",
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90\x80\x80edited",
        ),
        ("6.6.1", b"\xce"),
        ("6.6.3", b"\xce\xba\xe1"),
        ("6.6.4", b"\xce\xba\xe1\xbd"),
        ("6.8.1", b"\xf8\x88\x80\x80\x80"),
        ("6.8.2", b"\xfc\x84\x80\x80\x80\x80"),
        ("6.10.1", b"\xf7\xbf\xbf\xbf"),
        ("6.10.2", b"\xfb\xbf\xbf\xbf\xbf"),
        ("6.10.3", b"\xfd\xbf\xbf\xbf\xbf\xbf"),
        ("6.11.5", b"\xf4\x90\x80\x80"),
        ("6.12.1", b"\x80"),
        ("6.12.2", b"\xbf"),
        ("6.12.3-8", b"\x80\xbf\x80\xbf\x80"),
        ("6.13.1", b"\xc0 \xc1 \xdf "),
        ("6.13.2-5", b"\xe0 \xef \xf0 \xf7 \xfc \xfd "),
        ("6.14.1-10", b"\xe0\x80"),
        ("6.15.1", b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80"),
        ("6.16.1-3", b"\xfe\xfe\xff\xff"),
        ("6.17.1-5", b"\xc0\xaf"),
        ("6.18.1-5", b"\xe0\x9f\xbf"),
        ("6.19.1-5", b"\xf0\x80\x80\x80"),
        ("6.20.1-7", b"\xed\xbf\xbf"),
        ("6.21.1-8", b"\xed\xa0\x80\xed\xb0\x80"),
    ];
    let mut table = Vec::new();
    for (case, bytes) in invalid {
        table.push((case, vec![text(bytes)], vec![], 1007));
        table.push((case, fragments(Frame::TEXT, bytes.chunks(1)), vec![], 1007));
    }
    run(table).await;
}

#[tokio::test]
async fn nothing_is_answered_behind_a_close() {
    let hello = || text("Hello, world!");
    let half = open(text("fragment1"));
    let rest = Frame::new(Frame::CONTINUATION, "fragment2");
    let big = || text(vec![b'*'; 256 * 1024]);
    let bye = || Frame::close(1000);
    run(vec![
        ("7.1.1", vec![hello()], vec![hello()], 1000),
        ("7.1.2", vec![bye(), bye()], vec![], 1000),
        ("7.1.3", vec![bye(), ping("")], vec![], 1000),
        ("7.1.4", vec![bye(), hello()], vec![], 1000),
        ("7.1.5", vec![half, bye(), rest], vec![], 1000),
        (
            "7.1.6",
            vec![big(), bye(), hello(), ping("")],
            vec![big()],
            1000,
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_close_says_nothing_or_a_code_and_a_reason() {
    let reason = |length: usize| [&1000u16.to_be_bytes()[..], &vec![b'*'; length]].concat();
    let mut table = vec![
        ("7.3.1", vec![close("")], vec![], 1000),
        ("7.3.2", vec![close("a")], vec![], 1002),
        ("7.3.3", vec![Frame::close(1000)], vec![], 1000),
        ("7.3.4", vec![close(reason(5))], vec![], 1000),
        ("7.3.5", vec![close(reason(123))], vec![], 1000),
        ("7.3.6", vec![close(reason(124))], vec![], 1002),
        (
            "7.5.1",
            vec![close(*b"\x03\xe8\xce\xba\xe1\xbd\xb9\xed\xa0\x80")],
            vec![],
            1007,
        ),
    ];
    // Autobahn takes 1000 as well as the code itself for an answer.
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        table.push(("7.7.1-13", vec![Frame::close(code)], vec![], 1000));
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        table.push(("7.9.1-9, 7.13", vec![Frame::close(code)], vec![], 1002));
    }
    run(table).await;
}

/// Sends a message and reads it back meanwhile, as neither side holds 16 MiB in its buffers.
async fn assert_comes_back(server: &Server, case: &str, sent: Sent, chop: usize) {
    let opcode = sent[0].opcode;
    let payload: Vec<u8> = sent
        .iter()
        .flat_map(|frame| &frame.payload)
        .copied()
        .collect();
    let mut socket = connect(server).await;
    for bytes in bytes_of(&sent).chunks(chop) {
        socket.send_bytes(bytes).await;
    }
    expect(&mut socket, case, &[Frame::new(opcode, payload)]).await;
    socket.send_frame(Frame::close(1000)).await;
    expect_end(&mut socket, case, 1000).await;
}

#[tokio::test]
async fn large_messages_come_back() {
    let server = echo_example().await;
    for size in [MIB / 16, MIB, 16 * MIB] {
        let words = text(vec![b'*'; size]);
        assert_comes_back(&server, "9.1.1-6", vec![words], usize::MAX).await;
    }
    let bytes = Frame::binary(vec![0xfe; 4 * MIB]);
    assert_comes_back(&server, "9.2.1-6", vec![bytes], usize::MAX).await;
}

#[tokio::test]
async fn a_message_in_65536_fragments_comes_back() {
    let server = echo_example().await;
    let payload = vec![b'*'; 4 * MIB];
    for (case, opcode, size) in [
        ("9.3.1", Frame::TEXT, 64),
        ("9.3.2-9", Frame::TEXT, 64 << 10),
        ("9.4.1", Frame::BINARY, 64),
        ("9.4.2-9", Frame::BINARY, MIB),
    ] {
        let sent = fragments(opcode, payload.chunks(size));
        assert_comes_back(&server, case, sent, usize::MAX).await;
    }
}

#[tokio::test]
async fn a_message_in_many_writes_comes_back() {
    let server = echo_example().await;
    for (case, opcode, chop) in [
        ("9.5.1-6", Frame::TEXT, 64),
        ("9.6.1-6", Frame::BINARY, 2048),
    ] {
        let sent = vec![Frame::new(opcode, vec![b'*'; MIB])];
        assert_comes_back(&server, case, sent, chop).await;
    }
}

#[tokio::test]
async fn a_thousand_messages_come_back_one_after_the_other() {
    let server = echo_example().await;
    let mut socket = connect(&server).await;
    for size in [0, 16, 64, 256, 1024, 4096] {
        for (case, opcode) in [("9.7", Frame::TEXT), ("9.8", Frame::BINARY)] {
            let message = Frame::new(opcode, vec![b'*'; size]);
            for _ in 0..1_000 / 12 {
                socket.send_frame(message.clone()).await;
                expect(&mut socket, case, std::slice::from_ref(&message)).await;
            }
        }
    }
}

#[tokio::test]
async fn a_message_in_uneven_fragments_comes_back() {
    let server = echo_example().await;
    let sent = fragments(Frame::TEXT, [b'*'; 65_536].chunks(1_300));
    assert_comes_back(&server, "10.1.1", sent, usize::MAX).await;
}
