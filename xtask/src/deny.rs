//! `deny`: advisories, licences and sources of what everything here depends on.

use std::process::Command;

use crate::error::Error;
use crate::{root, step};

/// Lock files, by their folder: each is a program, or a project, of its own.
const PROJECTS: [&str; 4] = [
    ".",
    "fuzz",
    "bench/peers/socketioxide",
    "bench/peers/uring-floor",
];

/// Checks every lock file; the workspace's by all of `deny.toml`, the others for advisories.
pub(crate) fn deny() -> Result<(), Error> {
    install()?;
    for project in PROJECTS {
        let checks: &[&str] = match project {
            "." => &["advisories", "bans", "licenses", "sources"],
            _ => &["advisories"],
        };
        step::run(
            Command::new("cargo")
                .args(["deny", "--config"])
                .arg(root().join("deny.toml"))
                .arg("check")
                .args(checks)
                .current_dir(root().join(project)),
            "replace what is named, or say in deny.toml why it does no harm; github.com must be reachable for the advisories",
        )?;
    }
    Ok(())
}

fn install() -> Result<(), Error> {
    if step::ask("cargo", &["deny", "--version"]).is_some() {
        return Ok(());
    }
    step::run(
        Command::new("cargo").args(["install", "cargo-deny", "--locked"]),
        "crates.io must be reachable, and a C compiler be there",
    )
}
