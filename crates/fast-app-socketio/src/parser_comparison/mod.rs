//! Our codec against `socket.io-parser`, that of the original: both accept the same packets and understand the same,
//! save for what `differences` lists; and what we write it reads as we meant it.

mod differences;
mod drafts;
mod packets;

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::{
    prop_oneof,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, value::RawValue};
use testkit::{ParsedPacket, ParserCase, run_parser};

use crate::{
    fuzz::{attach, payload},
    packet::{Packet, PacketError, PacketLimits},
};
use differences::{Case, listed};
use drafts::{Draft, draft};
use packets::{damaged, known, packet_text};

/// How many packets are generated, in each direction.
const PACKETS: usize = 10_000;

#[tokio::test]
async fn packets_are_read_as_the_original_reads_them() {
    let mut texts = known();
    texts.extend(generate(prop_oneof![packet_text(), damaged(packet_text())]));
    let cases = compare(texts).await;
    let read = cases.iter().filter(|case| case.ours.is_ok()).count();
    assert!(
        (PACKETS / 4..PACKETS * 3 / 4).contains(&read),
        "{read} of {PACKETS} packets are valid: the generator is of little use"
    );
    let mut met = BTreeSet::new();
    let mut unknown = Vec::new();
    for case in &cases {
        match case.difference() {
            Some(reasons) => met.extend(reasons),
            None => unknown.push(case),
        }
    }
    let shown = &unknown[..unknown.len().min(20)];
    assert!(
        unknown.is_empty(),
        "{} differences that are not listed: {shown:#?}",
        unknown.len()
    );
    assert_eq!(met, listed(), "a difference that is listed is one");
}

#[tokio::test]
async fn packets_are_written_as_the_original_reads_them() {
    let mut drafts = generate(draft());
    // More it does not read.
    drafts.retain(|draft| draft.payload().attachments().len() <= 10);
    assert!(drafts.len() > PACKETS / 2);
    let cases: Vec<_> = drafts.iter().map(sent).collect();
    for ((draft, case), answer) in drafts.iter().zip(&cases).zip(run_parser(&cases).await) {
        let want = ParsedPacket {
            data: answer.expected,
            ..draft.packet()
        };
        assert_eq!(answer.packet, Ok(want), "{case:?}");
    }
}

/// A packet as we send it.
fn sent(draft: &Draft) -> ParserCase {
    let frames = draft.frames();
    let text = std::str::from_utf8(payload(&frames[0])).expect("the first frame is text");
    let attachments = frames[1..].iter().map(|frame| payload(frame).to_vec());
    ParserCase {
        text: text[1..].to_owned(),
        attachments: Some(attachments.collect()),
        json: draft.data().map(|data| data.to_string()),
        placeholders: false,
    }
}

/// What we read, with its data as it was sent.
fn ours(text: &str) -> Result<ParsedPacket, PacketError> {
    let numbered = (0..).map(|number| Bytes::from(vec![number]));
    let list = |items: Vec<String>| Some(format!("[{}]", items.join(",")));
    let shown = |args: Vec<Box<RawValue>>| args.into_iter().map(|arg| arg.get().to_owned());
    let packet = |kind, namespace, id: Option<u64>, attachments: usize, data| ParsedPacket {
        kind,
        namespace,
        id: id.map(|id| id.to_string()),
        attachments: attachments as u64,
        data,
    };
    Ok(
        match attach(numbered, Packet::decode(text, &PacketLimits::default())?)? {
            Packet::Connect { namespace, auth } => {
                let auth = auth.map(|auth| auth.get().to_owned());
                packet(0, namespace, None, 0, auth)
            }
            Packet::Disconnect { namespace } => packet(1, namespace, None, 0, None),
            Packet::Event {
                namespace,
                id,
                event,
            } => {
                let name = Value::from(event.name).to_string();
                let data = list(std::iter::once(name).chain(shown(event.args)).collect());
                packet(2, namespace, id, event.attachments.len(), data)
            }
            Packet::Ack {
                namespace,
                id,
                args,
                attachments,
            } => {
                let data = list(shown(args).collect());
                packet(3, namespace, Some(id), attachments.len(), data)
            }
            Packet::Partial(partial) => panic!("not all attachments were taken: {partial:?}"),
        },
    )
}

/// What both make of these packets.
async fn compare(texts: Vec<String>) -> Vec<Case> {
    let ours: Vec<_> = texts.iter().map(|text| ours(text)).collect();
    let cases: Vec<_> = texts
        .iter()
        .zip(&ours)
        .map(|(text, ours)| ParserCase {
            text: text.clone(),
            attachments: None,
            json: ours.as_ref().ok().and_then(|packet| packet.data.clone()),
            placeholders: ours.as_ref().is_ok_and(|packet| packet.attachments > 0),
        })
        .collect();
    let answers = run_parser(&cases).await;
    texts
        .into_iter()
        .zip(ours)
        .zip(answers)
        .map(|((text, ours), answer)| Case {
            text,
            ours: ours.map(|packet| ParsedPacket {
                data: answer.expected,
                ..packet
            }),
            theirs: answer.packet,
        })
        .collect()
}

/// As many as there are to be, the same ones in every run.
fn generate<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    let next = |_| {
        let tree = strategy.new_tree(&mut runner);
        tree.expect("no strategy here gives up").current()
    };
    (0..PACKETS).map(next).collect()
}
