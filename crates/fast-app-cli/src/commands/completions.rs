//! `fast-app completions`

use clap::CommandFactory;
use clap_complete::{Shell as Script, generate};

use crate::{
    cli::{Cli, Completions, Shell},
    error::Error,
    output::print_line,
};

pub(super) fn completions(args: &Completions) -> Result<(), Error> {
    let script = match args.shell {
        Shell::Bash => Script::Bash,
        Shell::Elvish => Script::Elvish,
        Shell::Fish => Script::Fish,
        Shell::Powershell => Script::PowerShell,
        Shell::Zsh => Script::Zsh,
    };
    let mut text = Vec::new();
    generate(script, &mut Cli::command(), "fast-app", &mut text);
    print_line(String::from_utf8_lossy(&text).trim_end())
}
