//! The figures as a Markdown table.

use super::samples::{Samples, Summary};
use super::subject::Subject;

/// A row of the table.
pub struct Metric {
    /// Its name among the samples.
    pub name: &'static str,
    /// What it says, with its unit.
    pub title: &'static str,
}

/// All rows.
pub const METRICS: [Metric; 27] = [
    metric("connect", "connect (handshake, CONNECT, join): µs CPU"),
    metric("connect_rate", "connect: clients/s"),
    metric("idle_1000", "idle client of 1,000: KB"),
    metric("idle", "idle client of 10,000: KB"),
    metric("paced_4", "4 clients, 500/s: µs CPU per delivery"),
    metric(
        "broadcast",
        "burst to 4 clients: µs CPU per broadcast, writes included",
    ),
    metric("paced_1000", "1,000 clients, 25/s: µs CPU per delivery"),
    metric("spread_50", "… first to last client, p50: ms"),
    metric("spread_99", "… first to last client, p99: ms"),
    metric("paced_1k", "… 1 KiB: µs CPU per delivery"),
    metric("paced_16k", "… 16 KiB, 10/s: µs CPU per delivery"),
    metric("paced_10000", "10,000 clients, 5/s: µs CPU per delivery"),
    metric("spread_10000_50", "… first to last client, p50: ms"),
    metric("spread_10000_99", "… first to last client, p99: ms"),
    metric("burst_1000", "burst to 1,000: µs CPU per delivery"),
    metric("burst_10000", "burst to 10,000: µs CPU per delivery"),
    metric("burst_rate", "burst to 10,000: deliveries/s"),
    metric("rooms", "1,000 rooms of 10, 5,000/s: µs CPU per delivery"),
    metric(
        "redis",
        "two workers on Redis, 1,000 clients, 25/s: µs CPU per delivery",
    ),
    metric("redis_50", "… publish to receive, p50: ms"),
    metric("redis_99", "… publish to receive, p99: ms"),
    metric("redis_burst", "… a burst: µs CPU per delivery"),
    metric("echo", "event and ack, 100 clients: µs CPU per round trip"),
    metric("echo_50", "… round trip, p50: ms"),
    metric("echo_99", "… round trip, p99: ms"),
    metric("polling", "1,000 polling clients, 5/s: µs CPU per delivery"),
    metric("two_cores", "burst to 10,000 on two cores: deliveries/s"),
];

const fn metric(name: &'static str, title: &'static str) -> Metric {
    Metric { name, title }
}

/// A table with a column for each subject; rows without figures are left out.
pub fn markdown(subjects: &[Subject], samples: &Samples) -> String {
    let mut table = String::from("| |");
    for subject in subjects {
        table += &format!(" {} |", subject.name);
    }
    table += &format!("\n|---|{}\n", "---|".repeat(subjects.len()));
    for metric in METRICS {
        let cells: Vec<_> = subjects
            .iter()
            .map(|subject| samples.summary(metric.name, subject.name))
            .collect();
        if cells.iter().all(Option::is_none) {
            continue;
        }
        table += &format!("| {} |", metric.title);
        for cell in cells {
            table += &cell.map_or_else(
                || " – |".to_owned(),
                |summary| format!(" {} |", shown(summary)),
            );
        }
        table += "\n";
    }
    table
}

/// `8.31 (8.20–8.74)`: the median, and the lowest and highest run.
pub fn shown(summary: Summary) -> String {
    let (low, high) = summary.range;
    match summary.runs {
        1 => number(summary.median),
        _ => format!(
            "{} ({}–{})",
            number(summary.median),
            number(low),
            number(high)
        ),
    }
}

/// Three digits that count.
pub fn number(figure: f64) -> String {
    match figure.abs() {
        0.0..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::subject::Role;

    fn subject(name: &'static str) -> Subject {
        Subject {
            name,
            role: Role::Server,
            command: Vec::new(),
            version: String::new(),
            needs: None,
            ease: 1,
        }
    }

    #[test]
    fn a_row_for_each_metric_that_somebody_has() {
        let mut samples = Samples::default();
        samples.add("paced_1000", "a", 0, 8.0);
        samples.add("paced_1000", "a", 1, 12.0);
        let table = markdown(&[subject("a"), subject("b")], &samples);
        assert_eq!(
            table,
            "| | a | b |\n|---|---|---|\n| 1,000 clients, 25/s: µs CPU per delivery | 10.0 (8.00–12.0) | – |\n"
        );
    }
}
