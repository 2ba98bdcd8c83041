//! Which rooms a namespace has, and which namespaces the server has, by what their sources say.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{Project, source::tokens};
use crate::plan::shown;

/// What may be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Room,
    Namespace,
}

impl Part {
    /// What stands before the names of those that are registered.
    fn openings(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Room => &[&["register_room", "("], &["room", ":", ":", "<"]],
            Self::Namespace => &[&[".", "namespace", "("], &["From", "<"]],
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Room => "room",
            Self::Namespace => "namespace",
        })
    }
}

impl Project {
    /// The file where a part is registered, unless a person has another place for it.
    pub(crate) fn registry(&self, part: Part) -> PathBuf {
        self.source().join(match part {
            Part::Room => "socketio/namespaces/global_namespace.rs",
            Part::Namespace => "modules/asgi/socketio.rs",
        })
    }

    /// The line that registers the type of this file, and where it goes.
    pub(crate) fn how_to_register(&self, part: Part, file: &Path, name: &str) -> String {
        let folder = file.parent().unwrap_or(self.source());
        let path = format!("crate::{}{name}", self.module_path(folder));
        let (place, line) = match part {
            Part::Room => (
                "above `impl GlobalNamespace`",
                format!("#[register_room({path})]"),
            ),
            Part::Namespace => ("below `SocketIo::builder()`", format!(".namespace({path})")),
        };
        format!(
            "register it in {}, {place}:\n  {line}",
            shown(&self.registry(part))
        )
    }

    /// `socketio::rooms::`: the path to what the module of a folder holds.
    pub(crate) fn module_path(&self, folder: &Path) -> String {
        let below = folder.strip_prefix(self.source()).unwrap_or(folder);
        let parts = below.iter().map(|part| format!("{}::", part.display()));
        parts.collect()
    }
}

/// Whether this source registers what has this name, under any path to it.
pub(crate) fn registers(source: &str, part: Part, name: &str) -> bool {
    // Most files do not name it; they need no parsing.
    if !source.contains(name) {
        return false;
    }
    let tokens = tokens(source);
    let lists = |opening: &&[&str]| {
        let places = tokens.windows(opening.len()).enumerate();
        let places = places.filter(|(_, window)| window == opening);
        let mut listed = places.flat_map(|(at, _)| {
            let behind = tokens[at + opening.len()..].iter();
            behind.take_while(|token| !matches!(token.as_str(), ")" | ">"))
        });
        listed.any(|token| token == name)
    };
    part.openings().iter().any(lists)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_and_namespaces_are_found_however_they_are_written() {
        for source in [
            "#[register_room(ChatRoom)] impl A {}",
            "#[fast_app::register_room(LobbyRoom, crate::rooms::ChatRoom,)] impl A {}",
            "fn a() { Namespace::new(\"/\").room::<super::ChatRoom>() }",
        ] {
            assert!(registers(source, Part::Room, "ChatRoom"), "{source}");
        }
        for source in [
            "fn a() { b.namespace(crate::x::ChatRoom) }",
            "fn a() { b.namespace(ChatRoom::new()) }",
            "impl From<ChatRoom> for Namespace {}",
        ] {
            assert!(registers(source, Part::Namespace, "ChatRoom"), "{source}");
        }
    }

    #[test]
    fn what_only_speaks_of_it_registers_nothing() {
        for source in [
            "// #[register_room(ChatRoom)]\nimpl A {}",
            "/// `#[register_room(ChatRoom)]`\nimpl A {}",
            "const A: &str = \"register_room(ChatRoom)\";",
            "#[register_room(OldChatRoom)] impl A { fn a(_: ChatRoom) {} }",
            "not rust (",
        ] {
            assert!(!registers(source, Part::Room, "ChatRoom"), "{source}");
        }
    }
}
