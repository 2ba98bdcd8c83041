//! `docs/security.md` against the sources.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Rust file below these folders, but for what other programs have written there.
fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            match path.extension() {
                _ if path.is_dir() && !["target", "golden", "node_modules"].contains(&name) => {
                    folders.push(path);
                }
                Some(extension) if extension == "rs" => {
                    found.push((path.strip_prefix(root()).unwrap().to_owned(), read(&path)));
                }
                _ => {}
            }
        }
    }
    found
}

/// The names of the tests in a text: functions below `#[test]` or `#[tokio::test]` and not below `#[ignore]`, and what
/// `on_every_bus!` makes tests of.
fn tests(text: &str) -> BTreeSet<&str> {
    let (mut found, mut attributes) = (BTreeSet::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
        } else if !line.starts_with("//") {
            let is_test = |attribute: &&str| {
                ["#[test]", "#[tokio::test"]
                    .iter()
                    .any(|test| attribute.starts_with(test))
            };
            let runs = attributes.iter().any(is_test)
                && !attributes.iter().any(|line| line.contains("ignore"));
            attributes.clear();
            found.extend(
                line.split_once("fn ")
                    .filter(|_| runs)
                    .map(|(_, rest)| name(rest)),
            );
        }
    }
    let lists = text.split("\non_every_bus! {").skip(1);
    let names = lists.flat_map(|list| list.split('}').next().unwrap_or_default().split(','));
    found.extend(
        names
            .map(|listed| name(listed.trim()))
            .filter(|name| !name.is_empty()),
    );
    found
}

/// The identifier that a text begins with.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    &text[..end.unwrap_or(text.len())]
}

/// The targets of `cargo xtask fuzz`.
fn fuzz_targets() -> Vec<String> {
    let files = fs::read_dir(root().join("fuzz/fuzz_targets")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let rust = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn only_what_runs_is_a_test() {
    let text = r#"
#[test]
fn a() {}
/// Not alone.
#[tokio::test(start_paused = true)]
async fn b() {
    fn helper() {}
}
#[test]
#[ignore]
fn c() {}
#[cfg(test)]
fn d() {}
#[test]
#[cfg_attr(debug_assertions, ignore = "slow")]
fn e() {}

on_every_bus! {
    f,
    g,
}
"#;
    assert_eq!(tests(text), BTreeSet::from(["a", "b", "f", "g"]));
}

/// The tests and commands that the tables of checks name.
fn named() -> BTreeSet<String> {
    let docs = read("docs/security.md");
    let (_, checks) = docs.split_once("\n## Checks\n").unwrap();
    let rows = checks.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_test_that_a_check_names_is_in_the_sources() {
    let sources = sources(&["crates", "examples", "testkit", "xtask"]);
    let fuzz_targets = fuzz_targets();
    let written: BTreeSet<&str> = sources
        .iter()
        .flat_map(|(_, text)| tests(text))
        .chain(fuzz_targets.iter().map(String::as_str))
        .collect();
    let (commands, named): (BTreeSet<_>, BTreeSet<_>) =
        named().into_iter().partition(|name| name.contains(' '));
    let help = read("xtask/src/main.rs");
    for command in commands {
        let words = command.strip_prefix("cargo xtask ");
        let words = words.unwrap_or_else(|| panic!("{command}"));
        assert!(
            words.split(' ').all(|word| help.contains(word)),
            "{command}"
        );
    }
    assert!(
        named.len() > 100,
        "{} names: the tables are read",
        named.len()
    );
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !written.contains(name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/security.md names tests that are not there: {missing:#?}"
    );
    let unnamed: Vec<_> = written
        .iter()
        .filter(|name| name.starts_with("security_") && !named.contains(**name))
        .collect();
    assert!(
        unnamed.is_empty(),
        "docs/security.md does not name: {unnamed:#?}"
    );
}

/// What must not be in the part of the sources that runs in a server, why, and the files where it may.
///
/// Locks of `std`, which a panic poisons, are named in `clippy.toml`.
const BANNED: [(&str, &str, &[&str]); 9] = [
    ("unsafe ", "it is forbidden", &[]),
    (".unwrap()", "input may reach it", &[]),
    ("sync::broadcast", "whoever is slow loses messages", &[]),
    // Bounded in bytes, by its backlog.
    (
        "unbounded_channel",
        "nothing bounds it",
        &["fast-app-socketio/src/bus/redis/listener.rs"],
    ),
    ("disable_recursion_limit", "the stack ends the process", &[]),
    ("process::exit", "a server ends by returning", &[]),
    ("process::abort", "a server ends by returning", &[]),
    ("panic = \"abort\"", "panics of handlers are caught", &[]),
    // Of what is there already: an answer's frames, a text that is copied, rooms of an event.
    (
        "with_capacity(",
        "its size may be a peer's word",
        &[
            "fast-app-engineio/src/transport/polling.rs",
            "fast-app-engineio/src/frame.rs",
            "fast-app-socketio/src/bus/python/reader.rs",
            "fast-app/src/core/broadcasting/mod.rs",
        ],
    ),
];

#[test]
fn security_7_sources_have_nothing_that_falls_over() {
    let folders = ["fast-app", "fast-app-engineio", "fast-app-socketio"]
        .map(|name| format!("crates/{name}/src"));
    let mut sources = sources(&folders.each_ref().map(String::as_str));
    // For tests and measurements alone.
    sources.retain(|(path, _)| {
        let path = path.to_str().unwrap();
        ![
            "/fuzz.rs",
            "/bench.rs",
            "/parser_comparison/",
            "/documented_limits.rs",
        ]
        .iter()
        .any(|part| path.contains(part))
    });
    assert!(sources.len() > 50, "{} files", sources.len());
    for (path, text) in &sources {
        let (code, _tests) = text.split_once("#[cfg(test)]\nmod ").unwrap_or((text, ""));
        let code = code
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default());
        for (number, line) in code.enumerate() {
            for (banned, why, allowed) in BANNED {
                let may = allowed
                    .iter()
                    .any(|allowed| path.ends_with(Path::new("crates").join(allowed)));
                assert!(
                    !line.contains(banned) || may,
                    "{}:{}: {banned}: {why}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
    let workspace = read("Cargo.toml");
    assert!(workspace.contains("unsafe_code = \"forbid\""));
    let clippy = read("clippy.toml");
    for lock in ["Mutex", "RwLock"] {
        assert!(clippy.contains(&format!("path = \"std::sync::{lock}\"")));
    }
    assert!(
        !workspace.contains("panic ="),
        "panics are caught, which needs unwinding"
    );
    for name in fs::read_dir(root().join("crates")).unwrap() {
        let manifest = read(name.unwrap().path().join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{manifest}");
    }
}
