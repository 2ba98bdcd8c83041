//! What a process has used, by Linux's `/proc`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Error, Result};

/// Processes to be observed as one.
#[derive(Debug, Clone)]
pub struct Processes(pub Vec<Process>);

impl Processes {
    /// The CPU time of all; see [`Process::cpu`].
    pub fn cpu(&self) -> Result<Duration> {
        self.0.iter().map(Process::cpu).sum()
    }

    /// The resident memory of all, in bytes.
    pub fn resident(&self) -> Result<u64> {
        self.0.iter().map(Process::resident).sum()
    }
}

/// A process to be observed.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    pid: u32,
}

impl Process {
    /// The process of this number.
    pub fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// This process.
    pub fn this() -> Self {
        Self::new(std::process::id())
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The CPU time of all its living threads, to the nanosecond.
    ///
    /// The kernel brings a running thread's figure up to date at its next tick, a sleeping one's is exact; so read it
    /// when the process is at rest. The time of threads that have ended is not in it.
    pub fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        let folder = self.path("task");
        for thread in fs::read_dir(&folder).map_err(unreadable(&folder))? {
            let path = thread
                .map_err(unreadable(&folder))?
                .path()
                .join("schedstat");
            // A thread may end between being listed and being read.
            if let Ok(text) = fs::read_to_string(path) {
                nanos += run_time(&text).unwrap_or(0);
            }
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Its resident memory in bytes.
    ///
    /// From `smaps_rollup`, which counts pages: the counter in `status` lags by up to 64 pages for each CPU.
    pub fn resident(&self) -> Result<u64> {
        let path = self.path("smaps_rollup");
        let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
        kilobytes(&text, "Rss:")
            .map(|kilobytes| kilobytes * 1024)
            .ok_or_else(|| Error::Answer(format!("{} has no Rss", path.display())))
    }

    fn path(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.pid))
    }
}

fn unreadable(path: &std::path::Path) -> impl Fn(std::io::Error) -> Error {
    let what = format!("reading {}", path.display());
    move |source| Error::Io {
        what: what.clone(),
        source,
    }
}

/// The first of the three numbers of a `schedstat` file: nanoseconds on a CPU.
fn run_time(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

fn kilobytes(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_cpu_and_memory() {
        let process = Process::this();
        assert!(process.cpu().unwrap() > Duration::ZERO);
        assert!(process.resident().unwrap() > 100 * 1024);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Process::new(u32::MAX).cpu().is_err());
    }

    #[test]
    fn the_files_of_proc_are_understood() {
        assert_eq!(run_time("141824 97863 2\n"), Some(141_824));
        let rollup =
            "5581-7ffd ---p 00000000 00:00 0 [rollup]\nRss:                2340 kB\nPss: 1 kB\n";
        assert_eq!(kilobytes(rollup, "Rss:"), Some(2340));
    }
}
