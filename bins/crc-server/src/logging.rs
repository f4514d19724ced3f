//! The log: how much of it there is, and where it goes.
//!
//! Answers for two promises: nobody can make a server log without limit, and no
//! reader of the log, a pipe that nobody reads or a disk that is full, ever
//! holds up the loop. Knows nothing of what the lines say.

mod limit;
mod writer;

use std::io;
use std::time::Duration;

use env_logger::{Builder, WriteStyle};
use log::LevelFilter;

use crate::logging::limit::Limited;
use crate::logging::writer::LogWriter;

/// How long the end of the process waits for what has not been written yet.
const FINISH_MAX: Duration = Duration::from_secs(1);

/// The running log. Dropping it writes what waits, if that goes at once.
#[derive(Debug)]
#[must_use = "the last lines are lost without it"]
pub(crate) struct Logging {
    writer: LogWriter,
}

/// Logs to `out` from now on: lines of `level` and above, or what the
/// environment wants.
///
/// # Errors
///
/// When the system gives no thread.
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
    if log::set_boxed_logger(Box::new(Limited::new(logger))).is_ok() {
        log::set_max_level(max);
    }
    Ok(Logging { writer })
}

impl Drop for Logging {
    fn drop(&mut self) {
        log::logger().flush();
        self.writer.finish(FINISH_MAX);
    }
}
