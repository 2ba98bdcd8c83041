//! Packets as clients may send them: right, wrong and nearly right.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    string::string_regex,
};
use serde_json::Value;

/// At least one for each difference; the generated ones need not meet them all.
pub(super) fn known() -> Vec<String> {
    let placeholder = |num| format!(r#"51-["x",{{"_placeholder":true,"num":{num}}}]"#);
    let deep = |head: &str, depth: usize| {
        format!("{head}{}{}]", "[".repeat(depth - 1), "]".repeat(depth - 1))
    };
    let mut known: Vec<String> = [
        "",
        " {}",
        "2/a?x=1,[\"x\"]",
        "05{}",
        "17",
        "29007199254740993[\"x\"]",
        "218446744073709551615[\"x\"]",
        "218446744073709551616[\"x\"]",
        "2 [\"x\"]",
        "2\u{a0}[\"x\"]",
        "21 2[\"x\"]",
        "4{}",
        "4\"x\"",
        "5+1-[\"x\"]",
        "51.0-[\"x\"]",
        "50x1-[\"x\"]",
        "501-[\"x\"]",
        "50-[\"x\"]",
        "5-[\"x\"]",
        "510-[\"x\"]",
        "511-[\"x\"]",
        "3[]",
        "2",
        "30",
        "51-",
        "2[1]",
        "2[\"\\ud800\"]",
        "2[\"connect\"]",
        "2[\"x\",1e400,\"\\ud800\",{\"a\":1,\"a\":2,\"__proto__\":3}]",
        "51-[\"x\",1e400]",
        "51-[\"x\",\"\\ud800\"]",
        "51-[\"x\",{\"a\":1,\"a\":2,\"__proto__\":{\"_placeholder\":true,\"num\":0}}]",
        "51-[{\"_placeholder\":true,\"num\":0}]",
        "0null",
        "0[]",
        "0\"x\"",
        "1{}",
    ]
    .map(str::to_owned)
    .into();
    known.extend(
        [
            "0", "1", "-1", "0.0", "-0", "0.5", "0e0", "1e9", "\"0\"", "null", "{}", "[]",
        ]
        .map(placeholder),
    );
    for length in [128, 129] {
        known.push(format!("2[\"{}\"]", "x".repeat(length)));
    }
    for length in [254, 255] {
        known.push(format!("2/{},[\"x\"]", "x".repeat(length)));
        known.push(format!(
            "2/{}?{},[\"x\"]",
            "x".repeat(length),
            "x".repeat(99)
        ));
    }
    for depth in [127, 128, 129, 200] {
        known.push(deep("2[\"x\",", depth));
        known.push(deep("51-[\"x\",", depth));
    }
    known
}

/// What texts in JSON are made of.
const PIECES: &[&str] = &[
    "a",
    "ž",
    "😀",
    "\\n",
    "\\\"",
    "\\\\",
    "\\/",
    "\\u00e9",
    "\\ud83d\\ude00",
    "[",
    "}",
    " ",
    "\u{2028}",
    "\u{7f}",
];

/// Texts of a regular expression, which a text alone would have parsed for each.
pub(super) fn pattern(regex: &str) -> impl Strategy<Value = String> + use<> {
    string_regex(regex).expect("the patterns here are regular expressions")
}

/// JSON as somebody may write it.
fn json_text() -> impl Strategy<Value = String> {
    let text = || vec(select(PIECES), 0..6).prop_map(|all| format!("\"{}\"", all.concat()));
    let lone = select(&["\"\\ud800\"", "\"\\udc00x\"", "\"\\uD83Dx\""][..]).prop_map(str::to_owned);
    let number = pattern("-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?");
    let placeholder = (0u8..11).prop_map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#));
    let word = select(&["null", "true", "false", "1e400", "{}", "[]"][..]).prop_map(str::to_owned);
    let leaf = prop_oneof![
        4 => text(),
        4 => number,
        4 => word,
        4 => placeholder,
        1 => lone,
    ];
    let key = prop_oneof![
        4 => text(),
        4 => select(&["\"_placeholder\"", "\"num\"", "\"__proto__\"", "\"1\"", "\"a\""][..])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let comma = || select(&[",", ", ", " ,\n\t"][..]);
        let field = (key.clone(), inner.clone()).prop_map(|(key, value)| format!("{key}:{value}"));
        prop_oneof![
            (vec(inner, 0..4), comma()).prop_map(|(all, comma)| format!("[{}]", all.join(comma))),
            (vec(field, 0..4), comma()).prop_map(|(all, comma)| format!("{{{}}}", all.join(comma))),
        ]
    })
}

/// Packets that are right, or nearly.
pub(super) fn packet_text() -> impl Strategy<Value = String> {
    let kind = select(&["0", "1", "2", "3", "4", "5", "6", "2", "3", "5", "6"][..]);
    let namespace = prop_oneof![
        4 => Just(String::new()),
        1 => pattern("/[a-zé]{0,3},"),
        1 => pattern("/[a-z/]{0,3}\\?[a-z=&?]{0,3},"),
        1 => pattern("/[a-z]{0,3}"),
    ];
    let id = prop_oneof![4 => Just(String::new()), 4 => pattern("[0-9]{1,3}"), 1 => pattern("[0-9]{14,21}")];
    let names = [
        "x",
        "message",
        "é😀",
        "",
        "connect",
        "disconnecting",
        "newListener",
        "error",
    ];
    let name = prop_oneof![
        6 => select(names.to_vec()).prop_map(|name| Value::from(name).to_string()),
        1 => json_text(),
    ];
    let data = (name, vec(json_text(), 0..4), json_text(), 0..20u8);
    (kind, 0..12usize, namespace, id, data).prop_map(
        |(kind, count, namespace, id, (name, args, other, odd))| {
            let args = args.join(",");
            let comma = if args.is_empty() { "" } else { "," };
            let data = match (kind, odd) {
                (_, 0) => other,
                (_, 1) | ("1", _) => String::new(),
                ("0", 2..5) => String::new(),
                ("0" | "4", _) => format!("{{\"token\":{other}}}"),
                ("2" | "5", _) => format!("[{name}{comma}{args}]"),
                _ => format!("[{args}]"),
            };
            let count = match kind {
                "5" | "6" => format!("{count}-"),
                _ => String::new(),
            };
            format!("{kind}{count}{namespace}{id}{data}")
        },
    )
}

/// Packets with something cut off, changed, added or swapped.
pub(super) fn damaged(packet: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let letters: Vec<char> = "0123456789-+.ex/?,[]{}\"\\:_ \n\u{a0}\u{feff}\u{1e}é😀u"
        .chars()
        .collect();
    let edit = (any::<Index>(), 0..5u8, select(letters));
    (packet, vec(edit, 0..4)).prop_map(|(packet, edits)| {
        let mut packet: Vec<char> = packet.chars().collect();
        for (at, kind, letter) in edits {
            let at = at.index(packet.len() + 1);
            match kind {
                0 => packet.truncate(at),
                1 => packet.insert(at, letter),
                _ if at == packet.len() => packet.push(letter),
                2 => packet[at] = letter,
                3 => drop(packet.remove(at)),
                _ => packet.swap(0, at),
            }
        }
        packet.into_iter().collect()
    })
}
