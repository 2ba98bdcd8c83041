//! The table of limits in `docs/security.md` against the limits.

use std::{collections::BTreeMap, time::Duration};

use fast_app_engineio::Config;

use crate::server::Limits;

/// The numbers of the table, by setting: times in seconds.
fn documented() -> BTreeMap<String, u64> {
    let docs = include_str!("../../../docs/security.md");
    let rows = docs.lines().filter(|line| line.starts_with("| "));
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let setting = cells.get(2)?.strip_prefix('`')?.strip_suffix('`')?;
        let value = cells.get(3)?.split(' ').next()?.replace(',', "");
        Some((setting.to_owned(), value.parse().ok()?))
    })
    .filter(|(setting, _)| setting.starts_with("config.") || setting.starts_with("builder."))
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
    ];
    let defaults = defaults.map(|(setting, value)| (setting.to_owned(), value));
    assert_eq!(documented(), BTreeMap::from(defaults));
}
