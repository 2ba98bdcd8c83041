//! The files that are written: real files of the folder `templates`, in which a few words are replaced.
//!
//! | word | becomes |
//! |---|---|
//! | `package-name`, `package_name` | what the project is called, in a manifest and in Rust |
//! | `TypeName`, `wire_name` | what is made, and what clients call it |

use crate::name::{Kind, TypeName};

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../templates/", $path))
    };
}

/// The manifest of a new project. Its dependency on `fast-app` is put in by the caller.
pub(crate) const MANIFEST: &str = template!("init/manifest.toml");

/// What else a new project has: where, and what.
pub(crate) const INIT: &[(&str, &str)] = &[
    ("README.md", template!("init/README.md")),
    ("app/main.rs", template!("init/app/main.rs")),
    ("app/lib.rs", template!("init/app/lib.rs")),
    ("app/modules/mod.rs", template!("init/app/modules/mod.rs")),
    (
        "app/modules/asgi/mod.rs",
        template!("init/app/modules/asgi/mod.rs"),
    ),
    (
        "app/modules/asgi/app.rs",
        template!("init/app/modules/asgi/app.rs"),
    ),
];

/// What git is to ignore, beside what it is told to already.
pub(crate) const IGNORED: &str = template!("init/gitignore");

/// The variables of a new project, which are kept if there are some.
pub(crate) const ENV: &str = template!("init/env");

/// What stands in [`ENV`] in place of a secret.
pub(crate) const SECRET: &str = "secret-key";

/// The Socket.IO server: the file below the folder of the sources, what it holds, and what of it is exported.
pub(crate) const SOCKETIO: &[(&str, &str, Option<&str>)] = &[
    (
        "modules/asgi/socketio.rs",
        template!("socketio/asgi/socketio.rs"),
        None,
    ),
    (
        "socketio/common/authentication.rs",
        template!("socketio/common/authentication.rs"),
        None,
    ),
    (
        "socketio/namespaces/global_namespace.rs",
        template!("socketio/namespaces/global_namespace.rs"),
        Some("GlobalNamespace"),
    ),
];

/// The test of a room's guard, and the client that it needs.
pub(crate) const ROOM_TEST: &str = template!("make/room_test.rs");
pub(crate) const TEST_CLIENT: &str = template!("make/test_client.rs");

/// Replaces the name of the project.
pub(crate) fn for_package(template: &str, package: &str) -> String {
    template
        .replace("package-name", package)
        .replace("package_name", &package.replace('-', "_"))
}

/// The file of something that is made.
pub(crate) fn made(kind: Kind, name: &TypeName) -> String {
    let template = match kind {
        Kind::Room => template!("make/room.rs"),
        Kind::BroadcastEvent => template!("make/broadcast_event.rs"),
        Kind::Namespace => template!("make/namespace.rs"),
        Kind::Resource => template!("make/resource.rs"),
        Kind::Event => template!("make/event.rs"),
    };
    for_type(template, kind, name)
}

/// Replaces the name of what is made.
pub(crate) fn for_type(template: &str, kind: Kind, name: &TypeName) -> String {
    template
        .replace("TypeName", name.as_str())
        .replace("wire_name", &name.wire(kind))
}

/// The first lines of the module of a folder.
pub(crate) fn module(name: &str) -> String {
    let sentence = match name {
        "asgi" => "The server.",
        "common" => "What namespaces share.",
        "events" => "What happens.",
        "modules" => "The parts of the application.",
        "namespaces" => "What clients may connect to.",
        "resources" => "How models look to clients.",
        "rooms" => "Rooms that clients may join.",
        "socketio" => "Everything that clients see over Socket.IO.",
        name => return format!("//! `{name}`.\n"),
    };
    format!("//! {sentence}\n")
}
