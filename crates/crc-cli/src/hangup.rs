//! SIGHUP, which ends a process that does not handle it.
//!
//! Operators send it to a server after they have moved its log file. The kernel and the
//! shell send it to the programs of a terminal that is closed.

use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::thread;

use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;

/// Handles SIGHUP from now on: each one calls `action`, on a thread of its own.
///
/// # Errors
///
/// If the system provides no handler or no thread.
pub fn on_hangup(action: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP])?;
    thread::Builder::new()
        .name("hangup".to_owned())
        .spawn(move || {
            for _ in signals.forever() {
                action();
            }
        })?;
    Ok(())
}

/// Handles SIGHUP from now on: calls `quit` if the terminal of this process is gone, and
/// logs any other. Does nothing if the process was started with SIGHUP ignored (`nohup`).
///
/// # Errors
///
/// If the system provides no handler or no thread.
pub fn on_terminal_hangup(quit: impl Fn() + Send + 'static) -> io::Result<()> {
    if is_hangup_ignored() {
        return Ok(());
    }
    let at_start = Terminals::now();
    on_hangup(move || {
        if at_start.is_any_gone(&Terminals::now()) {
            quit();
        } else {
            log::info!("hangup signal ignored: the terminal is open");
        }
    })
}

/// The terminals of this process.
#[derive(Debug)]
struct Terminals {
    /// The terminal that controls the process.
    controlling: bool,
    /// The one that it reads from.
    stdin: bool,
}

impl Terminals {
    fn now() -> Terminals {
        Terminals {
            controlling: File::open("/dev/tty").is_ok(),
            stdin: io::stdin().is_terminal(),
        }
    }

    fn is_any_gone(&self, now: &Terminals) -> bool {
        self.controlling && !now.controlling || self.stdin && !now.stdin
    }
}

/// Whether the parent has made this process ignore SIGHUP. Known on Linux only.
fn is_hangup_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_hangup_in_mask(&status)
}

fn is_hangup_in_mask(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Bit 0 is signal 1.
    mask.is_some_and(|mask| mask & 1 << (SIGHUP - 1) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_in_the_mask() {
        for (status, ignored) in [
            ("", false),
            ("Name:\tx\nSigIgn:\t0000000000001000\n", false),
            ("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n", true),
            ("SigIgn:\tx\n", false),
        ] {
            assert_eq!(is_hangup_in_mask(status), ignored, "{status:?}");
        }
    }

    #[test]
    fn a_terminal_that_was_never_there_is_not_gone() {
        let [none, both] = [false, true].map(|is| Terminals {
            controlling: is,
            stdin: is,
        });
        assert!(!none.is_any_gone(&none) && !both.is_any_gone(&both));
        assert!(!none.is_any_gone(&both) && both.is_any_gone(&none));
    }
}
