//! How far a run has come: one line on standard error that is written over and
//! over at a terminal, and nothing elsewhere.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// Where a run says how far it has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    shown: bool,
}

impl Progress {
    /// Shows it if standard error is a terminal.
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
