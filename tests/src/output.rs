//! The only place that writes to the terminal.
//!
//! A reader that has gone away is no reason to fail.

use std::fmt::Display;
use std::io::{self, Write};

/// A line for standard output.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A line for standard error.
pub fn complaint(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
