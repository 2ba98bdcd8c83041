//! Is everything there that the others need? For `fast-app doctor`; nothing is changed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Project, manifest, source};
use crate::{
    commands::doctor::Finding,
    error::Error,
    live::bus,
    plan::{Plan, shown},
};

/// Folders whose files the generators declare.
const FOLDERS: &[&str] = &["modules", "socketio", "resources", "events"];

/// Crates that the published files use.
const CRATES: &[&str] = &["fast-app", "jsonwebtoken", "serde", "serde_json", "tracing"];

/// The shortest key that HS256 should have, in bytes (RFC 7518, section 3.2).
const KEY_LENGTH: usize = 32;

/// Checks a project.
pub(crate) fn check(project: &Project) -> Result<Vec<Finding>, Error> {
    let root = shown(&project.crate_root);
    let mut findings = vec![Finding::good(format!(
        "project {}, {root}",
        project.package
    ))];
    let server = project.source().join("modules/asgi/socketio.rs");
    if !project.root.join(&server).is_file() {
        findings.push(Finding::mend(
            format!("there is no {}", shown(&server)),
            "fast-app publish socketio",
        ));
        return Ok(findings);
    }
    let sources = Sources::of(project);
    findings.extend(dependencies(project)?);
    findings.extend(modules(project, &sources));
    findings.extend(mounted(&sources, &server));
    findings.extend(registered(project, &sources));
    findings.push(secret());
    Ok(findings)
}

/// The sources of a project: path and text.
struct Sources(Vec<(PathBuf, String)>);

impl Sources {
    fn of(project: &Project) -> Self {
        let mut paths = Vec::new();
        collect(&project.root.join(project.source()), &mut paths);
        paths.sort();
        let text = |path: PathBuf| {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let path = path.strip_prefix(&project.root).unwrap_or(&path).to_owned();
            (path, text)
        };
        Self(paths.into_iter().map(text).collect())
    }

    fn contain(&self, text: &str) -> bool {
        self.0.iter().any(|(_, source)| source.contains(text))
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn dependencies(project: &Project) -> Result<Option<Finding>, Error> {
    let present = manifest::names(
        &Plan::new(&project.root)
            .text("Cargo.toml")?
            .unwrap_or_default(),
    )?;
    let missing: Vec<_> = CRATES
        .iter()
        .copied()
        .filter(|name| !present.iter().any(|present| present == name))
        .collect();
    Ok((!missing.is_empty()).then(|| {
        let missing = missing.join(" ");
        Finding::mend(
            format!("Cargo.toml lacks {missing}"),
            format!("cargo add {missing}"),
        )
    }))
}

/// Files that no module declares are not compiled, and nobody says so.
fn modules(project: &Project, sources: &Sources) -> Vec<Finding> {
    let plan = Plan::new(&project.root);
    let ours = |path: &Path| {
        FOLDERS
            .iter()
            .any(|folder| path.starts_with(project.source().join(folder)))
    };
    let mut findings = Vec::new();
    for (path, _) in sources.0.iter().filter(|(path, _)| ours(path)) {
        let (module, folder) = match path.file_name().is_some_and(|name| name == "mod.rs") {
            true => (
                path.parent().unwrap_or(path),
                path.parent().and_then(Path::parent),
            ),
            false => (path.as_path(), path.parent()),
        };
        let name = module.file_stem().unwrap_or_default().to_string_lossy();
        let parent = project.module_file(&plan, folder.unwrap_or(project.source()));
        let text = fs::read_to_string(project.root.join(&parent)).unwrap_or_default();
        match source::declares(&shown(&parent), &text, &name) {
            Ok(true) => {}
            Ok(false) if sources.contain(&by_path(path)) => {}
            Ok(false) => findings.push(Finding::mend(
                format!("{} is not declared, so it is not compiled", shown(path)),
                format!("add `mod {name};` to {}", shown(&parent)),
            )),
            Err(error) => findings.push(Finding::mend(error.to_string(), error.help())),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::good("every module is declared"));
    }
    findings
}

/// `#[path = "other.rs"]` declares a file under another name.
fn by_path(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("#[path = \"{name}\"]")
}

fn mounted(sources: &Sources, server: &Path) -> Option<Finding> {
    let mut others = sources.0.iter().filter(|(path, _)| path != server);
    let is_mounted = others.any(|(_, source)| source.contains("create_socketio_app("));
    Some(match is_mounted {
        true => Finding::good("the server is mounted"),
        false => Finding::mend(
            "nothing calls `create_socketio_app`: the server is not mounted",
            "`fast-app publish socketio` shows the line and where it goes",
        ),
    })
}

/// Rooms that no namespace has, and namespaces that the server has not.
fn registered(project: &Project, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    let socketio = project.source().join("socketio");
    for (path, text) in &sources.0 {
        let (what, names, how): (_, Vec<_>, fn(&str) -> [String; 2]) = if path
            .starts_with(socketio.join("rooms"))
        {
            ("room", types(text, "impl Room for "), |name| {
                [format!("register_room({name})"), format!(".room::<{name}>")]
            })
        } else if path.starts_with(socketio.join("namespaces")) && text.contains("#[namespace(") {
            ("namespace", types(text, "pub struct "), |name| {
                [format!(".namespace({name}"), format!("From<{name}>")]
            })
        } else {
            continue;
        };
        for name in names {
            let ways = how(&name);
            if !ways.iter().any(|way| sources.contain(way)) {
                findings.push(Finding::note(
                    format!("the {what} {name} is not registered: no client reaches it"),
                    match what {
                        "room" => format!("add `#[{}]` above a namespace", ways[0]),
                        _ => format!("add `{})` to modules/asgi/socketio.rs", ways[0]),
                    },
                ));
            }
        }
    }
    findings
}

/// The names that stand behind these words.
fn types(text: &str, words: &str) -> Vec<String> {
    let found = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(words));
    let name = |rest: &str| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    };
    found.map(name).collect()
}

fn secret() -> Finding {
    match bus::variable("SECRET_KEY") {
        None => Finding::mend(
            "SECRET_KEY is not set: no client can connect",
            "put SECRET_KEY=$(openssl rand -hex 32) into the environment or .env",
        ),
        Some((key, origin)) if key.len() < KEY_LENGTH => Finding::mend(
            format!(
                "SECRET_KEY (from {origin}) has {} bytes, and can be guessed",
                key.len()
            ),
            "use 32 random bytes or more: openssl rand -hex 32",
        ),
        Some((_, origin)) => Finding::good(format!("SECRET_KEY is set (from {origin})")),
    }
}
