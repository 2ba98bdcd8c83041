//! The table of limits in `docs/security.md` against the limits.

use std::{collections::BTreeMap, time::Duration};

use fast_app_engineio::Config;

use crate::{
    answers,
    bus::{python::reader, redis, workers},
    manager,
    revocation::{CONFIRMING, log},
    server::Limits,
};

/// Of the crate `fast-app`, whose tests look at them.
const OF_ROOMS: [&str; 2] = ["Room::GUARD_TIMEOUT", "one part of a room's identifier"];

/// The numbers of the table, by setting, or by what they limit where they are fixed: bytes, and times in seconds.
fn documented() -> BTreeMap<String, u64> {
    let docs = include_str!("../../../docs/security.md");
    let (_, limits) = docs.split_once("\n## Limits\n").unwrap();
    let (table, _) = limits.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let rows = rows.map(|row| {
        let [_, what, setting, value, ..] = row.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{row}")
        };
        let setting = setting
            .strip_prefix('`')
            .and_then(|name| name.strip_suffix('`'));
        let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
        let number: u64 = number.replace(',', "").parse().unwrap();
        let unit = match unit {
            "MiB" => 1 << 20,
            _ => 1,
        };
        (setting.unwrap_or(what).to_owned(), number * unit)
    });
    rows.filter(|(name, _)| !OF_ROOMS.contains(&name.as_str()))
        .collect()
}

#[test]
fn security_8_limits_are_those_of_the_docs() {
    let (config, limits) = (Config::default(), Limits::default());
    let (http, packet) = (&config.http, &limits.packet);
    let count = |number: usize| number as u64;
    let seconds = |time: Duration| {
        assert_eq!(time.subsec_nanos(), 0);
        time.as_secs()
    };
    let defaults = [
        ("config.max_payload", count(config.max_payload)),
        ("config.max_fragments", count(config.max_fragments)),
        ("config.max_packets", count(config.max_packets)),
        ("config.body_timeout", seconds(config.body_timeout)),
        ("config.upgrade_timeout", seconds(config.upgrade_timeout)),
        ("config.ping_interval", seconds(config.ping_interval)),
        ("config.ping_timeout", seconds(config.ping_timeout)),
        ("config.max_outbox", count(config.max_outbox)),
        ("config.write_timeout", seconds(config.write_timeout)),
        ("config.http.max_headers", count(http.max_headers)),
        ("config.http.max_header_bytes", count(http.max_header_bytes)),
        ("config.http.header_timeout", seconds(http.header_timeout)),
        ("config.http.write_timeout", seconds(http.write_timeout)),
        ("config.http.reserved_files", http.reserved_files),
        ("builder.connect_timeout", seconds(limits.connect_timeout)),
        (
            "builder.attachment_timeout",
            seconds(limits.attachment_timeout),
        ),
        ("builder.max_attachments", count(packet.attachments)),
        ("builder.max_depth", count(packet.depth)),
        ("builder.max_event_name", count(packet.event_name)),
        ("builder.max_namespace_name", count(packet.namespace)),
        ("builder.max_namespaces", count(limits.namespaces)),
        ("builder.max_rooms", count(limits.rooms)),
        ("builder.max_room_name", count(limits.room_name)),
        ("builder.max_backlog", count(limits.backlog)),
        ("builder.max_acks", count(limits.acks)),
        ("builder.ack_timeout", seconds(limits.ack_timeout)),
        ("bytes of them", count(config.max_payload)),
        (
            "answers that are collected for an event",
            count(answers::MAX_BYTES),
        ),
        ("Manager::max_payload", count(manager::MAX_PAYLOAD)),
        ("bus.max_message", count(redis::MAX_MESSAGE)),
        ("bus.max_spool", count(redis::MAX_SPOOL)),
        (
            "messages of the bus that wait",
            count(redis::listener::MAX_BACKLOG),
        ),
        (
            "what FastApp's workers tell each other, a message",
            count(workers::MAX_MESSAGE),
        ),
        (
            "names in the callback of another worker's emit",
            count(reader::MAX_CALLBACK),
        ),
        ("id of the host of such an emit", count(reader::MAX_HOST)),
        (
            "confirmations of revocations that wait to be sent",
            count(CONFIRMING),
        ),
        ("revocations that are kept", count(log::LENGTH)),
    ];
    let defaults = defaults.map(|(setting, value)| (setting.to_owned(), value));
    assert_eq!(documented(), BTreeMap::from(defaults));
}
