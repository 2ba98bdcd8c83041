//! Is everything there that the others need? For `fast-app doctor`; nothing is changed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    Project, manifest,
    registration::{Part, registers},
    source,
};
use crate::{
    commands::doctor::Finding,
    error::Error,
    live::bus,
    plan::{Plan, shown},
};

/// Folders whose files the generators declare.
const FOLDERS: &[&str] = &["modules", "socketio", "resources", "events"];

/// Crates that the published files use, and what is said to `cargo add` with them.
const CRATES: &[(&str, &str)] = &[
    ("fast-app", ""),
    (
        "jsonwebtoken",
        " --no-default-features --features rust_crypto",
    ),
    ("serde", " --features derive"),
    ("serde_json", ""),
    ("tracing", ""),
];

/// The shortest key that HS256 should have, in bytes (RFC 7518, section 3.2).
const KEY_LENGTH: usize = 32;

/// Checks a project.
pub(crate) fn check(project: &Project) -> Result<Vec<Finding>, Error> {
    let root = shown(&project.crate_root);
    let mut findings = vec![Finding::good(format!(
        "project {}, {root}",
        project.package
    ))];
    let server = project.registry(Part::Namespace);
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
    findings.push(mounted(&sources, &server));
    findings.extend(registered(project, &sources));
    findings.push(secret(&sources));
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

    fn mount(&self, server: &Path) -> bool {
        let mut others = self.0.iter().filter(|(path, _)| path != server);
        let name = "create_socketio_app".to_owned();
        others.any(|(_, text)| text.contains(&name) && source::tokens(text).contains(&name))
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
    let missing = CRATES
        .iter()
        .filter(|(name, _)| !present.iter().any(|present| present == name));
    let (names, commands): (Vec<_>, Vec<_>) = missing
        .map(|(name, words)| (*name, format!("cargo add {name}{words}")))
        .unzip();
    Ok((!names.is_empty()).then(|| {
        Finding::mend(
            format!("Cargo.toml lacks {}", names.join(", ")),
            commands.join(" && "),
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

/// Whether something beside the server's own file calls what makes it.
pub(crate) fn is_mounted(project: &Project) -> bool {
    Sources::of(project).mount(&project.registry(Part::Namespace))
}

fn mounted(sources: &Sources, server: &Path) -> Finding {
    match sources.mount(server) {
        true => Finding::good("the server is mounted"),
        false => Finding::mend(
            "nothing calls `create_socketio_app`: the server is not mounted",
            "`fast-app publish socketio --dry-run` shows the line and where it goes",
        ),
    }
}

/// Rooms that no namespace has, and namespaces that the server has not.
fn registered(project: &Project, sources: &Sources) -> Vec<Finding> {
    let socketio = project.source().join("socketio");
    let (rooms, namespaces) = (socketio.join("rooms"), socketio.join("namespaces"));
    let mut findings = Vec::new();
    for (path, text) in &sources.0 {
        let (part, names) = if path.starts_with(&rooms) {
            (Part::Room, types(text, "impl Room for "))
        } else if path.starts_with(&namespaces) && text.contains("#[namespace(") {
            (Part::Namespace, types(text, "pub struct "))
        } else {
            continue;
        };
        for name in names {
            let mut texts = sources.0.iter().map(|(_, text)| text);
            if !texts.any(|text| registers(text, part, &name)) {
                findings.push(Finding::note(
                    format!("the {part} {name} is not registered: no client reaches it"),
                    project.how_to_register(part, path, &name),
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

fn secret(sources: &Sources) -> Finding {
    match bus::variable("SECRET_KEY") {
        None => Finding::mend(
            "SECRET_KEY is not set: no client can connect",
            "put it into the environment, or into a .env that the application loads: \
             echo \"SECRET_KEY=$(openssl rand -hex 32)\" >> .env",
        ),
        Some((_, ".env")) if sources.contain("fn main()") && !sources.contain("dotenv") => {
            Finding::mend(
                "SECRET_KEY is in .env, which the application does not load: no client can connect",
                "put it into the environment, or `cargo add dotenvy` and begin `main` with `dotenvy::dotenv().ok();`",
            )
        }
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
