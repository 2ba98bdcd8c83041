//! `fast-app make`

use std::path::{Path, PathBuf};

use crate::{
    cli::{Make, Piece, Source},
    error::Error,
    name::{Kind, TypeName},
    output::Report,
    plan::{Plan, shown},
    project::{
        Kind as Target, Project,
        manifest::{self, Dependency, For, Origin},
        registration::{Part, registers},
    },
    templates,
};

use super::publish::{SERDE, SERDE_JSON, TRACING, declare_file, depend};

/// One room, event, namespace or resource.
pub(super) fn make(what: &Make) -> Result<Report, Error> {
    let (kind, piece) = match what {
        Make::Room { piece, .. } => (Kind::Room, piece),
        Make::BroadcastEvent { piece } => (Kind::BroadcastEvent, piece),
        Make::Namespace { piece } => (Kind::Namespace, piece),
        Make::Resource { piece } => (Kind::Resource, piece),
        Make::Event { piece } => (Kind::Event, piece),
    };
    let name = TypeName::parse(&piece.name, kind)?;
    let project = Project::here()?;
    let mut plan = Plan::new(&project.root);
    let folder = folder(&project, kind, piece)?;
    let file = folder.join(name.module()).with_extension("rs");
    plan.create(&file, templates::made(kind, &name))?;
    match folder.starts_with(project.source()) {
        true => declare_file(&project, &mut plan, &file, Some(name.as_str()))?,
        false => plan.next(format!(
            "declare the module: {} lies outside of {}",
            shown(&file),
            shown(project.source())
        )),
    }
    let source = Source {
        fast_app_path: None,
    };
    depend(&mut plan, &source, dependencies(kind))?;
    if let Make::Room { test: true, .. } = what {
        add_test(&project, &mut plan, &name, &folder)?;
    }
    advise(&project, &mut plan, kind, &name, &file)?;
    plan.carry_out(&piece.writing)
}

/// Where it belongs, unless a person says otherwise.
fn folder(project: &Project, kind: Kind, piece: &Piece) -> Result<PathBuf, Error> {
    let folder = match kind {
        Kind::Room => "socketio/rooms",
        Kind::BroadcastEvent => "socketio/events",
        Kind::Namespace => "socketio/namespaces",
        Kind::Resource => "resources",
        Kind::Event => "events",
    };
    let authentication = project.source().join("socketio/common/authentication.rs");
    if kind == Kind::Namespace && !project.root.join(authentication).is_file() {
        return Err(Error::NoAuthentication);
    }
    match &piece.path {
        Some(path) => project.inside(path),
        None => Ok(project.source().join(folder)),
    }
}

/// What the stub needs besides `fast-app`: derived code names `serde` itself.
fn dependencies(kind: Kind) -> &'static [Dependency<'static>] {
    match kind {
        Kind::Room | Kind::BroadcastEvent => &[SERDE],
        Kind::Namespace => &[TRACING],
        Kind::Resource | Kind::Event => &[],
    }
}

/// What a test of a room needs; `serde_json` too.
const FOR_TESTS: [Dependency<'_>; 3] = [
    Dependency {
        name: "axum",
        from: Origin::Version("0.8"),
        ..SERDE_JSON
    },
    Dependency {
        name: "tokio",
        from: Origin::Version("1"),
        features: &["macros", "rt"],
        ..SERDE_JSON
    },
    Dependency {
        name: "tower",
        from: Origin::Version("0.5"),
        features: &["util"],
        ..SERDE_JSON
    },
];

/// A test of a room's guard, which goes through a server as clients do.
fn add_test(
    project: &Project,
    plan: &mut Plan,
    name: &TypeName,
    folder: &Path,
) -> Result<(), Error> {
    if project.kind != Target::Library {
        let package = &project.package;
        return Err(Error::NoTest(format!("`{package}` has no library")));
    }
    if !folder.starts_with(project.source()) {
        let source = shown(project.source());
        return Err(Error::NoTest(format!("it lies outside of {source}")));
    }
    let text = templates::for_type(templates::ROOM_TEST, Kind::Room, name)
        .replace("room_module::", &project.module_path(folder));
    let text = templates::for_package(&text, &project.crate_name);
    plan.create(format!("tests/join_{}.rs", name.wire(Kind::Room)), text)?;
    plan.provide("tests/client/mod.rs", templates::TEST_CLIENT.to_owned())?;
    plan.edit("Cargo.toml", |text| {
        let present = manifest::names(text)?;
        let is_missing = |it: &Dependency<'_>| !present.iter().any(|name| name == it.name);
        let crates = FOR_TESTS.into_iter().chain([SERDE_JSON]);
        manifest::add(
            text,
            For::Tests,
            &crates.filter(is_missing).collect::<Vec<_>>(),
        )
    })
}

/// What is left to a person.
fn advise(
    project: &Project,
    plan: &mut Plan,
    kind: Kind,
    name: &TypeName,
    file: &Path,
) -> Result<(), Error> {
    plan.next(format!("edit the marked lines in {}", shown(file)));
    let part = match kind {
        Kind::Room => Part::Room,
        Kind::Namespace => Part::Namespace,
        _ => return Ok(()),
    };
    match plan.text(project.registry(part))? {
        Some(text) if registers(&text, part, name.as_str()) => return Ok(()),
        Some(_) => {}
        None => plan.next("fast-app publish socketio"),
    }
    plan.next(project.how_to_register(part, file, name.as_str()));
    Ok(())
}
