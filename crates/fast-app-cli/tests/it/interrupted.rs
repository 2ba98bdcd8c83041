//! Ctrl-C in the middle.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{fast_app, run};

/// The names of everything in a folder.
fn tree(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = paths
        .flat_map(|path| {
            let below = tree(&path);
            below.into_iter().chain([path.display().to_string()])
        })
        .collect();
    names.sort();
    names
}

#[test]
fn an_interruption_leaves_all_or_nothing() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("demo");
    let init = || fast_app(place.path(), &["init", "demo"]);
    run(init());
    let all = tree(&root);
    for signal in ["INT", "TERM", "HUP"].into_iter().cycle().take(60) {
        fs::remove_dir_all(&root).unwrap();
        let mut child = init()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From here on it has begun to write.
        while !root.exists() && child.try_wait().unwrap().is_none() {}
        let mut kill = Command::new("kill");
        kill.args([format!("-{signal}"), child.id().to_string()]);
        let _ = kill.stderr(Stdio::null()).status();
        match child.wait().unwrap().success() {
            true => assert_eq!(tree(&root), all, "{signal}"),
            false => assert!(!root.exists(), "{signal}: {:?}", tree(&root)),
        }
        fs::create_dir_all(&root).unwrap();
    }
}
