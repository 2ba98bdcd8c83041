//! The figures that say most, as a chart.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::samples::Samples;
use super::subject::{Role, Subject};
use super::table::number;
use crate::{Error, Result};

const PANELS: [(&str, &str); 4] = [
    ("paced_1000", "paced, 1,000 clients"),
    ("paced_10000", "paced, 10,000 clients"),
    ("burst_10000", "burst, 10,000 clients"),
    ("redis", "two workers on Redis"),
];

const WIDTH: u32 = 880;
const LABELS: i32 = 190;
const BAR: i32 = 22;
const TITLE: i32 = 34;
const OURS: RGBColor = RGBColor(0xd9, 0x48, 0x0f);
const FLOOR: RGBColor = RGBColor(0xad, 0xb5, 0xbd);
const PEER: RGBColor = RGBColor(0x4c, 0x6e, 0xf5);

/// Draws a panel of bars for each of the main figures: µs of CPU time for a delivery, on a logarithmic scale.
pub fn draw(path: &Path, subjects: &[Subject], samples: &Samples) -> Result<()> {
    let panels: Vec<_> = PANELS
        .iter()
        .map(|&(metric, title)| (title, bars(metric, subjects, samples)))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    let rows: usize = panels.iter().map(|(_, bars)| bars.len()).sum();
    let height = TITLE * (panels.len() as i32 + 1) + BAR * rows as i32 + 10;
    let area = SVGBackend::new(path, (WIDTH, height as u32)).into_drawing_area();
    let scale = Scale::over(panels.iter().flat_map(|(_, bars)| bars));
    paint(&area, &panels, &scale)
        .and_then(|()| area.present().map_err(|error| error.to_string()))
        .map_err(|error| Error::Answer(format!("drawing {}: {error}", path.display())))
}

struct Bar {
    name: &'static str,
    color: RGBColor,
    micros: f64,
}

fn bars(metric: &'static str, subjects: &[Subject], samples: &Samples) -> Vec<Bar> {
    let bar = |subject: &Subject| {
        Some(Bar {
            name: subject.name,
            color: match subject.role {
                Role::Floor => FLOOR,
                Role::Server if subject.name == super::subject::OURS => OURS,
                Role::Server => PEER,
            },
            micros: samples.summary(metric, subject.name)?.median,
        })
    };
    subjects.iter().filter_map(bar).collect()
}

/// From a figure to the length of its bar.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn over<'a>(bars: impl Iterator<Item = &'a Bar>) -> Self {
        let figures: Vec<f64> = bars.map(|bar| bar.micros.max(0.01)).collect();
        Self {
            low: figures.iter().copied().fold(f64::INFINITY, f64::min) / 2.0,
            high: figures.iter().copied().fold(0.0, f64::max),
        }
    }

    fn length(&self, micros: f64) -> i32 {
        let share = (micros.max(0.01) / self.low).ln() / (self.high / self.low).ln();
        (share * f64::from(WIDTH as i32 - LABELS - 90)) as i32
    }
}

fn paint<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    panels: &[(&str, Vec<Bar>)],
    scale: &Scale,
) -> std::result::Result<(), String> {
    let text = |size| ("sans-serif", size).into_font();
    let left = Pos::new(HPos::Left, VPos::Center);
    let right = Pos::new(HPos::Right, VPos::Center);
    let failed = |error: DrawingAreaErrorKind<B::ErrorType>| error.to_string();
    area.fill(&WHITE).map_err(failed)?;
    let heading = "µs of CPU time for one delivery (logarithmic; shorter is better)";
    let style = text(15).color(&BLACK).pos(left);
    area.draw(&Text::new(heading, (10, TITLE / 2), style))
        .map_err(failed)?;
    let mut y = TITLE;
    for (title, bars) in panels {
        let style = text(14).style(FontStyle::Bold).color(&BLACK).pos(left);
        area.draw(&Text::new(*title, (10, y + TITLE / 2), style))
            .map_err(failed)?;
        y += TITLE;
        for bar in bars {
            let (middle, end) = (y + BAR / 2, LABELS + scale.length(bar.micros));
            let style = text(13).color(&BLACK).pos(right);
            area.draw(&Text::new(bar.name, (LABELS - 8, middle), style))
                .map_err(failed)?;
            let corners = [(LABELS, y + 3), (end, y + BAR - 3)];
            area.draw(&Rectangle::new(corners, bar.color.filled()))
                .map_err(failed)?;
            let style = text(13).color(&BLACK).pos(left);
            area.draw(&Text::new(number(bar.micros), (end + 6, middle), style))
                .map_err(failed)?;
            y += BAR;
        }
    }
    Ok(())
}
