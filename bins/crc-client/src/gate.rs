//! Slows the reader of lines down to what is made of them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts the lines that have been read and not yet been dealt with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    lines: Mutex<usize>,
    fewer: Condvar,
}

impl Gate {
    /// Counts one more line, as soon as fewer than `max` are counted.
    pub(crate) fn enter(&self, max: usize) {
        let lines = self.lines();
        let wait = self.0.fewer.wait_while(lines, |lines| *lines >= max);
        *wait.unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// Waits until no line is counted; but no longer than `at_most`.
    pub(crate) fn wait_empty(&self, at_most: Duration) {
        let lines = self.lines();
        // Whether it took too long makes no difference.
        drop(
            self.0
                .fewer
                .wait_timeout_while(lines, at_most, |lines| *lines > 0),
        );
    }

    /// Notes that a line has been dealt with.
    pub(crate) fn leave(&self) {
        let mut lines = self.lines();
        *lines = lines.saturating_sub(1);
        self.0.fewer.notify_all();
    }

    /// A number is never half changed, whatever became of another thread.
    fn lines(&self) -> MutexGuard<'_, usize> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn so_many_and_no_more() {
        let gate = Gate::default();
        gate.enter(2);
        gate.enter(2);
        let third = {
            let gate = gate.clone();
            thread::spawn(move || gate.enter(2))
        };
        gate.leave();
        third.join().unwrap();
        gate.wait_empty(Duration::ZERO);
        gate.leave();
        gate.leave();
        gate.wait_empty(Duration::from_secs(60));
    }
}
