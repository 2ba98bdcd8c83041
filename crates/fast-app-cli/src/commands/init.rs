//! `fast-app init`

use std::path::{Path, PathBuf};

use crate::{
    cli::{Init, Source},
    error::Error,
    name::is_keyword,
    output::Report,
    plan::{Plan, normal, shown},
    project::{
        current_folder,
        manifest::{self, Dependency, For, Membership, Origin},
    },
    templates,
};

/// Crates that the project, or Rust itself, knows by these names.
const CRATES: &[&str] = &[
    "alloc",
    "axum",
    "core",
    "dotenvy",
    "fast_app",
    "jsonwebtoken",
    "proc_macro",
    "serde",
    "serde_json",
    "std",
    "test",
    "tokio",
    "tower",
    "tracing",
    "tracing_subscriber",
];

/// Folders of Cargo's own, which lie where the binary does.
const FOLDERS: &[&str] = &["build", "deps", "examples", "incremental"];

/// A new project.
pub(super) fn init(args: &Init) -> Result<Report, Error> {
    let here = current_folder()?;
    let root = normal(&here.join(&args.dir));
    let package = match &args.name {
        Some(name) => checked(name)?,
        None => checked(&derived(&root))?,
    };
    let mut plan = Plan::new(&root);
    plan.create("Cargo.toml", manifest_of(&package, &root, &args.source)?)?;
    plan.provide(".env", templates::ENV.replace(templates::SECRET, &secret()))?;
    plan.edit(".gitignore", |text| Ok(ignored(text)))?;
    for (path, template) in templates::INIT {
        plan.create(path, templates::for_package(template, &package))?;
    }
    if root != here {
        plan.next(format!("cd {}", shown(&args.dir)));
    }
    plan.next("cargo run, or `fast-app serve`");
    plan.next("fast-app publish socketio");
    plan.carry_out(&args.writing)
}

/// The name of a folder as that of a package.
fn derived(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.to_lowercase().replace([' ', '.'], "-")
}

fn checked(name: &str) -> Result<String, Error> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let reason = if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        "it does not begin with a letter of ASCII"
    } else if !name.chars().all(is_word) {
        "it has other characters than letters of ASCII, digits, `-` and `_`"
    } else if CRATES.contains(&&*name.replace('-', "_")) {
        "a crate of this name is used already"
    } else if FOLDERS.contains(&name) {
        "cargo has a folder of this name where it puts the binary"
    } else if is_keyword(&name.replace('-', "_")) {
        "it is a keyword of Rust"
    } else {
        return Ok(name.to_owned());
    };
    Err(Error::PackageName {
        name: name.to_owned(),
        reason,
    })
}

fn manifest_of(package: &str, root: &Path, source: &Source) -> Result<String, Error> {
    let text =
        templates::for_package(templates::MANIFEST, package).replace("fast-app = \"0.0.0\"\n", "");
    let path = source.path()?;
    let mut text = manifest::add(&text, For::Program, &[source.dependency(&path)])?;
    if is_stranger(root) {
        text.push_str("\n# Not a member of the workspace above this folder.\n[workspace]\n");
    }
    Ok(text)
}

/// Whether the next workspace above does not count this folder among its members.
fn is_stranger(root: &Path) -> bool {
    let workspaces = root.ancestors().skip(1).filter_map(|above| {
        let text = std::fs::read_to_string(above.join("Cargo.toml")).ok()?;
        let folder = shown(root.strip_prefix(above).ok()?);
        Some(manifest::membership(&text, &folder))
    });
    let mut workspaces = workspaces.filter(|it| *it != Membership::NoWorkspace);
    workspaces.next() == Some(Membership::Stranger)
}

/// A `.gitignore` with the lines that it lacks.
fn ignored(text: &str) -> String {
    let bare = |line: &str| line.trim().trim_matches('/').to_owned();
    let lacks = |wanted: &&str| !text.lines().any(|line| bare(line) == bare(wanted));
    let mut after = text.to_owned();
    for line in templates::IGNORED.lines().filter(lacks) {
        if !after.is_empty() && !after.ends_with('\n') {
            after.push('\n');
        }
        after += line;
        after.push('\n');
    }
    after
}

/// 32 random bytes, in hexadecimal digits.
fn secret() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system provides random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Source {
    /// The folder of the crate, if one was named.
    pub(super) fn path(&self) -> Result<Option<String>, Error> {
        let Some(path) = &self.fast_app_path else {
            return Ok(None);
        };
        let refused = || Error::FastAppPath { path: path.clone() };
        let folder: PathBuf = path.canonicalize().map_err(|_| refused())?;
        match manifest::is_package(&folder.join("Cargo.toml"), "fast-app") {
            true => Ok(Some(folder.to_str().ok_or_else(refused)?.to_owned())),
            false => Err(refused()),
        }
    }

    /// The dependency on `fast-app`: this path, or the version of this command.
    pub(super) fn dependency<'a>(&self, path: &'a Option<String>) -> Dependency<'a> {
        Dependency {
            name: "fast-app",
            from: match path {
                Some(path) => Origin::Path(path),
                None => Origin::Version(env!("CARGO_PKG_VERSION")),
            },
            default_features: true,
            features: &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_ignores_already_stays_as_it_is() {
        assert_eq!(ignored(""), "/target\n.env\n");
        assert_eq!(ignored("a"), "a\n/target\n.env\n");
        for all in ["/.env\r\ntarget/", ".env\n# mine\n/target\n"] {
            assert_eq!(ignored(all), all);
        }
    }
}
