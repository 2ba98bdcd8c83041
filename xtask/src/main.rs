//! Project commands, run as `cargo xtask <command>`.

mod bench;
mod deny;
mod error;
mod fuzz;
mod mixed;
mod quality;
mod setup;
mod siege;
mod step;

use std::path::Path;
use std::process::ExitCode;

use error::Error;

const HELP: &str = "\
Project commands

usage: cargo xtask <command>

  setup            install what the tests need: redis-server, Chromium, Node and Python packages
  check            formatting, lints and documentation
  test [args…]     setup, check and all tests; the arguments go to `cargo test`, for example `-- leaving`
  fuzz [--runs N] [target…]
                   feed the codecs with N inputs each, 1000000 when not given; installs cargo-fuzz when it is not there
  deny             advisories, licences and sources of every dependency, by cargo-deny, which is installed when it is not
                   there; asks github.com for the advisories
  faults [fault…]  let Redis and the network fail for as long as outages last, with a thousand clients, and measure what
                   clients and callers see; some minutes. Faults: kill, spool, freeze, hang-up, password, silence,
                   hostile
  siege [job…]     attack a server of ours that runs on a core of its own, in release, and compare what it does with its
                   limits; some seven minutes. Jobs: handshakes, slow, reader, churn, handlers, schedules, sigterm,
                   revocation
  mixed            10,000 messages to 1,000 clients of every kind, in release: none may be lost, doubled or out of order
  bench [--quick] [--runs N] [--only NAME]
                   our server beside floors and peers, each on one core: a table with goals, and a chart, in bench/results/;
                   about a quarter of an hour, with --quick two minutes. Installs the peers
  help             this text

Environment:
  CHROMIUM         the Chromium that tests drive, /usr/bin/chromium when not set
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), Error> {
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", args),
    };
    match (command, rest) {
        ("help" | "-h" | "--help", _) => {
            print!("{HELP}");
            Ok(())
        }
        ("setup", []) => setup::setup(),
        ("check", []) => quality::check(),
        ("test", extra) => {
            setup::setup()?;
            quality::check()?;
            quality::test(extra)
        }
        ("deny", []) => deny::deny(),
        ("fuzz", args) => fuzz::fuzz(args),
        ("faults", named) => {
            setup::setup()?;
            quality::faults(named)
        }
        ("siege", named) => siege::siege(named),
        ("bench", args) => bench::bench(args),
        ("mixed", []) => mixed::mixed(),
        ("setup" | "check" | "deny" | "mixed", [surplus, ..]) => Err(Error::new(
            format!("`{command}` takes no arguments, but got `{surplus}`"),
            format!("cargo xtask {command}"),
        )),
        _ => Err(Error::new(
            format!("there is no command `{command}`"),
            "cargo xtask help",
        )),
    }
}

/// The root of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}
