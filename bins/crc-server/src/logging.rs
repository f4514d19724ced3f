//! The log: its rate limit and its writer.
//!
//! It keeps two promises. No peer can make a server log without limit. A log that is
//! not read, or a full disk, never blocks the event loop.

mod file;
mod format;
mod limit;
mod writer;

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use env_logger::{Builder, WriteStyle};
use jiff::Timestamp;
use log::LevelFilter;

pub(crate) use crate::logging::file::{LogFile, Reopen, check_log_file};
pub(crate) use crate::logging::format::{LineFormat, LogFormat};
use crate::logging::limit::RateLimitedLogger;
use crate::logging::writer::LogWriter;

/// How long the end of the process waits for lines that are not written yet.
const FINISH_TIME_MAX: Duration = Duration::from_secs(1);

/// The running log. Dropping it waits up to one second for the last lines to be written.
#[derive(Debug)]
#[must_use = "the last lines are lost without it"]
pub(crate) struct Logging {
    writer: LogWriter,
}

/// Starts to log to `out` in `format`: lines of `level` and above, or as `RUST_LOG` says.
///
/// # Errors
///
/// When the system provides no thread.
pub(crate) fn start(
    out: impl io::Write + Send + 'static,
    style: WriteStyle,
    format: LineFormat,
    level: LevelFilter,
) -> io::Result<Logging> {
    let writer = LogWriter::start(out, format.clone())?;
    let mut builder = Builder::new();
    if let LineFormat::Json { .. } = format {
        builder.format(move |out, record| {
            let message = record.args();
            let line = format.line(Timestamp::now(), record.level(), record.target(), message);
            out.write_all(line.unwrap_or_default().as_bytes())
        });
    }
    match is_level_from_environment() {
        true => builder.parse_default_env(),
        // The level can be changed later: see LogControl.
        false => builder.filter_level(LevelFilter::Trace),
    };
    let logger = builder
        .write_style(style)
        .target(env_logger::Target::Pipe(Box::new(writer.clone())))
        .build();
    let max = match is_level_from_environment() {
        true => logger.filter(),
        false => level,
    };
    if log::set_boxed_logger(Box::new(RateLimitedLogger::new(logger))).is_ok() {
        log::set_max_level(max);
    }
    Ok(Logging { writer })
}

/// Whether `RUST_LOG` sets the level, and not the options.
fn is_level_from_environment() -> bool {
    std::env::var_os("RUST_LOG").is_some_and(|value| !value.is_empty())
}

/// Changes the log while the server runs.
#[derive(Debug)]
pub(crate) struct LogControl {
    file: Option<Arc<Reopen>>,
}

impl LogControl {
    /// Controls a log that goes to a file, or to standard error.
    pub(crate) fn new(file: Option<Arc<Reopen>>) -> LogControl {
        LogControl { file }
    }

    /// Lines of `level` and above are logged, unless `RUST_LOG` decides.
    #[allow(clippy::unused_self, reason = "only the owner of the log may do this")]
    pub(crate) fn set_level(&self, level: LevelFilter) {
        if !is_level_from_environment() {
            log::set_max_level(level);
        }
    }

    /// Opens the log file again, or another one. Whether the log goes to a file.
    pub(crate) fn reopen(&self, path: Option<&Path>) -> bool {
        if let Some(file) = &self.file {
            file.reopen(path);
        }
        self.file.is_some()
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        log::logger().flush();
        self.writer.finish(FINISH_TIME_MAX);
    }
}
