//! How much may be logged of one kind: lines that come from the same place in
//! the program, each of which some peer may cause as often as it likes.
//!
//! What is asked for by `-v` is not limited.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, Log, Metadata, Record};

/// So many lines of one kind
const LINES_MAX: u32 = 500;
/// in so much time; of those that follow only the number is logged.
const SPAN: Duration = Duration::from_secs(60);

/// A logger that leaves out what there is too much of.
#[derive(Debug)]
pub(crate) struct Limited<L> {
    inner: L,
    kinds: Mutex<BTreeMap<Place, Kind>>,
}

/// Where lines come from.
type Place = (&'static str, u32);

#[derive(Debug)]
struct Kind {
    since: Instant,
    /// How many lines came since then.
    lines: u32,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Logged,
    /// It is logged, and so is how many were left out before it.
    LoggedAfter(u32),
    /// It is the last for a while.
    LoggedLast,
    LeftOut,
}

impl Kind {
    fn new(since: Instant) -> Kind {
        Kind { since, lines: 0 }
    }

    fn line(&mut self, now: Instant) -> Fate {
        let left_out = self.left_out();
        if now.saturating_duration_since(self.since) >= SPAN {
            *self = Kind::new(now);
        }
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            1 if left_out > 0 => Fate::LoggedAfter(left_out),
            LINES_MAX => Fate::LoggedLast,
            0..LINES_MAX => Fate::Logged,
            _ => Fate::LeftOut,
        }
    }

    fn left_out(&self) -> u32 {
        self.lines.saturating_sub(LINES_MAX)
    }
}

impl<L: Log> Limited<L> {
    pub(crate) fn new(inner: L) -> Self {
        Limited {
            inner,
            kinds: Mutex::default(),
        }
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeMap<Place, Kind>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, record: &Record<'_>, now: Instant) -> Fate {
        let (Some(file), Some(line)) = (record.file_static(), record.line()) else {
            return Fate::Logged;
        };
        if record.level() > Level::Info {
            return Fate::Logged;
        }
        let mut kinds = self.kinds();
        let kind = kinds.entry((file, line));
        kind.or_insert_with(|| Kind::new(now)).line(now)
    }

    fn log_at(&self, record: &Record<'_>, now: Instant) {
        if !self.inner.enabled(record.metadata()) {
            return;
        }
        let fate = self.fate(record, now);
        if let Fate::LoggedAfter(count) = fate {
            self.note(
                record.metadata(),
                format_args!("{count} more were left out"),
            );
        }
        if fate != Fate::LeftOut {
            self.inner.log(record);
        }
        if fate == Fate::LoggedLast {
            let words = format_args!("more of these are left out, and counted, for {SPAN:?}");
            self.note(record.metadata(), words);
        }
    }

    fn note(&self, like: &Metadata<'_>, words: std::fmt::Arguments<'_>) {
        let mut note = Record::builder();
        let note = note.level(like.level()).target(like.target());
        self.inner.log(&note.args(words).build());
    }
}

impl<L: Log> Log for Limited<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        self.log_at(record, Instant::now());
    }

    /// Tells how many were left out of which nothing has been told yet.
    fn flush(&self) {
        let kinds = core::mem::take(&mut *self.kinds());
        let left_out: u64 = kinds.values().map(|kind| u64::from(kind.left_out())).sum();
        if left_out > 0 {
            let metadata = Metadata::builder().level(Level::Warn).build();
            self.note(&metadata, format_args!("{left_out} lines were left out"));
        }
        self.inner.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps the lines.
    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Log for Lines {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.level() <= Level::Debug
        }

        fn log(&self, record: &Record<'_>) {
            let line = format!("{} {}", record.level(), record.args());
            self.0.lock().unwrap().push(line);
        }

        fn flush(&self) {}
    }

    fn log(logger: &Limited<Lines>, level: Level, place: u32, at: Instant, words: &str) {
        let mut record = Record::builder();
        record.file_static(Some("here.rs")).line(Some(place));
        let record = record.level(level);
        logger.log_at(&record.args(format_args!("{words}")).build(), at);
    }

    fn take(logger: &Limited<Lines>) -> Vec<String> {
        std::mem::take(&mut logger.inner.0.lock().unwrap())
    }

    #[test]
    fn one_kind_is_bounded_and_counted_and_the_others_are_heard() {
        let logger = Limited::new(Lines::default());
        let begin = Instant::now();
        for _ in 0..3 * LINES_MAX {
            log(&logger, Level::Info, 1, begin, "flood");
        }
        log(&logger, Level::Warn, 2, begin, "other");
        let mut lines = take(&logger);
        assert_eq!(lines.pop().unwrap(), "WARN other");
        let last = lines.pop().unwrap();
        assert_eq!(
            last,
            "INFO more of these are left out, and counted, for 60s"
        );
        assert_eq!(lines, vec!["INFO flood"; LINES_MAX as usize]);

        log(&logger, Level::Info, 1, begin + SPAN / 2, "still");
        assert_eq!(take(&logger), [""; 0]);
        log(&logger, Level::Info, 1, begin + SPAN, "again");
        assert_eq!(
            take(&logger),
            ["INFO 1001 more were left out", "INFO again"]
        );
        log(&logger, Level::Info, 1, begin + SPAN, "again");
        assert_eq!(take(&logger), ["INFO again"], "it is told once");
    }

    #[test]
    fn the_end_tells_what_was_not_told() {
        let logger = Limited::new(Lines::default());
        let begin = Instant::now();
        for place in [1, 2] {
            for _ in 0..LINES_MAX + 5 {
                log(&logger, Level::Warn, place, begin, "flood");
            }
        }
        take(&logger);
        logger.flush();
        assert_eq!(take(&logger), ["WARN 10 lines were left out"]);
        logger.flush();
        assert_eq!(take(&logger), [""; 0]);
    }

    #[test]
    fn what_was_asked_for_is_not_limited() {
        let logger = Limited::new(Lines::default());
        for _ in 0..2 * LINES_MAX {
            log(&logger, Level::Debug, 1, Instant::now(), "detail");
        }
        log(&logger, Level::Trace, 1, Instant::now(), "not enabled");
        assert_eq!(take(&logger).len(), 2 * LINES_MAX as usize);
    }
}
