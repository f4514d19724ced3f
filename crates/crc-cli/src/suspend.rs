//! Ctrl-Z in a program that reads the keys itself.

use std::io;

use signal_hook::consts::SIGTSTP;
use signal_hook::low_level::raise;

/// Stops this process, as a terminal does it by Ctrl-Z, until the shell continues it. The thread
/// that calls this goes on only then. Without a shell that could continue the process, the system
/// does not stop it.
///
/// # Errors
///
/// If the system refuses the signal.
pub fn suspend() -> io::Result<()> {
    // A signal for the process might stop the other threads first.
    raise(SIGTSTP)
}
