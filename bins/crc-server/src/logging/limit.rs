//! A rate limit for log lines of one kind: those of one call site. A peer can cause
//! such a line as often as it likes.
//!
//! Levels below info are not limited.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, Log, Metadata, Record};

/// How many lines of one call site are logged in one window. Further lines are counted.
const LINES_MAX: u32 = 500;
/// The length of a window.
const WINDOW: Duration = Duration::from_secs(60);

/// A logger that suppresses lines above the limit.
#[derive(Debug)]
pub(crate) struct RateLimitedLogger<L> {
    inner: L,
    windows: Mutex<BTreeMap<CallSite, Window>>,
}

/// File and line.
type CallSite = (&'static str, u32);

/// The current window of one call site.
#[derive(Debug)]
struct Window {
    start: Instant,
    /// How many lines it has had, suppressed ones included.
    lines: u32,
}

/// What to do with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Log,
    /// Log how many lines were suppressed before it, then the line.
    LogAfterSuppressed(u32),
    /// Log the line, then that further lines are suppressed.
    LogLast,
    Suppress,
}

impl Window {
    fn new(start: Instant) -> Window {
        Window { start, lines: 0 }
    }

    /// Counts a line.
    fn add_line(&mut self, now: Instant) -> Decision {
        let suppressed = self.suppressed();
        if now.saturating_duration_since(self.start) >= WINDOW {
            *self = Window::new(now);
        }
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            1 if suppressed > 0 => Decision::LogAfterSuppressed(suppressed),
            LINES_MAX => Decision::LogLast,
            0..LINES_MAX => Decision::Log,
            _ => Decision::Suppress,
        }
    }

    fn suppressed(&self) -> u32 {
        self.lines.saturating_sub(LINES_MAX)
    }
}

impl<L: Log> RateLimitedLogger<L> {
    pub(crate) fn new(inner: L) -> Self {
        RateLimitedLogger {
            inner,
            windows: Mutex::default(),
        }
    }

    fn windows(&self) -> MutexGuard<'_, BTreeMap<CallSite, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decide(&self, record: &Record<'_>, now: Instant) -> Decision {
        let (Some(file), Some(line)) = (record.file_static(), record.line()) else {
            return Decision::Log;
        };
        if record.level() > Level::Info {
            return Decision::Log;
        }
        let mut windows = self.windows();
        let window = windows.entry((file, line));
        window.or_insert_with(|| Window::new(now)).add_line(now)
    }

    fn log_at(&self, record: &Record<'_>, now: Instant) {
        if !self.inner.enabled(record.metadata()) {
            return;
        }
        let decision = self.decide(record, now);
        if let Decision::LogAfterSuppressed(count) = decision {
            self.log_note(
                record.metadata(),
                format_args!("suppressed {count} lines like the next"),
            );
        }
        if decision != Decision::Suppress {
            self.inner.log(record);
        }
        if decision == Decision::LogLast {
            let text = format_args!("suppressing lines like the last for {WINDOW:?}");
            self.log_note(record.metadata(), text);
        }
    }

    /// Logs `text` with the level and target of another line.
    fn log_note(&self, like: &Metadata<'_>, text: std::fmt::Arguments<'_>) {
        let mut note = Record::builder();
        let note = note.level(like.level()).target(like.target());
        self.inner.log(&note.args(text).build());
    }
}

impl<L: Log> Log for RateLimitedLogger<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        self.log_at(record, Instant::now());
    }

    /// Logs how many lines were suppressed since the last note.
    fn flush(&self) {
        let windows = core::mem::take(&mut *self.windows());
        let counts = windows
            .values()
            .map(|window| u64::from(window.suppressed()));
        let suppressed: u64 = counts.sum();
        if suppressed > 0 {
            let metadata = Metadata::builder().level(Level::Warn).build();
            self.log_note(&metadata, format_args!("suppressed {suppressed} lines"));
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

    fn log(logger: &RateLimitedLogger<Lines>, level: Level, line: u32, at: Instant, text: &str) {
        let mut record = Record::builder();
        record.file_static(Some("here.rs")).line(Some(line));
        let record = record.level(level);
        logger.log_at(&record.args(format_args!("{text}")).build(), at);
    }

    fn take(logger: &RateLimitedLogger<Lines>) -> Vec<String> {
        std::mem::take(&mut logger.inner.0.lock().unwrap())
    }

    #[test]
    fn a_flood_from_one_call_site_is_limited_and_others_are_not() {
        let logger = RateLimitedLogger::new(Lines::default());
        let begin = Instant::now();
        for _ in 0..3 * LINES_MAX {
            log(&logger, Level::Info, 1, begin, "flood");
        }
        log(&logger, Level::Warn, 2, begin, "other");
        let mut lines = take(&logger);
        assert_eq!(lines.pop().unwrap(), "WARN other");
        let last = lines.pop().unwrap();
        assert_eq!(last, "INFO suppressing lines like the last for 60s");
        assert_eq!(lines, vec!["INFO flood"; LINES_MAX as usize]);

        log(&logger, Level::Info, 1, begin + WINDOW / 2, "still");
        assert_eq!(take(&logger), [""; 0]);
        log(&logger, Level::Info, 1, begin + WINDOW, "again");
        assert_eq!(
            take(&logger),
            ["INFO suppressed 1001 lines like the next", "INFO again"]
        );
        log(&logger, Level::Info, 1, begin + WINDOW, "again");
        assert_eq!(take(&logger), ["INFO again"], "noted once");
    }

    #[test]
    fn flush_logs_the_number_of_suppressed_lines() {
        let logger = RateLimitedLogger::new(Lines::default());
        let begin = Instant::now();
        for line in [1, 2] {
            for _ in 0..LINES_MAX + 5 {
                log(&logger, Level::Warn, line, begin, "flood");
            }
        }
        take(&logger);
        logger.flush();
        assert_eq!(take(&logger), ["WARN suppressed 10 lines"]);
        logger.flush();
        assert_eq!(take(&logger), [""; 0]);
    }

    #[test]
    fn debug_lines_are_not_limited() {
        let logger = RateLimitedLogger::new(Lines::default());
        for _ in 0..2 * LINES_MAX {
            log(&logger, Level::Debug, 1, Instant::now(), "detail");
        }
        log(&logger, Level::Trace, 1, Instant::now(), "not enabled");
        assert_eq!(take(&logger).len(), 2 * LINES_MAX as usize);
    }
}
