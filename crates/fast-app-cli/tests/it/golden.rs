//! Folders of files: what was there, the command, what it said, and what was there then.
//!
//! ```text
//! tests/golden/<case>/in        the files before; without it there are none
//!                     command   lines for a shell, in the folder of the files
//!                     stdout    what it says
//!                     stderr    without it nothing
//!                     code      of the last line; without it 0
//!                     out       the files after; without it they are as before
//! ```
//!
//! A name that begins with a dot begins with `dot-` here, so that nothing takes it for its own. `BLESS=1` writes what the
//! command does now into the folders; read the diff.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::text;

/// The files of a folder, by their paths.
type Tree = BTreeMap<String, String>;

#[test]
fn every_case_does_what_its_folder_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    let failures: Vec<_> = cases.iter().filter_map(|case| check(case)).collect();
    assert!(
        failures.is_empty(),
        "BLESS=1 accepts:\n{}",
        failures.join("\n")
    );
}

/// What is different from what the folder says.
fn check(case: &Path) -> Option<String> {
    let place = tempfile::tempdir().unwrap();
    let before = read(&case.join("in"));
    for (path, text) in &before {
        write(&place.path().join(hidden(path, "dot-", ".")), text);
    }
    let mut actual = execute(case, &place);
    let after = tree(&place);
    if after != before {
        actual.extend(
            after
                .into_iter()
                .map(|(path, text)| (format!("out/{path}"), text)),
        );
    }
    let mut wanted = read(case);
    wanted.retain(|path, _| path != "command" && !path.starts_with("in/"));
    if std::env::var_os("BLESS").is_some() {
        bless(case, &wanted, &actual);
        return None;
    }
    (wanted != actual).then(|| difference(case, &wanted, &actual))
}

/// Runs the command and gives `stdout`, `stderr` and `code`.
fn execute(case: &Path, place: &TempDir) -> Tree {
    let bin = Path::new(env!("CARGO_BIN_EXE_fast-app")).parent().unwrap();
    let mut path = std::ffi::OsString::from(bin);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let output = Command::new("sh")
        .arg("-c")
        .arg(fs::read_to_string(case.join("command")).unwrap())
        .current_dir(place)
        .env("PATH", path)
        .env_remove("REDIS_SOCKETIO_URL")
        .env_remove("SECRET_KEY")
        .output()
        .unwrap();
    let root = place.path().canonicalize().unwrap();
    let said = |bytes| text(bytes).replace(root.to_str().unwrap(), "[ROOT]");
    let mut said: Tree = [
        ("stdout", said(&output.stdout)),
        ("stderr", said(&output.stderr)),
        ("code", format!("{}\n", output.status.code().unwrap())),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .into();
    said.retain(|name, text| !text.is_empty() && (name.as_str(), text.as_str()) != ("code", "0\n"));
    said
}

/// The files of a place, without what is different every time.
fn tree(place: &TempDir) -> Tree {
    let version = concat!("fast-app = \"", env!("CARGO_PKG_VERSION"), "\"");
    let mut tree = Tree::new();
    for (path, text) in read(place.path()) {
        let text = text.replace(version, "fast-app = \"[VERSION]\"");
        let lines = text
            .split_inclusive('\n')
            .map(|line| match line.strip_prefix("SECRET_KEY=") {
                Some(key) if key.trim_end().len() == 64 => "SECRET_KEY=[SECRET]\n",
                _ => line,
            });
        tree.insert(hidden(&path, ".", "dot-"), lines.collect());
    }
    tree
}

/// `.env` ↔ `dot-env`, in every part of a path.
fn hidden(path: &str, from: &str, to: &str) -> String {
    let parts = path.split('/').map(|part| match part.strip_prefix(from) {
        Some(rest) => format!("{to}{rest}"),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("/")
}

fn read(folder: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
                tree.insert(name.to_owned(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    tree
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn bless(case: &Path, wanted: &Tree, actual: &Tree) {
    for path in wanted.keys().filter(|path| !actual.contains_key(*path)) {
        fs::remove_file(case.join(path)).unwrap();
    }
    for (path, text) in actual {
        write(&case.join(path), text);
    }
}

fn difference(case: &Path, wanted: &Tree, actual: &Tree) -> String {
    let mut paths: Vec<_> = wanted.keys().chain(actual.keys()).collect();
    paths.sort();
    paths.dedup();
    let mut text = format!("== {}\n", case.file_name().unwrap().display());
    for path in paths {
        let side = |tree: &Tree| tree.get(path).cloned().unwrap_or_default();
        let diff = similar::TextDiff::from_lines(side(wanted), side(actual))
            .unified_diff()
            .header(&format!("wanted {path}"), &format!("actual {path}"))
            .to_string();
        text += &diff;
    }
    text
}
