//! The command line: what clap reads, and what `--help` says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Projects with events, guarded rooms and namespaces over Socket.IO.
#[derive(Debug, Parser)]
#[command(name = "fast-app", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  fast-app init demo && cd demo
  fast-app publish socketio
  fast-app make room ChatRoom
  fast-app serve")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new project that compiles and runs
    #[command(after_help = "\
Examples:
  fast-app init demo
  fast-app init demo --dry-run
  fast-app init demo --fast-app-path ../fast-app-rs/crates/fast-app")]
    Init(Init),

    /// Put a package of files into the project; without a name, list what there is
    #[command(after_help = "\
Examples:
  fast-app publish
  fast-app publish socketio
  fast-app publish socketio --dry-run")]
    Publish(Publish),

    /// Make one room, event, namespace or resource
    #[command(after_help = "\
Examples:
  fast-app make room ChatRoom
  fast-app make broadcast_event UpdateChat")]
    Make {
        #[command(subcommand)]
        what: Make,
    },

    /// Send an event to the clients in a room, through the bus of REDIS_SOCKETIO_URL
    #[command(after_help = "\
Examples:
  fast-app broadcast --room 'chat|1' update_chat '{\"text\":\"hello\"}'
  fast-app broadcast --room news --namespace /admin reload")]
    Broadcast(Broadcast),

    /// Connect to a server as a client, and print events as they come
    #[command(after_help = "\
Examples:
  fast-app listen http://127.0.0.1:8000 --auth '{\"token\":\"…\"}' --join chat '{\"chat_id\":\"1\"}'
  fast-app listen https://example.com --namespace /admin --count 1")]
    Listen(Listen),

    /// Check the project and the bus, and say what to do about each finding
    #[command(after_help = "\
Examples:
  fast-app doctor
  fast-app doctor --json")]
    Doctor,

    /// Run the application, and start it again when its files change
    #[command(after_help = "\
Examples:
  fast-app serve
  fast-app serve -- --release")]
    Serve(Serve),

    /// Print the version
    #[command(after_help = "\
Examples:
  fast-app version")]
    Version,

    /// Print a script that completes commands in your shell
    #[command(after_help = "\
Examples:
  fast-app completions bash > ~/.local/share/bash-completion/completions/fast-app
  fast-app completions fish > ~/.config/fish/completions/fast-app.fish")]
    Completions(Completions),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where; the folder is made if it is not there
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,

    /// What the package is called; by default like its folder
    #[arg(long)]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) source: Source,

    #[command(flatten)]
    pub(crate) writing: Writing,
}

#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Which package
    pub(crate) package: Option<String>,

    #[command(flatten)]
    pub(crate) source: Source,

    #[command(flatten)]
    pub(crate) writing: Writing,
}

/// Where the dependency on `fast-app` comes from.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// Depend on the crate fast-app in this folder, not on a published version
    #[arg(long, value_name = "DIR")]
    pub(crate) fast_app_path: Option<PathBuf>,
}

/// How files are written.
#[derive(Debug, Args)]
pub(crate) struct Writing {
    /// Show what would be written, as a diff, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Overwrite this file if it is in the way; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) force: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Make {
    /// A room that clients join, and its guard: app/socketio/rooms
    #[command(after_help = "\
Examples:
  fast-app make room ChatRoom
  fast-app make room chat_room --test")]
    Room {
        #[command(flatten)]
        piece: Piece,

        /// Write a test for its guard too, into tests
        #[arg(long)]
        test: bool,
    },

    /// An event that clients are told: app/socketio/events
    #[command(name = "broadcast_event")]
    #[command(after_help = "\
Examples:
  fast-app make broadcast_event UpdateChat")]
    BroadcastEvent {
        #[command(flatten)]
        piece: Piece,
    },

    /// A namespace that clients connect to: app/socketio/namespaces
    #[command(after_help = "\
Examples:
  fast-app make namespace AdminNamespace")]
    Namespace {
        #[command(flatten)]
        piece: Piece,
    },

    /// How a model looks to clients: app/resources
    #[command(after_help = "\
Examples:
  fast-app make resource ChatResource")]
    Resource {
        #[command(flatten)]
        piece: Piece,
    },

    /// An event inside of the application, which clients are not told: app/events
    #[command(after_help = "\
Examples:
  fast-app make event NewChat")]
    Event {
        #[command(flatten)]
        piece: Piece,
    },
}

/// One file of one type.
#[derive(Debug, Args)]
pub(crate) struct Piece {
    /// The type's name: ChatRoom or chat_room
    pub(crate) name: String,

    /// Another folder of the project for the file
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) writing: Writing,
}

#[derive(Debug, Args)]
pub(crate) struct Broadcast {
    /// The event's name
    pub(crate) event: String,

    /// Its payload, as JSON; without it the event has no argument
    #[arg(value_name = "JSON")]
    pub(crate) payload: Option<String>,

    /// The room whose members get it; may be repeated
    #[arg(long, required = true)]
    pub(crate) room: Vec<String>,

    /// The namespace of the room
    #[arg(long, default_value = "/")]
    pub(crate) namespace: String,
}

#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// The server: http://host:port or https://host, with a path where it is not /socket.io/
    pub(crate) url: String,

    /// What the server asks for before it lets a client in
    #[arg(long, value_name = "JSON")]
    pub(crate) auth: Option<String>,

    /// Join a room: its key and the payload of the join; may be repeated
    #[arg(long, num_args = 2, value_names = ["ROOM", "JSON"])]
    pub(crate) join: Vec<String>,

    /// The namespace to connect to
    #[arg(long, default_value = "/")]
    pub(crate) namespace: String,

    /// End after this many events
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Arguments for `cargo run`
    #[arg(last = true)]
    pub(crate) cargo_args: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}
