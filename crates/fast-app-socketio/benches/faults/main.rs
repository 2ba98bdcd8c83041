//! Long faults of Redis and of the way to it, measured: `cargo xtask faults`.
//!
//! The tests have short versions of the same. Here they last as long as outages do, with a thousand clients and the
//! watchdog's default beat. A table is printed, and a line that does not hold fails the command.

#![allow(clippy::unwrap_used, reason = "a measurement fails by panicking")]

mod fleet;
mod hostile;
mod outages;
mod report;
#[path = "../../tests/it/outage/stream.rs"]
mod stream;

use std::process::ExitCode;

use report::Report;

/// Both ends of every connection are in this process.
const FILES: u64 = 8_192;

const FAULTS: [&str; 7] = [
    "kill", "spool", "freeze", "hang-up", "password", "silence", "hostile",
];

#[tokio::main]
async fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    if let Some(unknown) = named.iter().find(|name| !FAULTS.contains(&name.as_str())) {
        eprintln!("error: there is no fault `{unknown}`\nhelp: the faults are {FAULTS:?}");
        return ExitCode::FAILURE;
    }
    if rlimit::increase_nofile_limit(FILES).is_ok_and(|files| files < FILES) {
        eprintln!("error: the kill needs {FILES} open files\nhelp: ulimit -Hn {FILES}");
        return ExitCode::FAILURE;
    }
    let mut report = Report::default();
    for fault in FAULTS {
        if !named.is_empty() && !named.iter().any(|name| name == fault) {
            continue;
        }
        eprintln!("faults: {fault}");
        match fault {
            "kill" => outages::kill(&mut report).await,
            "spool" => outages::spool(&mut report).await,
            "freeze" => outages::freeze(&mut report).await,
            "hang-up" => outages::hang_up(&mut report).await,
            "password" => outages::password(&mut report).await,
            "silence" => outages::silence(&mut report).await,
            _ => hostile::hostile(&mut report).await,
        }
    }
    print!("{report}");
    match report.holds() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
