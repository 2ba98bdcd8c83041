//! `fuzz`: the targets of `fuzz/`, one after the other.
//!
//! The stable toolchain has no sanitizers; without `unsafe` there is nothing for them to find. What is found is kept in
//! `fuzz/artifacts`, and what was tried in `fuzz/corpus`, for the next run.

use std::fs;
use std::process::Command;

use crate::error::Error;
use crate::{root, step};

const TARGETS: [&str; 12] = [
    "websocket_decoder",
    "engineio_packet",
    "polling_payload",
    "query",
    "origin",
    "upgrade_request",
    "socketio_packet",
    "arguments",
    "bus_message",
    "worker_message",
    "room_identifier",
    "live_packet",
];

/// How often each target runs, unless `--runs` says otherwise.
const RUNS: u64 = 1_000_000;

/// Runs the targets that are named, or all.
pub(crate) fn fuzz(args: &[String]) -> Result<(), Error> {
    let (runs, targets) = parse(args)?;
    install()?;
    for target in targets {
        run(target, runs)?;
    }
    Ok(())
}

fn parse(args: &[String]) -> Result<(u64, Vec<&'static str>), Error> {
    let (mut runs, mut targets) = (RUNS, Vec::new());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--runs" {
            let number = args.next().and_then(|number| number.parse().ok());
            // libFuzzer would take 0 for one that reads its corpus only.
            runs = number.filter(|&number| number > 0).ok_or_else(|| {
                Error::new("--runs needs a number", "cargo xtask fuzz --runs 20000")
            })?;
        } else {
            let known = TARGETS.into_iter().find(|target| target == arg);
            targets.push(known.ok_or_else(|| {
                Error::new(
                    format!("there is no fuzz target `{arg}`"),
                    format!("the targets are {}", TARGETS.join(", ")),
                )
            })?);
        }
    }
    if targets.is_empty() {
        targets.extend(TARGETS);
    }
    Ok((runs, targets))
}

fn install() -> Result<(), Error> {
    if step::ask("cargo", &["fuzz", "--version"]).is_some() {
        return Ok(());
    }
    step::run(
        Command::new("cargo").args(["install", "cargo-fuzz", "--locked"]),
        "crates.io must be reachable, and a C++ compiler be there",
    )
}

fn run(target: &str, runs: u64) -> Result<(), Error> {
    let fuzz = root().join("fuzz");
    let corpus = fuzz.join("corpus").join(target);
    fs::create_dir_all(&corpus).map_err(|error| {
        Error::new(
            format!("cannot create {}: {error}", corpus.display()),
            "the folder must be writable",
        )
    })?;
    step::run(
        Command::new("cargo")
            .args(["fuzz", "run", "--sanitizer", "none", target])
            .args([format!("corpus/{target}"), format!("seeds/{target}")])
            .arg("--")
            .arg(format!("-runs={runs}"))
            .args(["-verbosity=0", "-print_final_stats=1"])
            .current_dir(&fuzz),
        &format!(
            "run the input again with `cargo fuzz run --sanitizer none {target} <artifact>` in fuzz/; \
             its bug leaves a test"
        ),
    )
}
