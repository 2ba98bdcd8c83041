//! One file for each command.

mod broadcast;
mod completions;
pub(crate) mod doctor;
mod init;
mod listen;
mod make;
mod publish;
mod serve;
mod version;

use crate::{cli::Command, error::Error, output::Format};

/// Runs a command and prints what became of it.
pub(crate) fn run(command: Command, format: Format) -> Result<(), Error> {
    match command {
        Command::Init(args) => init::init(&args)?.print(format),
        Command::Publish(args) => publish::publish(&args, format),
        Command::Make { what } => make::make(&what)?.print(format),
        Command::Broadcast(args) => broadcast::broadcast(&args, format),
        Command::Listen(args) => listen::listen(&args, format),
        Command::Doctor => doctor::doctor(format),
        Command::Serve(args) => serve::serve(&args),
        Command::Version => version::version(format),
        Command::Completions(args) => completions::completions(&args),
    }
}
