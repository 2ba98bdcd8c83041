//! `fast-app publish`

use std::path::Path;

use serde_json::json;

use crate::{
    cli::{Publish, Source},
    error::Error,
    output::{Format, Report, print_json, print_line},
    plan::{Plan, shown},
    project::{
        Kind as Target, Project, checks,
        manifest::{self, Dependency, For, Origin},
        source::{Module, Visibility},
    },
    templates,
};

/// What there is: its name, and what it holds.
const PACKAGES: &[(&str, &str)] = &[(
    "socketio",
    "the Socket.IO server, who may connect, and folders for rooms, events and namespaces",
)];

/// The line of `init` that the server of this package takes the place of.
const PLACEHOLDER: &str = "let socketio = SocketIo::builder().build()?;";
const MOUNT: &str =
    "let socketio = super::socketio::create_socketio_app(Default::default()).await?;";
/// The same for an application that was not made by `init`.
const LAYER: &str = "let router = router.layer(crate::modules::asgi::socketio::create_socketio_app(Default::default()).await?.layer());";

pub(super) const SERDE: Dependency<'_> = Dependency {
    name: "serde",
    from: Origin::Version("1"),
    default_features: true,
    features: &["derive"],
};
pub(super) const SERDE_JSON: Dependency<'_> = Dependency {
    name: "serde_json",
    features: &[],
    ..SERDE
};
pub(super) const TRACING: Dependency<'_> = Dependency {
    name: "tracing",
    from: Origin::Version("0.1"),
    ..SERDE_JSON
};
const JSONWEBTOKEN: Dependency<'_> = Dependency {
    name: "jsonwebtoken",
    from: Origin::Version("11"),
    default_features: false,
    features: &["rust_crypto"],
};

pub(super) fn publish(args: &Publish, format: Format) -> Result<(), Error> {
    match args.package.as_deref() {
        None => list(format),
        Some("socketio") => socketio(args)?.print(format),
        Some(name) => Err(Error::UnknownPackage {
            name: name.into(),
            packages: lines().collect(),
        }),
    }
}

fn list(format: Format) -> Result<(), Error> {
    if format == Format::Json {
        let packages = PACKAGES
            .iter()
            .map(|(name, about)| json!({ "name": name, "about": about }));
        return print_json(&packages.collect::<Vec<_>>());
    }
    lines().try_for_each(|line| print_line(&line))
}

fn lines() -> impl Iterator<Item = String> {
    PACKAGES
        .iter()
        .map(|(name, about)| format!("{name}  {about}"))
}

fn socketio(args: &Publish) -> Result<Report, Error> {
    let project = Project::here()?;
    let mut plan = Plan::new(&project.root);
    for (path, text, export) in templates::SOCKETIO {
        let path = project.source().join(path);
        plan.create(&path, (*text).to_owned())?;
        declare_file(&project, &mut plan, &path, *export)?;
    }
    for folder in ["socketio/events", "socketio/rooms"] {
        project.declare_folder(&mut plan, &project.source().join(folder))?;
    }
    depend(
        &mut plan,
        &args.source,
        &[JSONWEBTOKEN, SERDE, SERDE_JSON, TRACING],
    )?;
    mount(&project, &mut plan)?;
    remind_of_secret(&mut plan)?;
    plan.next("fast-app make room ChatRoom");
    plan.carry_out(&args.writing)
}

/// Declares a file in the module of its folder, and its type there too, if it is to be reachable so.
pub(super) fn declare_file(
    project: &Project,
    plan: &mut Plan,
    file: &Path,
    export: Option<&str>,
) -> Result<(), Error> {
    let folder = file.parent().unwrap_or(project.source());
    project.declare_folder(plan, folder)?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    let visibility = match export {
        Some(_) => Visibility::Private,
        None => Visibility::Public,
    };
    let module = Module {
        name: &name,
        visibility,
        export,
    };
    project.declare(plan, folder, module)
}

/// Adds `fast-app` and other crates to the manifest.
pub(super) fn depend(
    plan: &mut Plan,
    source: &Source,
    others: &[Dependency<'_>],
) -> Result<(), Error> {
    let path = source.path()?;
    let crates = [&[source.dependency(&path)], others].concat();
    plan.edit("Cargo.toml", |text| {
        manifest::add(text, For::Program, &crates)
    })
}

/// Puts the server where `init` left a place for it; where there is no such place, says what to write.
fn mount(project: &Project, plan: &mut Plan) -> Result<(), Error> {
    let path = project.source().join("modules/asgi/app.rs");
    let text = plan.text(&path)?.unwrap_or_default();
    if checks::is_mounted(project) {
        return Ok(());
    }
    if text.matches(PLACEHOLDER).count() == 1 {
        return plan.edit(&path, |text| Ok(text.replace(PLACEHOLDER, MOUNT)));
    }
    let place = match (plan.has(&path), project.kind) {
        (true, _) => format!("in {}", shown(&path)),
        (false, Target::Binary) => "where the application makes its axum::Router".to_owned(),
        (false, Target::Library) => format!(
            "where the application makes its axum::Router (`{}::` for `crate::` in a main.rs)",
            project.crate_name
        ),
    };
    plan.next(format!(
        "mount the server {place}, with this line below the routes:\n  {LAYER}"
    ));
    Ok(())
}

fn remind_of_secret(plan: &mut Plan) -> Result<(), Error> {
    let variables = plan.text(".env").ok().flatten().unwrap_or_default();
    if !variables
        .lines()
        .any(|line| line.starts_with("SECRET_KEY="))
    {
        plan.next(
            "set SECRET_KEY, which signs access tokens (HS256): export SECRET_KEY=$(openssl rand -hex 32)",
        );
    }
    Ok(())
}
