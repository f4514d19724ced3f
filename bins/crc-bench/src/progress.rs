//! How far a run has come: a bar on standard error, if that is a terminal.

use std::cell::Cell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often it is shown anew.
const PERIOD: Duration = Duration::from_millis(100);
/// How fine it is.
const STEPS: u64 = 1000;

/// The bar. It looks at the clock itself, so that it may be told of every turn.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    shown: Cell<Instant>,
    /// What is measured, if there are several things.
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

    /// Which one of several measurements comes now, from 1.
    pub(crate) fn point(&self, number: u64, all: u64) {
        self.point.set(Some((number, all)));
    }

    /// What happens now.
    pub(crate) fn words(&self, words: &str) {
        self.bar.set_message(match self.point.get() {
            Some((number, all)) => format!("{number} of {all}: {words}"),
            None => words.to_owned(),
        });
    }

    /// How much of it is done.
    pub(crate) fn part(&self, words: &str, done: u64, all: u64) {
        if self.bar.is_hidden() || self.shown.get().elapsed() < PERIOD {
            return;
        }
        self.shown.set(Instant::now());
        self.words(words);
        self.bar
            .set_position(done.saturating_mul(STEPS) / all.max(1));
    }

    /// How much of a time has passed.
    pub(crate) fn time(&self, words: &str, passed: Duration, all: Duration) {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.part(words, micros(passed), micros(all));
    }

    /// Takes it away.
    pub(crate) fn clear(&self) {
        self.bar.set_position(0);
        if self.point.get().is_none() {
            self.bar.finish_and_clear();
        }
    }

    /// Takes it away when several measurements are over.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
