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
    // clap_complete 4.6 takes the `-` of our name for the border of a subcommand in one of two places.
    let text = String::from_utf8_lossy(&text).replace("fast__subcmd__app", "fast__app");
    print_line(text.trim_end())
}
