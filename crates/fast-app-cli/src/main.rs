//! The `fast-app` command: makes projects and their parts, and talks to those that run.
//!
//! | module | holds |
//! |---|---|
//! | `cli` | the command line |
//! | `commands` | one file for each command |
//! | `project` | the project that a command works on: its manifest, its modules, its sources |
//! | `name` | names of what is made |
//! | `templates` | the files that are written, from the folder `templates` |
//! | `plan` | what is going to be written; the only writer |
//! | `live` | what talks to a bus or a server |
//! | `output`, `error` | what people and scripts are told |
//! | `told` | the signals that end a command that runs on |

mod cli;
mod commands;
mod error;
mod live;
mod name;
mod output;
mod plan;
mod project;
mod templates;
mod told;

use std::{io::ErrorKind, process::ExitCode};

use clap::Parser;

use cli::Cli;
use error::Error;
use output::Format;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::print_usage(&error),
    };
    let format = match cli.json {
        true => Format::Json,
        false => Format::People,
    };
    match commands::run(cli.command, format) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough of it, as `head` does.
        Err(Error::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            output::print_error(&error, format);
            ExitCode::FAILURE
        }
    }
}
