//! The log on standard error.

use std::io;

use log::LevelFilter;

/// Starts the log: lines of `level` and above, unless `RUST_LOG` says otherwise.
/// They go to standard error, or to `target` if there is one.
///
/// # Panics
///
/// When the program already has a logger.
pub fn init_logger(level: LevelFilter, target: Option<Box<dyn io::Write + Send>>) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env();
    if let Some(target) = target {
        builder.target(env_logger::Target::Pipe(target));
    }
    builder.init();
}
