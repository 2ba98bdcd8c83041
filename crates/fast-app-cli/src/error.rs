//! What every command fails with.

use std::{fmt::Write as _, io, path::PathBuf};

use fast_app_socketio::EmitError;

use crate::plan::nearest;

/// What failed; [`Error::help`] says what mends it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error("there is no Cargo.toml in {} or above it", from.display())]
    NoManifest { from: PathBuf },
    #[error("Cargo.toml cannot be used: {message}")]
    Manifest { message: String },
    #[error("Cargo.toml is that of a workspace and has no package of its own")]
    NoPackage,
    #[error("the package has neither a library nor a binary")]
    NoTarget,
    #[error("`{name}` cannot be the name of {kind}: {reason}")]
    Name {
        name: String,
        kind: &'static str,
        reason: String,
    },
    #[error("`{name}` cannot be the name of a package: {reason}")]
    PackageName { name: String, reason: &'static str },
    #[error(
        "there is no package `{name}` to publish; there is:{}",
        listed(packages)
    )]
    UnknownPackage { name: String, packages: Vec<String> },
    #[error("nothing was written, as there are files in the way:{}", listed(paths))]
    Conflicts { paths: Vec<String> },
    #[error("`--force {}` names no file that this command writes", path.display())]
    ForcedNothing { path: PathBuf },
    #[error("{} lies outside of the project", path.display())]
    Outside { path: PathBuf },
    #[error("{} has a part that cannot be the name of a module: {part}", path.display())]
    ModulePath { path: PathBuf, part: String },
    #[error("{path} does not parse, line {line}: {message}")]
    Syntax {
        path: String,
        line: usize,
        message: String,
    },
    #[error("{path} is declared already, as something else than the module of this file")]
    Declared { path: String },
    #[error("{path} is no text in UTF-8")]
    NotText { path: String },
    #[error("{} is a file, and no folder", path.display())]
    NoFolder { path: PathBuf },
    #[error("{path} cannot be read")]
    Read {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("nothing was written, because {} cannot be written", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("nothing was written, because {path} has changed meanwhile")]
    Changed { path: String },
    #[error("nothing was written: the command was interrupted")]
    Interrupted,
    #[error("{} is not the folder of the crate fast-app", path.display())]
    FastAppPath { path: PathBuf },
    #[error("authentication.rs is not there: the namespace would not know who connects")]
    NoAuthentication,
    #[error("no test would reach the room: {0}")]
    NoTest(String),
    #[error("{what} is not valid JSON")]
    Json {
        what: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("`{event}` is reserved: no client would get an event of this name")]
    ReservedEvent { event: String },
    #[error("`{room}` cannot be the name of a room")]
    Room {
        room: String,
        #[source]
        source: fast_app_socketio::InvalidRoomName,
    },
    #[error("a namespace begins with `/`, `{namespace}` does not")]
    Namespace { namespace: String },
    #[error("the bus cannot be used")]
    Bus(#[from] fast_app_socketio::bus::BusError),
    #[error("the event was not sent")]
    Emit(#[from] EmitError),
    #[error("REDIS_SOCKETIO_URL is memory://, a bus that ends at the border of its process")]
    MemoryBus,
    #[error("`{url}` is no address of a server: {reason}")]
    Url { url: String, reason: String },
    #[error("{url} cannot be reached")]
    Unreachable {
        url: String,
        #[source]
        source: Box<tokio_tungstenite::tungstenite::Error>,
    },
    #[error("{url} does not answer as a Socket.IO server: {reason}")]
    NoSocketIo { url: String, reason: String },
    #[error("the server refused the connection: {reason}")]
    Refused { reason: String },
    #[error("the room `{room}` was not joined: {reason}")]
    NotJoined { room: String, reason: String },
    #[error("the connection has ended: {reason}")]
    Ended { reason: String },
    #[error("{program} cannot be run")]
    Run {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("signals cannot be heard")]
    Signals(#[source] io::Error),
    #[error("changes of files cannot be watched")]
    Watch(#[from] notify::Error),
    #[error("{count} of the checks found something to mend")]
    Findings { count: usize },
    #[error("the output cannot be written")]
    Output(#[source] io::Error),
}

impl Error {
    /// The command or change that mends it.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::NoManifest { .. } => {
                "run this in a project, or make one with `fast-app init DIR`".into()
            }
            Self::Manifest { .. } => "mend Cargo.toml until `cargo metadata` accepts it".into(),
            Self::NoPackage => "run this in the folder of one of its members".into(),
            Self::NoTarget => "add src/lib.rs or src/main.rs".into(),
            Self::Name { .. } => "choose another name, such as ChatRoom or chat_room".into(),
            Self::PackageName { .. } => "name it with `--name`, for example `--name demo`".into(),
            Self::UnknownPackage { .. } => "name one of them: `fast-app publish socketio`".into(),
            Self::Conflicts { paths } => conflicts_help(paths),
            Self::ForcedNothing { .. } => "`--dry-run` shows what it writes".into(),
            Self::Outside { .. } => "name a folder inside of the project".into(),
            Self::ModulePath { .. } => "use letters, digits and `_`, and no keyword".into(),
            Self::Syntax { path, .. } => format!("mend {path} first"),
            Self::Declared { .. } => "choose another name, or remove that declaration".into(),
            Self::NoFolder { .. } => "name another folder".into(),
            Self::NotText { path } => format!("save {path} as UTF-8"),
            Self::Read { path, .. } => format!("see that {path} is a file you may read"),
            Self::Write { path, .. } => {
                let folder = nearest(path.parent().unwrap_or(path)).display();
                format!("see that there is space in {folder}, and that you may write there")
            }
            Self::Changed { .. } | Self::Interrupted => "run the command again".into(),
            Self::FastAppPath { .. } => {
                "name the folder with its Cargo.toml: `…/crates/fast-app`".into()
            }
            Self::NoAuthentication => "run `fast-app publish socketio` first".into(),
            Self::NoTest(_) => "leave out `--test`, or make the room a part of a library".into(),
            Self::Json { .. } => {
                "quote it for the shell: '{\"chat_id\":\"1\"}', '\"text\"', '[1,2]'".into()
            }
            Self::ReservedEvent { .. } => "choose another name for the event".into(),
            Self::Room { .. } => "use a name such as 'chat|1'".into(),
            Self::Namespace { namespace } => format!("write `/{namespace}`"),
            Self::Emit(EmitError::TooLarge { .. }) => {
                "send less, for example where to find it".into()
            }
            Self::Bus(_) | Self::Emit(_) => "`fast-app doctor` looks into the bus".into(),
            Self::MemoryBus => {
                "let all processes use one Redis: REDIS_SOCKETIO_URL=redis://localhost:6379/14"
                    .into()
            }
            Self::Url { .. } => "use an address such as http://127.0.0.1:8000".into(),
            Self::Unreachable { .. } => {
                "see that the server runs (`fast-app serve`) and the address is right".into()
            }
            Self::NoSocketIo { .. } => "see that the address and its path are right".into(),
            Self::Refused { .. } => {
                "give what the server asks for: --auth '{\"token\":\"…\"}'".into()
            }
            Self::NotJoined { .. } => "see what the guard of the room asks for".into(),
            Self::Ended { .. } => "see the server's log".into(),
            Self::Run { program, .. } => format!("see that {program} is installed and on the PATH"),
            Self::Signals(_) => "see whether the system has file descriptors left".into(),
            Self::Watch(_) => "see whether the system lets you watch so many files".into(),
            Self::Findings { .. } => "do what stands beside each `→`".into(),
            Self::Output(_) => "see where the output goes".into(),
        }
    }
}

fn listed(paths: &[String]) -> String {
    paths.iter().fold(String::new(), |mut text, path| {
        let _ = write!(text, "\n  {path}");
        text
    })
}

fn conflicts_help(paths: &[String]) -> String {
    let first = paths.first().map_or("FILE", String::as_str);
    let more = if paths.len() > 1 { " …" } else { "" };
    format!("move what you want to keep, or overwrite it with `--force {first}`{more}")
}
