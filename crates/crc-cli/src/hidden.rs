//! A terminal that does not show what is typed.

use std::fmt;
use std::io;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// While this exists, the terminal of standard input does not show what is typed.
pub struct HiddenInput(Termios);

impl fmt::Debug for HiddenInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HiddenInput").finish_non_exhaustive()
    }
}

impl HiddenInput {
    /// Hides what is typed from now on. What was typed before waits to be read.
    ///
    /// # Errors
    ///
    /// When standard input is no terminal.
    pub fn begin() -> io::Result<Self> {
        HiddenInput::begin_with(OptionalActions::Now)
    }

    /// The same, and drops what was typed before.
    ///
    /// # Errors
    ///
    /// When standard input is no terminal.
    #[cfg(feature = "password")]
    pub(crate) fn begin_anew() -> io::Result<Self> {
        HiddenInput::begin_with(OptionalActions::Flush)
    }

    fn begin_with(actions: OptionalActions) -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), actions, &hidden)?;
        Ok(HiddenInput(before))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
