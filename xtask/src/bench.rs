//! `bench`: builds and installs what `bench/` measures, and measures it.

use std::process::Command;

use crate::error::Error;
use crate::{root, setup, step};

/// What is installed for a peer, and its name.
type Peer = (&'static str, fn() -> Result<(), Error>);

const PEERS: [Peer; 4] = [
    ("io_uring floor", || build("bench/peers/uring-floor")),
    ("socketioxide", || build("bench/peers/socketioxide")),
    ("Socket.IO on Node", || {
        setup::npm_packages("bench/peers/node")
    }),
    ("python-socketio", || {
        setup::python_packages("target/peers/python", "bench/peers/python/requirements.txt")
    }),
];

/// Measures our server, the floors and the peers; the arguments go to the suite.
pub(crate) fn bench(args: &[String]) -> Result<(), Error> {
    setup::programs()?;
    step::run(
        Command::new("cargo")
            .args(["build", "--release", "--package", "bench"])
            .current_dir(root()),
        "mend what the compiler names above",
    )?;
    for (name, install) in PEERS {
        if let Err(error) = install() {
            eprintln!("{error}\nskipped: {name}, because it cannot be installed");
        }
    }
    step::run(
        Command::new("cargo")
            .args([
                "run",
                "--release",
                "--quiet",
                "--package",
                "bench",
                "--bin",
                "suite",
                "--",
            ])
            .args(args)
            .current_dir(root()),
        "a run that was NOT COUNTED lost messages or could not be made; see its line above",
    )
}

fn build(folder: &str) -> Result<(), Error> {
    step::run(
        Command::new("cargo")
            .args(["build", "--release", "--locked", "--target-dir"])
            .arg(root().join("target/peers"))
            .current_dir(root().join(folder)),
        "crates.io must be reachable",
    )
}
