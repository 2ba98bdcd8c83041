//! What our server is to reach, and whether it did.

use super::samples::{Samples, Summary};
use super::subject::{NODE, OURS, PYTHON, SOCKETIOXIDE, WRITE_FLOOR};
use super::table::number;

/// Something that our server is to reach.
struct Goal {
    what: &'static str,
    figure: Figure,
    bound: Bound,
}

/// A figure of ours.
enum Figure {
    /// By itself.
    Of(&'static str),
    /// By the same of another server.
    By(&'static str, &'static str),
    /// By another of our own.
    Ratio(&'static str, &'static str),
    /// Another server's by ours.
    Times(&'static str, &'static str),
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

use Bound::{AtLeast, AtMost};
use Figure::{By, Of, Ratio, Times};

const GOALS: [Goal; 14] = [
    goal(
        "paced, 1,000 clients, by the write floor",
        By("paced_1000", WRITE_FLOOR),
        AtMost(1.05),
    ),
    goal(
        "paced, 10,000 clients, by the write floor",
        By("paced_10000", WRITE_FLOOR),
        AtMost(1.05),
    ),
    goal(
        "paced, 1,000 clients, by socketioxide",
        By("paced_1000", SOCKETIOXIDE),
        AtMost(0.6),
    ),
    goal(
        "paced, 10,000 clients, by socketioxide",
        By("paced_10000", SOCKETIOXIDE),
        AtMost(0.6),
    ),
    goal(
        "burst, 10,000 clients: µs CPU per delivery",
        Of("burst_10000"),
        AtMost(0.5),
    ),
    goal(
        "burst, 10,000 clients, by socketioxide",
        By("burst_10000", SOCKETIOXIDE),
        AtMost(0.25),
    ),
    goal("idle client of 10,000: KB", Of("idle"), AtMost(2.5)),
    goal("connect: µs CPU", Of("connect"), AtMost(60.0)),
    goal(
        "Redis, paced, deliveries per CPU second, by python-socketio",
        Times("redis", PYTHON),
        AtLeast(5.0),
    ),
    goal(
        "Redis, paced, deliveries per CPU second, by Node",
        Times("redis", NODE),
        AtLeast(2.0),
    ),
    goal(
        "`broadcast()` to 4 clients, their writes included: µs CPU",
        Of("broadcast"),
        AtMost(5.0),
    ),
    goal(
        "1,000 rooms of 10, by one room of 10,000",
        Ratio("rooms", "paced_10000"),
        AtMost(1.2),
    ),
    goal(
        "10,000 clients by 4",
        Ratio("paced_10000", "paced_4"),
        AtMost(1.25),
    ),
    goal(
        "two cores by one: deliveries/s",
        Ratio("two_cores", "one_core"),
        AtLeast(1.7),
    ),
];

const fn goal(what: &'static str, figure: Figure, bound: Bound) -> Goal {
    Goal {
        what,
        figure,
        bound,
    }
}

/// A table of the goals; those that nothing was measured for are left out.
pub fn markdown(samples: &Samples) -> String {
    let mut table = String::from("| | goal | measured | |\n|---|---|---|---|\n");
    for goal in GOALS {
        let Some(summary) = goal.figure.summary(samples) else {
            continue;
        };
        let (low, high) = summary.range;
        table += &format!(
            "| {} | {} | {} ({}–{}) | {} |\n",
            goal.what,
            goal.bound.shown(),
            number(summary.median),
            number(low),
            number(high),
            if goal.bound.holds(summary.median) {
                "met"
            } else {
                "missed"
            },
        );
    }
    table
}

impl Figure {
    fn summary(&self, samples: &Samples) -> Option<Summary> {
        match *self {
            Of(metric) => samples.summary(metric, OURS),
            By(metric, other) => samples.ratio((metric, OURS), (metric, other)),
            Ratio(above, below) => samples.ratio((above, OURS), (below, OURS)),
            Times(metric, other) => samples.ratio((metric, other), (metric, OURS)),
        }
    }
}

impl Bound {
    fn holds(&self, figure: f64) -> bool {
        match *self {
            AtMost(bound) => figure <= bound,
            AtLeast(bound) => figure >= bound,
        }
    }

    fn shown(&self) -> String {
        match self {
            AtMost(bound) => format!("≤ {bound}"),
            AtLeast(bound) => format!("≥ {bound}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_or_missed_by_the_median() {
        let mut samples = Samples::default();
        for (run, (ours, floor, theirs)) in
            [(8.2, 8.0, 16.0), (8.4, 8.0, 13.0)].into_iter().enumerate()
        {
            samples.add("paced_1000", OURS, run, ours);
            samples.add("paced_1000", WRITE_FLOOR, run, floor);
            samples.add("paced_1000", SOCKETIOXIDE, run, theirs);
        }
        samples.add("redis", OURS, 0, 10.0);
        samples.add("redis", PYTHON, 0, 45.0);
        let table = markdown(&samples);
        assert!(
            table.contains("by the write floor | ≤ 1.05 | 1.04 (1.02–1.05) | met |"),
            "{table}"
        );
        assert!(
            table.contains("by python-socketio | ≥ 5 | 4.50 (4.50–4.50) | missed |"),
            "{table}"
        );
        assert!(!table.contains("10,000"), "{table}");
    }
}
