//! The progress bar: on standard error, if that is a terminal.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The interval between updates.
const PERIOD: Duration = Duration::from_millis(100);
/// The resolution of the bar.
const STEPS: u64 = 1000;

/// The bar. It limits its updates itself, so that callers can update it in every turn.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    shown: Cell<Instant>,
    /// The number of the current measurement and of all, if there are several.
    point: Cell<Option<(u64, u64)>>,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {msg}");
        let bar = ProgressBar::new(STEPS);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Progress {
            bar,
            shown: Cell::new(Instant::now()),
            point: Cell::new(None),
        }
    }

    /// Notes which of several measurements begins, from 1.
    pub(crate) fn point(&self, number: u64, all: u64) {
        self.point.set(Some((number, all)));
    }

    /// Shows what happens now.
    pub(crate) fn message(&self, message: &str) {
        self.bar.set_message(match self.point.get() {
            Some((number, all)) => format!("{number} of {all}: {message}"),
            None => message.to_owned(),
        });
    }

    /// Shows how much is done.
    pub(crate) fn part(&self, message: &str, done: u64, all: u64) {
        if self.bar.is_hidden() || self.shown.get().elapsed() < PERIOD {
            return;
        }
        self.shown.set(Instant::now());
        self.message(message);
        self.bar
            .set_position(done.saturating_mul(STEPS) / all.max(1));
    }

    /// Shows how much of a duration has elapsed.
    pub(crate) fn time(&self, message: &str, elapsed: Duration, all: Duration) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.part(message, micros(elapsed), micros(all));
    }

    /// Hides the bar at the end of a measurement.
    pub(crate) fn clear(&self) {
        self.bar.set_position(0);
        if self.point.get().is_none() {
            self.bar.finish_and_clear();
        }
    }

    /// Hides the bar at the end of several measurements.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
