//! Lines on the standard streams.

use std::io::{self, Write};

/// Writes one line to standard output and flushes it.
///
/// # Errors
///
/// When standard output cannot be written to.
pub fn print_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes one line to standard error. A closed standard error is ignored.
pub fn print_error(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
