//! The log: its rate limit and its writer.
//!
//! It keeps two promises. No peer can make a server log without limit. A log that is
//! not read, or a full disk, never blocks the event loop.

mod file;
mod limit;
mod writer;

use std::io;
use std::time::Duration;

use env_logger::{Builder, WriteStyle};
use log::LevelFilter;

pub(crate) use crate::logging::file::LogFile;
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

/// Starts to log to `out`: lines of `level` and above, or as `RUST_LOG` says.
///
/// # Errors
///
/// When the system provides no thread.
pub(crate) fn start(
    out: impl io::Write + Send + 'static,
    style: WriteStyle,
    level: LevelFilter,
) -> io::Result<Logging> {
    let writer = LogWriter::start(out)?;
    let logger = Builder::new()
        .filter_level(level)
        .write_style(style)
        .parse_default_env()
        .target(env_logger::Target::Pipe(Box::new(writer.clone())))
        .build();
    let max = logger.filter();
    if log::set_boxed_logger(Box::new(RateLimitedLogger::new(logger))).is_ok() {
        log::set_max_level(max);
    }
    Ok(Logging { writer })
}

impl Drop for Logging {
    fn drop(&mut self) {
        log::logger().flush();
        self.writer.finish(FINISH_TIME_MAX);
    }
}
