//! Attacks on a server of ours, with limits that must hold: run by `cargo xtask siege`.

use std::process::ExitCode;
use std::time::Instant;

use bench::limits::allow_sockets;
use bench::server::pin_this_process;
use bench::siege::report::Report;
use bench::siege::{JOBS, Job};
use bench::{Error, Result};
use tokio::runtime::Builder;

/// Connections at a time, at most.
const SOCKETS: usize = 8_000;

fn main() -> ExitCode {
    match run() {
        Ok(report) => {
            print!("{report}");
            match report.holds() {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            let jobs = JOBS.map(|(name, _)| name).join(", ");
            eprintln!(
                "error: {}\nhelp: siege [job…]; the jobs are {jobs}",
                error.chain()
            );
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<Report> {
    let jobs = jobs(&std::env::args().skip(1).collect::<Vec<_>>())?;
    allow_sockets(SOCKETS)?;
    pin_this_process()?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::io("starting a runtime"))?;
    let mut report = Report::default();
    for (name, job) in jobs {
        let started = Instant::now();
        eprint!("siege: {name}");
        report.begin(name);
        if let Err(error) = runtime.block_on(job(&mut report)) {
            report.failed(&error);
        }
        eprintln!(", {:.0} s", started.elapsed().as_secs_f64());
    }
    Ok(report)
}

/// The jobs of these names, or all.
fn jobs(named: &[String]) -> Result<Vec<(&'static str, Job)>> {
    let known = |name: &String| JOBS.iter().any(|(job, _)| job == name);
    if let Some(unknown) = named.iter().find(|name| !known(name)) {
        return Err(Error::Option(format!("{unknown} is no job")));
    }
    let wanted = |job: &str| named.is_empty() || named.iter().any(|name| name == job);
    Ok(JOBS.into_iter().filter(|(job, _)| wanted(job)).collect())
}
