//! What no client may send: the connection is closed, and nobody else notices.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fast_app_socketio::{EventName, Namespace, Socket, SocketIo};
use testkit::{Polling, RawSocket, http};

use crate::{Diary, diary, expect_silence, start, write};

/// What is wrong, and the packets: Engine.IO packets as polling has them, so that `b…` is Base64.
type Case = (&'static str, Vec<String>);

fn case(name: &'static str, packets: &[&str]) -> Case {
    (name, packets.iter().map(ToString::to_string).collect())
}

/// What a client in `/` may not send.
fn after_connect() -> Vec<Case> {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let placeholder = |num: &str| vec![format!(r#"451-["x",{{"_placeholder":true,"num":{num}}}]"#)];
    let mut cases = vec![
        // Types.
        case("no type", &["4"]),
        case("a letter for a type", &["4abc"]),
        case("type 7", &["47"]),
        case("type 8", &[r#"48["x"]"#]),
        case("type 9", &["49"]),
        case("a type of another alphabet", &["4é"]),
        case("a digit of another alphabet", &["4٢[\"x\"]"]),
        case("a space before the type", &[r#"4 2["x"]"#]),
        case("a minus for a type", &["4-1"]),
        case("NUL for a type", &["4\0"]),
        case(
            "a refusal, which only servers send",
            &[r#"44{"message":"no"}"#],
        ),
        case(
            "a refusal of a namespace",
            &[r#"44/custom,{"message":"no"}"#],
        ),
        case("a refusal without data", &["44"]),
        // CONNECT and DISCONNECT.
        case("auth that is cut", &[r#"40{"a":"#]),
        case("auth that is no JSON", &["40{a:1}"]),
        case("auth with something behind it", &[r#"40{}{}"#]),
        case("auth that is NaN", &["40NaN"]),
        case("a disconnect with data", &["41x"]),
        case("a disconnect with JSON", &[r#"41{"a":1}"#]),
        case("a disconnect with data in a namespace", &["41/custom,[]"]),
        // EVENT.
        case("an event without data", &["42"]),
        case("an event of a namespace without data", &["42/custom,"]),
        case("an event with an id and no data", &["421"]),
        case("an event that is an object", &["42{}"]),
        case("an event that is a text", &[r#"42"x""#]),
        case("an event that is a number", &["42 1"]),
        case("an event that is null", &["42null"]),
        case("an event that is true", &["42true"]),
        case("an event without a name", &["42[]"]),
        case("a number for a name", &["42[1]"]),
        case("null for a name", &["42[null]"]),
        case("true for a name", &["42[true]"]),
        case("a list for a name", &[r#"42[["x"]]"#]),
        case("an object for a name", &[r#"42[{"toString":"foo"}]"#]),
        case("half a surrogate pair in a name", &[r#"42["\ud800"]"#]),
        case("a control character in a name", &["42[\"a\nb\"]"]),
        case("an event that is cut", &[r#"42["x""#]),
        case("an event that is cut in a text", &[r#"42["x"#]),
        case("an event that is cut behind a comma", &[r#"42["x","#]),
        case("a comma too many", &[r#"42["x",]"#]),
        case("a bracket too many", &[r#"42["x"]]"#]),
        case("two events in one", &[r#"42["x"]["x"]"#]),
        case("NaN", &[r#"42["x",NaN]"#]),
        case("Infinity", &[r#"42["x",-Infinity]"#]),
        case("undefined", &[r#"42["x",undefined]"#]),
        case("single quotes", &["42['x']"]),
        case("a number with a leading zero", &[r#"42["x",01]"#]),
        case("a hexadecimal number", &[r#"42["x",0x1]"#]),
        case("an escape that is none", &[r#"42["x","\x41"]"#]),
        case("a comment", &[r#"42["x"/*,*/]"#]),
        case("a byte order mark", &["42\u{feff}[\"x\"]"]),
        case("letters for an id", &[r#"42abc["x"]"#]),
        case("an id below zero", &[r#"42-1["x"]"#]),
        case("an id with a sign", &[r#"42+1["x"]"#]),
        case("an id with a fraction", &[r#"421.5["x"]"#]),
        case("an id beyond 64 bits", &[r#"4218446744073709551616["x"]"#]),
        case("a namespace without its comma", &[r#"42/custom["x",1]"#]),
        case("a namespace without its slash", &[r#"42custom,["x"]"#]),
        // ACK.
        case("an ack without an id", &["43[]"]),
        case("an ack without data", &["431"]),
        case("an ack that is an object", &["431{}"]),
        case("an ack that is cut", &["431["]),
        case("an ack with an id below zero", &["43-1[]"]),
        case("a binary ack without an id", &["460-[]"]),
        // Attachments.
        case("eleven attachments", &[r#"4511-["x"]"#]),
        case("a hundred attachments", &[r#"45100-["x"]"#]),
        case("99999999 attachments", &[r#"4599999999-["x"]"#]),
        case(
            "attachments beyond 64 bits",
            &[r#"4599999999999999999999-["x"]"#],
        ),
        case("eleven attachments of an ack", &["4611-1[]"]),
        case("a binary event without attachments", &[r#"450-["x"]"#]),
        case("a binary ack without attachments", &["460-1[]"]),
        case("no number of attachments", &[r#"45["x"]"#]),
        case("an empty number of attachments", &[r#"45-["x"]"#]),
        case("attachments below zero", &[r#"45-1-["x"]"#]),
        case("a number of attachments with a sign", &[r#"45+1-["x"]"#]),
        case("a number of attachments with a space", &[r#"45 1-["x"]"#]),
        case("half an attachment", &[r#"450.5-["x"]"#]),
        case("a number of attachments and no dash", &[r#"451["x"]"#]),
        case("a binary event without a name", &["451-[]"]),
        case("a binary event that is an object", &["451-{}"]),
        case("a binary event without data", &["451-"]),
        case(
            "a placeholder without an attachment",
            &[r#"451-["x",{"_placeholder":true,"num":1}]"#],
        ),
        case(
            "a placeholder without a num",
            &[r#"451-["x",{"_placeholder":true}]"#],
        ),
        case(
            "a bad placeholder, deep inside",
            &[r#"451-["x",[{"a":{"_placeholder":true,"num":1}}]]"#],
        ),
        case(
            "a bad placeholder of an ack",
            &[r#"461-1[{"_placeholder":true,"num":1}]"#],
        ),
        case(
            "a text for an attachment",
            &[r#"451-["x",{"_placeholder":true,"num":0}]"#, r#"42["x"]"#],
        ),
        case(
            "another binary event for an attachment",
            &[
                r#"451-["x",{"_placeholder":true,"num":0}]"#,
                r#"451-["x",{"_placeholder":true,"num":0}]"#,
            ],
        ),
        case(
            "a disconnect for an attachment",
            &[r#"451-["x",{"_placeholder":true,"num":0}]"#, "41"],
        ),
        case(
            "a text for the second attachment",
            &[r#"452-["x"]"#, "bAQ==", "42[\"x\"]"],
        ),
        case("an attachment of nothing", &["bAQID"]),
        case("an empty attachment of nothing", &["b"]),
        case(
            "an attachment of an event that has none",
            &[r#"42["nobody handles this"]"#, "bAQ=="],
        ),
        case(
            "one attachment too many",
            &[r#"451-["nobody handles this"]"#, "bAQ==", "bAQ=="],
        ),
    ];
    cases.extend([
        (
            "a name that is too long",
            vec![format!(r#"42["{}"]"#, "x".repeat(129))],
        ),
        (
            "a namespace that is too long",
            vec![format!(r#"42/{},["x"]"#, "x".repeat(255))],
        ),
        (
            "a connect with a namespace that is too long",
            vec![format!("40/{},", "x".repeat(255))],
        ),
        (
            "an id of a hundred digits",
            vec![format!("43{}[]", "9".repeat(100))],
        ),
        ("nested too deep", vec![format!(r#"42["x",{}]"#, deep(128))]),
        (
            "nested far too deep",
            vec![format!(r#"42["x",{}]"#, deep(100_000))],
        ),
        (
            "objects nested far too deep",
            vec![format!(r#"42["x",{}"#, "{\"a\":".repeat(100_000))],
        ),
        (
            "only opening brackets",
            vec![format!("42{}", "[".repeat(500_000))],
        ),
        ("auth nested too deep", vec![format!("40{}", deep(129))]),
        ("an ack nested too deep", vec![format!("431{}", deep(129))]),
        ("placeholder 1 of 1", placeholder("1")),
        ("placeholder -1", placeholder("-1")),
        ("placeholder 1e9", placeholder("1e9")),
        ("placeholder 0.5", placeholder("0.5")),
        ("placeholder 0.0", placeholder("0.0")),
        ("placeholder \"0\"", placeholder("\"0\"")),
        ("placeholder null", placeholder("null")),
        ("placeholder true", placeholder("true")),
        ("placeholder {}", placeholder("{}")),
        ("placeholder [0]", placeholder("[0]")),
        (
            "placeholder beyond 64 bits",
            placeholder("18446744073709551616"),
        ),
    ]);
    cases
}

/// What a client in no namespace may not send.
fn before_connect() -> Vec<Case> {
    vec![
        case("a binary event before the connect", &[r#"451-["x"]"#]),
        case("a binary ack before the connect", &["461-1[]"]),
        case("an attachment before the connect", &["bAQID"]),
        case("a refusal before the connect", &["44{}"]),
        case("a reserved event before the connect", &[r#"42["connect"]"#]),
        case("no JSON before the connect", &["42{"]),
    ]
}

/// A server that writes down every event it handles.
async fn server() -> (SocketIo, std::net::SocketAddr, Diary) {
    let (pen, diary) = diary();
    let namespace = |path| {
        Namespace::new(path)
            .on("x", async |socket: Socket| write(&socket, "x"))
            .on("nobody handles this", async |_: Socket| ())
            .on_any(async |socket: Socket, name: EventName| write(&socket, name.0))
    };
    let builder = SocketIo::builder()
        .state(pen)
        .namespace(namespace("/"))
        .namespace(namespace("/custom"));
    let (server, addr) = start(builder).await;
    (server, addr, diary)
}

#[tokio::test]
async fn every_malformed_packet_closes_its_websocket_and_no_other() {
    let (_server, addr, mut diary) = server().await;
    let mut bystander = RawSocket::socketio(addr, "").await;
    let connected = after_connect().into_iter().map(|case| (true, case));
    let silent = before_connect().into_iter().map(|case| (false, case));
    for (is_connected, (name, packets)) in connected.chain(silent) {
        let mut client = match is_connected {
            true => RawSocket::socketio(addr, "").await,
            false => RawSocket::engineio(addr).await,
        };
        for packet in packets {
            match packet.strip_prefix('b') {
                Some(base64) => client.send_binary(STANDARD.decode(base64).unwrap()).await,
                None => client.send_text(packet).await,
            }
        }
        assert_eq!(client.expect_close().await, Some(1002), "{name}");
        expect_silence(&mut bystander).await;
        diary.expect_end();
    }
    let mut next = RawSocket::socketio(addr, "").await;
    expect_silence(&mut next).await;
}

#[tokio::test]
async fn every_malformed_packet_closes_its_polling_session() {
    let (_server, addr, mut diary) = server().await;
    let mut bystander = RawSocket::socketio(addr, "").await;
    let connected = after_connect().into_iter().map(|case| (true, case));
    let silent = before_connect().into_iter().map(|case| (false, case));
    for (is_connected, (name, packets)) in connected.chain(silent) {
        let client = match is_connected {
            true => Polling::socketio(addr, "").await,
            false => Polling::handshake(addr).await,
        };
        let path = client.path("polling");
        let answer = http::post(addr, &path, packets.join("\x1e")).await;
        assert!(answer.status < 500, "{name}: {answer:?}");
        let next = http::get(addr, &path).await;
        assert_eq!(
            (next.status, next.json()["code"].as_u64()),
            (400, Some(1)),
            "{name}: {answer:?}"
        );
        expect_silence(&mut bystander).await;
        diary.expect_end();
    }
}

#[tokio::test]
async fn what_is_only_unusual_is_allowed() {
    let (_server, addr, mut diary) = server().await;
    let mut client = RawSocket::socketio(addr, "").await;
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let pairs: Vec<_> = (0..100_000).map(|_| r#""k":1"#).collect();
    for packet in [
        r#"42["x"]"#,
        r#"42 ["x"]"#,
        "42\t[\r\n\"x\" ] ",
        r#"42/,["x"]"#,
        r#"42/?query,["x"]"#,
        r#"420["x"]"#,
        r#"42007["x"]"#,
        r#"4218446744073709551615["x"]"#,
        r#"42["\u0078"]"#,
        r#"42["x","\ud800"]"#,
        r#"42["x",1e400,1180591620717411303424]"#,
        r#"42["x",{"_placeholder":true,"num":7}]"#,
        &format!(r#"42["x",{deep}]"#),
        &format!(r#"42["x",{{{}}}]"#, pairs.join(",")),
        &format!(r#"42["x","{}"]"#, r"\\".repeat(400_000)),
        &format!(r#"42["x","{}"]"#, "[".repeat(900_000)),
    ] {
        client.send_text(packet).await;
        diary.expect("x").await;
    }
    for name in ["", "é", &"y".repeat(128)] {
        client.send_text(format!(r#"42["{name}"]"#)).await;
        diary.expect(name).await;
    }
}

#[tokio::test]
async fn limits_of_packets_are_settings() {
    let builder = SocketIo::builder()
        .namespace(crate::echo("/"))
        .max_attachments(1)
        .max_event_name(20)
        .max_namespace_name(5)
        .max_depth(4);
    let (_server, addr) = crate::start(builder).await;
    let hole = r#"{"_placeholder":true,"num":0}"#;
    for (allowed, packet) in [
        (true, format!(r#"42["{}"]"#, "x".repeat(20))),
        (false, format!(r#"42["{}"]"#, "x".repeat(21))),
        (true, format!(r#"451-["abc",{hole}]"#)),
        (false, format!(r#"452-["abc",{hole}]"#)),
        (true, "40/abcd".to_owned()),
        (false, "40/abcde".to_owned()),
        (true, r#"42["abc",[[[]]]]"#.to_owned()),
        (false, r#"42["abc",[[[[]]]]]"#.to_owned()),
    ] {
        let mut client = crate::echo_client(addr).await;
        client.send_text(packet.as_str()).await;
        if !allowed {
            client.expect_close().await;
            continue;
        }
        if packet.starts_with("45") {
            client.send_binary([1]).await;
        }
        if packet.starts_with("40") {
            client
                .expect_text(r#"44/abcd,{"message":"Invalid namespace"}"#)
                .await;
        }
        crate::expect_silence(&mut client).await;
    }
}
