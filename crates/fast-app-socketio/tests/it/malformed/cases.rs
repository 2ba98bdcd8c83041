//! The packets, by name.

/// What is wrong, and the packets: Engine.IO packets as polling has them, so that `b…` is Base64.
pub(super) type Case = (String, Vec<String>);

/// Every case, and whether its client has connected to `/` before.
pub(super) fn cases() -> impl Iterator<Item = (bool, Case)> {
    let connected = after_connect().into_iter().map(|case| (true, case));
    connected.chain(before_connect().into_iter().map(|case| (false, case)))
}

fn case(name: &str, packets: &[&str]) -> Case {
    (
        name.to_owned(),
        packets.iter().map(ToString::to_string).collect(),
    )
}

/// What a client in `/` may not send.
fn after_connect() -> Vec<Case> {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let placeholder = |num: &str| vec![format!(r#"451-["x",{{"_placeholder":true,"num":{num}}}]"#)];
    let mut cases = vec![
        // Types.
        case("no type", &["4"]),
        case("a type beyond one digit in full width", &["4２[\"x\"]"]),
        case("a plus for a type", &["4+2[\"x\"]"]),
        case("a tab before the type", &["4\t2[\"x\"]"]),
        case("a byte order mark before the type", &["4\u{feff}2[\"x\"]"]),
        case(
            "a JSON object for a packet",
            &[r#"4{"type":2,"nsp":"/","data":["x"]}"#],
        ),
        case("a JSON array for a packet", &[r#"4["x"]"#]),
        case("a packet in quotes", &[r#"4"2[\"x\"]""#]),
        case("a packet of another packet", &[r#"442["x"]"#]),
        case("a refusal that is a text", &[r#"44"no""#]),
        case("a refusal with an id", &[r#"441{"message":"no"}"#]),
        // Auth.
        case("auth in single quotes", &["40{'a':1}"]),
        case("auth with a comma too many", &[r#"40{"a":1,}"#]),
        case("auth with a comment", &["40{}//"]),
        case("auth with a key that is a number", &["40{1:1}"]),
        case("auth with a value missing", &[r#"40{"a":}"#]),
        case("auth that is undefined", &["40undefined"]),
        case("auth that is a form", &["40token=x"]),
        case("auth with an escape that is none", &[r#"40{"a":"\q"}"#]),
        case("auth with a line feed in a text", &["40{\"a\":\"\n\"}"]),
        case("auth with a nul", &["40{\"a\":\"\0\"}"]),
        case("auth cut in an escape", &[r#"40{"a":"\u12"#]),
        case("auth of a namespace that is cut", &[r#"40/custom,{"#]),
        case("auth of a namespace twice", &["40/custom,{}{}"]),
        case("a disconnect with a list", &["41[]"]),
        case("a disconnect with a space", &["41 "]),
        // JSON of events.
        case("an event that is false", &["42false"]),
        case("an event that is a float", &["42-1.5"]),
        case("an event of a space", &["42 "]),
        case("an event of a comma", &["42,"]),
        case("an event of a colon", &["42:"]),
        case("an event of a closing bracket", &["42]"]),
        case("an event of the wrong bracket", &[r#"42["x"}"#]),
        case("an event of round brackets", &[r#"42("x")"#]),
        case("false for a name", &["42[false]"]),
        case("zero for a name", &["42[0]"]),
        case("a fraction for a name", &["42[1.5]"]),
        case("an empty list for a name", &["42[[]]"]),
        case("an empty object for a name", &["42[{}]"]),
        case(
            "a placeholder for a name",
            &[r#"42[{"_placeholder":true,"num":0}]"#],
        ),
        case("a name without quotes", &["42[x]"]),
        case("a name in single quotes", &["42['x',1]"]),
        case("a name in backticks", &["42[`x`]"]),
        case("a name with a nul", &["42[\"a\0b\"]"]),
        case("a name with a tab", &["42[\"a\tb\"]"]),
        case("a name cut in an escape", &[r#"42["\u00"#]),
        case("a name with an escape of no digits", &[r#"42["\uzzzz"]"#]),
        case("a name with an escape of two digits", &[r#"42["\x41"]"#]),
        case("a name with an octal escape", &[r#"42["\101"]"#]),
        case("two low surrogates in a name", &[r#"42["\udc00\udc00"]"#]),
        case(
            "a high surrogate and a letter in a name",
            &[r#"42["\ud800x"]"#],
        ),
        case("no comma between arguments", &[r#"42["x" 1]"#]),
        case("two commas between arguments", &[r#"42["x",,1]"#]),
        case("a comma before the name", &[r#"42[,"x"]"#]),
        case("a colon between arguments", &[r#"42["x":1]"#]),
        case(
            "an argument that is NaN inside an object",
            &[r#"42["x",{"a":NaN}]"#],
        ),
        case("an argument that is a bare word", &[r#"42["x",yes]"#]),
        case("an argument True", &[r#"42["x",True]"#]),
        case("an argument None", &[r#"42["x",None]"#]),
        case("an argument that is half of null", &[r#"42["x",nul]"#]),
        case("an argument longer than null", &[r#"42["x",nulll]"#]),
        case("an argument that is a plus", &[r#"42["x",+1]"#]),
        case("an argument that is a minus", &[r#"42["x",-]"#]),
        case("an argument with two minuses", &[r#"42["x",--1]"#]),
        case("an argument that ends in a point", &[r#"42["x",1.]"#]),
        case("an argument that begins with a point", &[r#"42["x",.5]"#]),
        case("an argument with two points", &[r#"42["x",1.2.3]"#]),
        case("an argument with an empty exponent", &[r#"42["x",1e]"#]),
        case(
            "an argument with an empty signed exponent",
            &[r#"42["x",1e+]"#],
        ),
        case("an argument with an underscore", &[r#"42["x",1_000]"#]),
        case("an argument with a suffix", &[r#"42["x",1n]"#]),
        case("an argument in octal", &[r#"42["x",0o7]"#]),
        case("an argument in binary digits", &[r#"42["x",0b1]"#]),
        case("an object without a colon", &[r#"42["x",{"a" 1}]"#]),
        case("an object without a key", &[r#"42["x",{:1}]"#]),
        case("an object without a value", &[r#"42["x",{"a":}]"#]),
        case("an object with a key alone", &[r#"42["x",{"a"}]"#]),
        case("an object with a bare key", &[r#"42["x",{a:1}]"#]),
        case("an object with a comma too many", &[r#"42["x",{"a":1,}]"#]),
        case("an object closed as a list", &[r#"42["x",{"a":1]]"#]),
        case("a list closed as an object", &[r#"42["x",[1}]"#]),
        case("an object that is cut", &[r#"42["x",{"a":1"#]),
        case("a text that is cut in an escape", &[r#"42["x","\"#]),
        case("a line feed in an argument", &["42[\"x\",\"a\nb\"]"]),
        case("a line comment", &["42[\"x\"]//"]),
        case("a nul behind an event", &["42[\"x\"]\0"]),
        case("letters behind an event", &[r#"42["x"]x"#]),
        case("a no-break space in an event", &["42[\u{a0}\"x\"]"]),
        case("a vertical tab in an event", &["42[\u{b}\"x\"]"]),
        case("a form feed in an event", &["42[\u{c}\"x\"]"]),
        // Ids and namespaces.
        case("an id in hexadecimal", &[r#"420x1["x"]"#]),
        case("an id with an exponent", &[r#"421e3["x"]"#]),
        case("an id with an underscore", &[r#"421_0["x"]"#]),
        case("an id of two numbers", &[r#"421,2["x"]"#]),
        case("an id in full width", &[r#"42１["x"]"#]),
        case("an id in arabic digits", &[r#"42١["x"]"#]),
        case("an id in quotes", &[r#"42"1"["x"]"#]),
        case("an id behind the event", &[r#"42["x"]1"#]),
        case("an id before the namespace", &[r#"421/custom,["x"]"#]),
        case("a namespace in quotes", &[r#"42"/custom",["x"]"#]),
        case("a namespace behind the event", &[r#"42["x"]/custom,"#]),
        case("a namespace with a backslash", &[r#"42\custom,["x"]"#]),
        case("a namespace twice", &[r#"42/custom,/custom,["x"]"#]),
        case("a namespace alone", &["42/"]),
        // Acknowledgements.
        case("an ack of nothing", &["43"]),
        case("an ack that is null", &["431null"]),
        case("an ack that is a text", &[r#"431"x""#]),
        case("an ack that is true", &["431true"]),
        case("an ack that is a number", &["431 1"]),
        case("an ack with a sign", &["43+1[]"]),
        case("an ack with a fraction", &["431.0[]"]),
        case("an ack with NaN", &["431[NaN]"]),
        case("an ack with a comma too many", &["431[1,]"]),
        case("an ack with two lists", &["431[][]"]),
        case("an ack with letters for an id", &["43abc[]"]),
        case("an ack of a namespace without an id", &["43/custom,[]"]),
        case(
            "an ack with an id beyond 64 bits",
            &["4318446744073709551616[]"],
        ),
        case("a binary ack that is an object", &["461-1{}"]),
        case("a binary ack without data", &["461-1"]),
        case("a binary ack that is cut", &["461-1["]),
        case("a binary ack without a dash", &["4611[]"]),
        case("a binary ack with an id below zero", &["461--1[]"]),
        // Numbers of attachments.
        case("two dashes", &[r#"451--["x"]"#]),
        case("two numbers of attachments", &[r#"451-1-["x"]"#]),
        case(
            "a number of attachments in hexadecimal",
            &[r#"450x1-["x"]"#],
        ),
        case(
            "a number of attachments with an exponent",
            &[r#"451e0-["x"]"#],
        ),
        case("a number of attachments in full width", &[r#"45１-["x"]"#]),
        case("a number of attachments in words", &[r#"45one-["x"]"#]),
        case(
            "a number of attachments behind the namespace",
            &[r#"45/custom,1-["x"]"#],
        ),
        case(
            "eleven attachments with a leading zero",
            &[r#"45011-["x"]"#],
        ),
        case("a dash in full width", &[r#"451－["x"]"#]),
        case("a number of attachments in an event", &[r#"421-["x"]"#]),
        case("an event of ten attachments that is no JSON", &["4510-["]),
        case("a binary event with a number for a name", &["451-[1]"]),
        case("a binary event with null for a name", &["451-[null]"]),
        case("a binary event that is null", &["451-null"]),
        case(
            "a binary event with a placeholder for a name",
            &[r#"451-[{"_placeholder":true,"num":0}]"#],
        ),
        case("a binary event with NaN", &[r#"451-["x",NaN]"#]),
        case("a binary event with two lists", &[r#"451-["x"]["x"]"#]),
        case(
            "a connect for an attachment",
            &[r#"451-["x",{"_placeholder":true,"num":0}]"#, "40/custom,"],
        ),
        case(
            "an ack for an attachment",
            &[r#"451-["x",{"_placeholder":true,"num":0}]"#, "431[]"],
        ),
        case(
            "an event of another namespace for an attachment",
            &[
                r#"451-["x",{"_placeholder":true,"num":0}]"#,
                r#"42/custom,["x"]"#,
            ],
        ),
        case("a text for an ack's attachment", &["461-1[]", r#"42["x"]"#]),
        case(
            "an attachment behind a disconnect",
            &["40/custom,", "41/custom,", "bAQ=="],
        ),
        case(
            "a number twice and one that is not there",
            &[r#"452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":2}]"#],
        ),
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
    cases.extend(
        [
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
            ("placeholder 2 of 1", placeholder("2")),
            ("placeholder 10", placeholder("10")),
            ("placeholder -0.5", placeholder("-0.5")),
            ("placeholder 1e400", placeholder("1e400")),
            ("placeholder \"\"", placeholder("\"\"")),
            ("placeholder false", placeholder("false")),
            ("placeholder []", placeholder("[]")),
            ("placeholder {\"num\":0}", placeholder("{\"num\":0}")),
            ("placeholder beyond 32 bits", placeholder("4294967296")),
            ("placeholder NaN", placeholder("NaN")),
            (
                "only opening braces",
                vec![format!("42[\"x\",{}", "{".repeat(500_000))],
            ),
            (
                "only opening brackets in a refusal",
                vec![format!("44{}", "[".repeat(100_000))],
            ),
            (
                "only opening brackets in an ack",
                vec![format!("431{}", "[".repeat(500_000))],
            ),
            (
                "only opening brackets in auth",
                vec![format!("40{}", "[".repeat(500_000))],
            ),
            ("only quotes", vec![format!("42[{}", "\"".repeat(500_001))]),
            (
                "only backslashes",
                vec![format!("42[\"x\",\"{}\"]", "\\".repeat(500_001))],
            ),
            (
                "only commas",
                vec![format!("42[\"x\"{}]", ",".repeat(500_000))],
            ),
            ("only digits", vec![format!("42{}", "1".repeat(500_000))]),
            ("only dashes", vec![format!("45{}", "-".repeat(500_000))]),
            ("only slashes", vec![format!("42{}", "/".repeat(500_000))]),
            (
                "a number of attachments of a hundred digits",
                vec![format!("45{}-[\"x\"]", "1".repeat(100))],
            ),
            (
                "a number of many digits that is cut",
                vec![format!("42[\"x\",{}.", "1".repeat(500_000))],
            ),
            (
                "deep and wrong at the end",
                vec![format!("42[\"x\",{}}}", "[".repeat(120))],
            ),
            (
                "a name of 129 characters of two bytes",
                vec![format!("42[\"{}\"]", "é".repeat(129))],
            ),
            (
                "a long name that is escaped",
                vec![format!("42[\"{}\"]", "\\u0078".repeat(129))],
            ),
            (
                "a binary event with a name that is too long",
                vec![format!("451-[\"{}\"]", "x".repeat(129))],
            ),
            (
                "a disconnect from a namespace that is too long",
                vec![format!("41/{},", "x".repeat(255))],
            ),
            (
                "an ack from a namespace that is too long",
                vec![format!("43/{},1[]", "x".repeat(255))],
            ),
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
        ]
        .map(|(name, packets): (&str, Vec<String>)| (name.to_owned(), packets)),
    );
    // What socket.io-parser reserves: a server tells itself so, and no client may.
    for name in [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ] {
        let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
        for event in [
            format!(r#"42["{name}"]"#),
            format!(r#"427["{name}",{{}}]"#),
            format!(r#"42["{escaped}"]"#),
            format!(r#"451-["{name}",{{"_placeholder":true,"num":0}}]"#),
        ] {
            cases.push((format!("the reserved event {event}"), vec![event]));
        }
    }
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
        case("no type before the connect", &["4"]),
        case("type 7 before the connect", &["47"]),
        case("letters before the connect", &["4hello"]),
        case("eleven attachments before the connect", &[r#"4511-["x"]"#]),
        case("a number for a name before the connect", &["42[1]"]),
        case("an ack without an id before the connect", &["43[]"]),
        case(
            "a binary event of a namespace before the connect",
            &[r#"451-/custom,["x"]"#],
        ),
        case("an empty attachment before the connect", &["b"]),
        case("auth that is cut before the connect", &["40{"]),
        case("a disconnect with data before the connect", &["41{}"]),
        case(
            "nested too deep before the connect",
            &[&format!("40{}", "[".repeat(100_000))],
        ),
    ]
}
