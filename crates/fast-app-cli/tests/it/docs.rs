//! The manual says what `--help` says.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use super::{fast_app, run};

/// Every `--help`, by its command.
fn helps() -> BTreeMap<String, String> {
    let mut helps = BTreeMap::new();
    let mut commands = vec![vec![]];
    while let Some(command) = commands.pop() {
        let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
        words.push("--help");
        let mut help = fast_app(Path::new("."), &words);
        help.env_remove("COLUMNS");
        let help = run(help);
        for name in subcommands(&help) {
            commands.push(command.iter().cloned().chain([name]).collect());
        }
        helps.insert(format!("fast-app {}", words.join(" ")), help);
    }
    helps
}

fn subcommands(help: &str) -> Vec<String> {
    let list = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| !line.starts_with("   "));
    names
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_manual_has_the_help_of_every_command() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let manual = fs::read_to_string(&path).unwrap();
    let mut updated = manual.clone();
    for (command, help) in helps() {
        let start = format!("```text\n$ {command}\n");
        let at = manual.find(&start);
        let at = at.unwrap_or_else(|| panic!("docs/cli.md lacks\n{start}{help}```"));
        let block = &manual[at..];
        let end = start.len() + block[start.len()..].find("```").unwrap();
        updated = updated.replace(&block[..end], &format!("{start}{help}"));
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &updated).unwrap();
    } else {
        let diff = similar::TextDiff::from_lines(&manual, &updated);
        let diff = diff.unified_diff().to_string();
        assert!(diff.is_empty(), "BLESS=1 updates docs/cli.md:\n{diff}");
    }
}

#[test]
fn every_command_of_the_specification_is_where_it_says() {
    for (command, words) in [
        (
            "fast-app publish socketio",
            ["publish", "socketio", "--help"],
        ),
        ("fast-app make room ChatRoom", ["make", "room", "--help"]),
        (
            "fast-app make broadcast_event UpdateChat",
            ["make", "broadcast_event", "--help"],
        ),
    ] {
        let help = run(fast_app(Path::new("."), &words));
        assert!(help.contains(command), "{help}");
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(fast_app(Path::new("."), &["completions", shell]));
        assert!(script.contains("broadcast_event"), "{shell}");
    }
}

#[test]
fn bash_completes_what_can_be_made() {
    let script = run(fast_app(Path::new("."), &["completions", "bash"]));
    let ask = "\nCOMP_WORDS=(fast-app make b) COMP_CWORD=2
        function=$(complete -p fast-app | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        $function fast-app b make
        echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["-c", &(script + ask)]);
    assert_eq!(run(bash), "broadcast_event\n");
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = env!("CARGO_PKG_VERSION");
    let said = run(fast_app(Path::new("."), &["version"]));
    assert_eq!(said, format!("fast-app {version}\n"));
    assert_eq!(run(fast_app(Path::new("."), &["--version"])), said);
}
