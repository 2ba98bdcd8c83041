//! `socket.io-parser`, the codec of the original, on a batch of packets.
//!
//! ```text
//! to the child     {"text":"51-…","attachments":["<base64>",…]|null,"json":"…"|null,"placeholders":bool}
//! from the child   {"expected":"…"|null,"packet":{"type":…,"namespace":…,"id":…,"attachments":…,"data":…}}
//!              or  {"expected":"…"|null,"error":"…"}
//! ```

use std::io::{Seek, Write};
use std::process::Stdio;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{child, install};

/// A packet, and what somebody else thinks that it says.
#[derive(Clone, Debug, Default)]
pub struct ParserCase {
    /// The text of the packet, without Engine.IO's `4`.
    pub text: String,
    /// The attachments that follow; `None`: one for each that the packet counts, of one byte, its number.
    pub attachments: Option<Vec<Vec<u8>>>,
    /// What its data is thought to be, as JSON.
    pub json: Option<String>,
    /// Whether placeholders in `json` stand for attachments as without a list; else bytes in it are
    /// `{"$bin":"<base64>"}`.
    pub placeholders: bool,
}

/// What `socket.io-parser` says to a [`ParserCase`].
#[derive(Clone, Debug)]
pub struct ParserAnswer {
    /// What the packet says, or why it was refused.
    pub packet: Result<ParsedPacket, String>,
    /// `json`, printed by the same program as [`ParsedPacket::data`]: equal values are equal texts.
    pub expected: Option<String>,
}

/// A packet as `socket.io-parser` reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedPacket {
    /// The type, that of the packet without attachments when it has some.
    pub kind: u64,
    /// The namespace, with a query.
    pub namespace: String,
    /// The id, as JavaScript prints the number.
    pub id: Option<String>,
    /// How many attachments it took.
    pub attachments: u64,
    /// The data as JSON, with bytes as `{"$bin":"<base64>"}`.
    pub data: Option<String>,
}

/// Has all packets parsed, in order, by the `socket.io-parser` that is installed.
pub async fn run_parser(cases: &[ParserCase]) -> Vec<ParserAnswer> {
    // A file, as a pipe would fill up while nobody reads the answers.
    let mut lines = tempfile::tempfile().expect("a temporary file can be made");
    for case in cases {
        writeln!(lines, "{}", request(case)).expect("a temporary file can be written");
    }
    lines.rewind().expect("a file can be read again");
    let mut command = Command::new("node");
    command
        .arg(install::js().join("parser.mjs"))
        .stdin(lines)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = child::spawn(&mut command).wait_with_output().await;
    let output = output.expect("a child can be waited for");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the parser failed: {stderr}");
    let stdout = String::from_utf8(output.stdout).expect("JSON lines are UTF-8");
    let answers: Vec<_> = stdout.lines().map(answer).collect();
    assert_eq!(answers.len(), cases.len(), "one answer for each packet");
    answers
}

fn request(case: &ParserCase) -> Value {
    let encode = |bytes: &Vec<u8>| STANDARD.encode(bytes);
    let attachments = case.attachments.as_ref();
    json!({
        "text": case.text,
        "attachments": attachments.map(|all| all.iter().map(encode).collect::<Vec<_>>()),
        "json": case.json,
        "placeholders": case.placeholders,
    })
}

fn answer(line: &str) -> ParserAnswer {
    let answer: Value = serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("the parser wrote no JSON line ({error}): {line}"));
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let packet = match (&answer["packet"], text(&answer["error"])) {
        (_, Some(error)) => Err(error),
        (packet, None) => Ok(ParsedPacket {
            kind: packet["type"].as_u64().expect("a type is a number"),
            namespace: text(&packet["namespace"]).expect("a namespace is text"),
            id: text(&packet["id"]),
            attachments: packet["attachments"].as_u64().expect("a count is a number"),
            data: text(&packet["data"]),
        }),
    };
    ParserAnswer {
        packet,
        expected: text(&answer["expected"]),
    }
}
