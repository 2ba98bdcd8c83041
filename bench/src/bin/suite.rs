//! The benchmark: our server, the floors and the peers, in turns, and what came of it in `bench/results/`.
//!
//! `cargo xtask bench` builds and installs what this needs, and runs it from the root of the repository.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use bench::args::Args;
use bench::limits::allow_sockets;
use bench::server::pin_this_process;
use bench::suite::samples::Samples;
use bench::suite::scenario::Scenario;
use bench::suite::subject::{OURS, Subject, subjects};
use bench::suite::{chart, goals, machine, table};
use bench::{Error, Result};

const USAGE: &str = "\
suite: the whole benchmark; run by `cargo xtask bench`

  --quick        the scenarios that say most, fewer runs, about 2 minutes; writes quick.md
  --runs N       5, with --quick 2
  --only NAME    servers whose name contains this, and the write floor";

/// Where the results go.
const RESULTS: &str = "bench/results";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}\nhelp: suite --help", error.chain());
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool> {
    let args = Args::parse(
        std::env::args().skip(1),
        &["runs", "only"],
        &["quick", "help"],
    )?;
    if args.flag("help") {
        println!("{USAGE}");
        return Ok(true);
    }
    let quick = args.flag("quick");
    let scenarios: &[Scenario] = match quick {
        true => &Scenario::QUICK,
        false => &Scenario::ALL,
    };
    let runs = args.number("runs", if quick { 2 } else { 5 }, 100)?;
    allow_sockets(10_000)?;
    let subjects = present(&args)?;
    pin_this_process()?;
    let mut bench = Bench::default();
    for run in 0..runs {
        for &scenario in scenarios {
            // Each run begins with another, so that nobody always follows the same.
            let (first, last) = subjects.split_at(run % subjects.len().max(1));
            let turns = last.iter().chain(first);
            for subject in turns.filter(|subject| scenario.includes(subject)) {
                bench.measure(run, scenario, subject);
            }
        }
    }
    let page = page(&subjects, &bench.samples, runs, quick);
    println!("{page}");
    write(&page, &subjects, &bench.samples, quick)?;
    Ok(bench.unsound == 0)
}

/// Those that are there; the others are named.
fn present(args: &Args) -> Result<Vec<Subject>> {
    let programs = std::env::current_exe().map_err(Error::io("finding the programs"))?;
    let programs = programs.parent().unwrap_or(Path::new("."));
    let only = args.text("only");
    let wanted = |subject: &Subject| {
        only.is_none_or(|only| subject.name.contains(only))
            || subject.name == bench::suite::subject::WRITE_FLOOR
    };
    let mut present = Vec::new();
    for subject in subjects(programs).into_iter().filter(wanted) {
        match subject.missing() {
            Some(why) => eprintln!("skipped: {}, because {why}", subject.name),
            None => present.push(subject),
        }
    }
    Ok(present)
}

#[derive(Default)]
struct Bench {
    samples: Samples,
    /// Runs of our server that did not count. Those of others are their figures' loss.
    unsound: usize,
}

impl Bench {
    fn measure(&mut self, run: usize, scenario: Scenario, subject: &Subject) {
        let started = Instant::now();
        let outcome = match scenario.run(subject) {
            Ok((report, figures)) if report.is_sound() => {
                for (metric, figure) in figures {
                    self.samples.add(metric, subject.name, run, figure);
                }
                "done".to_owned()
            }
            Ok((report, _)) => format!("NOT COUNTED\n{report}"),
            Err(error) => format!("NOT COUNTED: {}", error.chain()),
        };
        self.unsound += usize::from(subject.name == OURS && outcome != "done");
        eprintln!(
            "run {}, {}: {}, {:.1} s: {outcome}",
            run + 1,
            scenario.name(),
            subject.name,
            started.elapsed().as_secs_f64()
        );
    }
}

fn page(subjects: &[Subject], samples: &Samples, runs: usize, quick: bool) -> String {
    let command = match quick {
        true => "cargo xtask bench --quick",
        false => "cargo xtask bench",
    };
    let versions: Vec<_> = subjects
        .iter()
        .filter(|subject| !subject.version.is_empty())
        .map(|subject| format!("{} {}", subject.name, subject.version))
        .collect();
    format!(
        "# Results\n\n\
         `{command}`: median of {runs} runs (lowest–highest), servers in turns, each on one core and the clients on the other; \
         payloads of 128 bytes unless another size is named. How and why: [performance](../../docs/performance.md).\n\n\
         {}. {}.\n\n## Goals\n\n{}\n## Figures\n\n{}",
        machine::describe(),
        versions.join(", "),
        goals::markdown(samples),
        table::markdown(subjects, samples)
    )
}

fn write(page: &str, subjects: &[Subject], samples: &Samples, quick: bool) -> Result<()> {
    let folder = Path::new(RESULTS);
    fs::create_dir_all(folder).map_err(Error::io(format!("creating {RESULTS}")))?;
    let name = if quick { "quick" } else { "results" };
    let file = folder.join(format!("{name}.md"));
    fs::write(&file, page).map_err(Error::io(format!("writing {}", file.display())))?;
    chart::draw(&folder.join(format!("{name}.svg")), subjects, samples)
}
