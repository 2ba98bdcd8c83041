//! What the figures were measured on.

use std::fs;
use std::process::Command;

/// One line: processor, cores, kernel, compiler.
pub fn describe() -> String {
    let cores = cpuinfo().matches("\nmodel name").count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel
        .trim()
        .split('-')
        .next()
        .unwrap_or_default()
        .to_owned();
    format!(
        "{cores} cores of {}, Linux {kernel}, {}",
        processor(),
        rustc()
    )
}

fn cpuinfo() -> String {
    fs::read_to_string("/proc/cpuinfo").unwrap_or_default()
}

fn processor() -> String {
    let table = cpuinfo();
    let line = table.lines().find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split_once(": "));
    model
        .map_or("an unknown processor", |(_, model)| model)
        .to_owned()
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    let text = String::from_utf8_lossy(&text);
    text.split(" (")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}
