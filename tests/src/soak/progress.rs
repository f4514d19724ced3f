//! The progress line of a run, which is rewritten on standard error if that is a
//! terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// A progress line, or none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// A progress line if standard error is a terminal.
    #[must_use]
    pub fn at_a_terminal() -> Progress {
        Progress {
            shown: io::stderr().is_terminal(),
        }
    }

    pub(super) fn show(self, text: impl Display) {
        if self.shown {
            let _ = write!(io::stderr().lock(), "\r\x1b[K{text}");
        }
    }

    pub(super) fn clear(self) {
        self.show("");
    }
}
