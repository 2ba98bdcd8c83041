//! Cargo.toml, changed without losing its comments and its order.

use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

use crate::error::Error;

/// A crate that a project needs.
#[derive(Clone, Debug)]
pub(crate) struct Dependency<'a> {
    pub(crate) name: &'a str,
    pub(crate) from: Origin<'a>,
    pub(crate) default_features: bool,
    pub(crate) features: &'a [&'a str],
}

/// Where a crate comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    Version(&'a str),
    Path(&'a str),
}

/// Which of the tables of a manifest.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For {
    Program,
    Tests,
}

/// Adds the dependencies that are not there. Those that are stay as they are.
pub(crate) fn add(text: &str, kind: For, dependencies: &[Dependency<'_>]) -> Result<String, Error> {
    let mut document = parse(text)?;
    let key = match kind {
        For::Program => "dependencies",
        For::Tests => "dev-dependencies",
    };
    let table = document.entry(key).or_insert_with(new_table);
    let table = table.as_table_like_mut().ok_or_else(|| Error::Manifest {
        message: format!("`{key}` is no table"),
    })?;
    let missing: Vec<_> = dependencies
        .iter()
        .filter(|dependency| !table.contains_key(dependency.name))
        .collect();
    if missing.is_empty() {
        return Ok(text.to_owned());
    }
    let is_sorted = is_sorted(table.iter().map(|(name, _)| name));
    for dependency in missing {
        table.insert(dependency.name, dependency.to_item());
    }
    if is_sorted {
        table.sort_values();
    }
    Ok(document.to_string())
}

/// The names of the dependencies of a manifest.
pub(crate) fn names(text: &str) -> Result<Vec<String>, Error> {
    let document = parse(text)?;
    let table = document.get("dependencies").and_then(Item::as_table_like);
    let names = table.into_iter().flat_map(|table| table.iter());
    Ok(names.map(|(name, _)| name.to_owned()).collect())
}

/// Whether a folder below this manifest is to the workspace of the manifest what it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// The manifest is that of no workspace.
    NoWorkspace,
    Member,
    /// Cargo refuses a package in such a folder, unless it is a workspace of its own.
    Stranger,
}

/// What a folder, which is relative to the manifest's, is to the workspace of the manifest.
pub(crate) fn membership(text: &str, folder: &str) -> Membership {
    let document = parse(text).unwrap_or_default();
    let Some(workspace) = document.get("workspace") else {
        return Membership::NoWorkspace;
    };
    let names = |list: &str| {
        let list = workspace.get(list).and_then(Item::as_array);
        let patterns = list.into_iter().flatten().filter_map(Value::as_str);
        patterns.map(str::to_owned).collect::<Vec<_>>()
    };
    let is_excluded = names("exclude").iter().any(|path| {
        let below = folder.strip_prefix(path.trim_end_matches('/'));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    match names("members")
        .iter()
        .any(|pattern| is_match(pattern, folder))
    {
        true if !is_excluded => Membership::Member,
        _ => Membership::Stranger,
    }
}

/// Whether a path is one of those of a pattern, of which every part may have `*` in it.
fn is_match(pattern: &str, path: &str) -> bool {
    let (patterns, parts) = (pattern.trim_end_matches('/').split('/'), path.split('/'));
    patterns.clone().count() == parts.clone().count()
        && patterns
            .zip(parts)
            .all(|(pattern, part)| is_part(pattern, part))
}

fn is_part(pattern: &str, part: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == part,
        Some((start, rest)) => part.strip_prefix(start).is_some_and(|part| {
            let mut ends = part.char_indices().map(|(at, _)| at).chain([part.len()]);
            ends.any(|at| is_part(rest, &part[at..]))
        }),
    }
}

/// Whether this is the manifest of a package of this name.
pub(crate) fn is_package(manifest: &Path, name: &str) -> bool {
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    let document = parse(&text).unwrap_or_default();
    let package = document
        .get("package")
        .and_then(|package| package.get("name"));
    package.and_then(Item::as_str) == Some(name)
}

fn parse(text: &str) -> Result<DocumentMut, Error> {
    text.parse()
        .map_err(|error: toml_edit::TomlError| Error::Manifest {
            message: error.message().to_owned(),
        })
}

/// With an empty line before it.
fn new_table() -> Item {
    let mut table = Table::new();
    table.decor_mut().set_prefix("\n");
    Item::Table(table)
}

fn is_sorted<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let names: Vec<_> = names.collect();
    names.is_sorted()
}

impl Dependency<'_> {
    fn to_item(&self) -> Item {
        let (key, place) = match self.from {
            Origin::Version(version) => ("version", version),
            Origin::Path(path) => ("path", path),
        };
        if key == "version" && self.default_features && self.features.is_empty() {
            return value(place);
        }
        let mut table = InlineTable::new();
        table.insert(key, place.into());
        if !self.default_features {
            table.insert("default-features", false.into());
        }
        if !self.features.is_empty() {
            table.insert(
                "features",
                Value::Array(self.features.iter().copied().collect::<Array>()),
            );
        }
        Item::Value(Value::InlineTable(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERDE: Dependency<'_> = Dependency {
        name: "serde",
        from: Origin::Version("1"),
        default_features: true,
        features: &["derive"],
    };
    const TRACING: Dependency<'_> = Dependency {
        name: "tracing",
        features: &[],
        ..SERDE
    };

    #[test]
    fn comments_and_order_stay() {
        let before = "# mine\n[package]\nname = \"a\" # here\n\n[dependencies]\n# why\naxum = \"0.8\"\ntokio = { version = \"1\" } # for axum\n\n[profile.dev]\n";
        let after = add(before, For::Program, &[SERDE, TRACING]).unwrap();
        assert_eq!(
            after,
            "# mine\n[package]\nname = \"a\" # here\n\n[dependencies]\n# why\naxum = \"0.8\"\nserde = { version = \"1\", features = [\"derive\"] }\ntokio = { version = \"1\" } # for axum\ntracing = \"1\"\n\n[profile.dev]\n"
        );
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        for before in [
            "[dependencies]\nserde = \"0.9\"\n",
            "[dependencies.serde]\nworkspace = true\n",
            "dependencies = { serde = { git = \"x\" } }\n",
        ] {
            assert_eq!(add(before, For::Program, &[SERDE]).unwrap(), before);
        }
    }

    #[test]
    fn a_folder_is_a_member_if_a_pattern_says_so() {
        let workspace =
            "[workspace]\nmembers = [\"a\", \"apps/*\", \"x-*-y/\"]\nexclude = [\"apps/old\"]\n";
        for (folder, want) in [
            ("a", Membership::Member),
            ("apps/demo", Membership::Member),
            ("x-ž-y", Membership::Member),
            ("apps/old", Membership::Stranger),
            ("apps/old/er", Membership::Stranger),
            ("apps/older", Membership::Member),
            ("apps/demo/deep", Membership::Stranger),
            ("b", Membership::Stranger),
        ] {
            assert_eq!(membership(workspace, folder), want, "{folder}");
        }
        assert_eq!(membership("[package]\n", "a"), Membership::NoWorkspace);
    }

    #[test]
    fn a_table_that_is_not_there_is_added() {
        let after = add("[package]\nname = \"a\"\n", For::Tests, &[TRACING]).unwrap();
        assert_eq!(
            after,
            "[package]\nname = \"a\"\n\n[dev-dependencies]\ntracing = \"1\"\n"
        );
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert!(add("dependencies = 1\n", For::Program, &[SERDE]).is_err());
        assert!(add("[broken", For::Program, &[SERDE]).is_err());
    }
}
