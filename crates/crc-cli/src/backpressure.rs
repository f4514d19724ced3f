//! Slows a producer down to the speed of its consumer.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counts the items that a producer has handed over and the consumer has not
/// finished. Clones share one count.
#[derive(Debug, Clone, Default)]
pub struct Backpressure(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    in_flight: Mutex<usize>,
    decreased: Condvar,
}

impl Backpressure {
    /// Adds one item, as soon as fewer than `max` are in flight.
    pub fn acquire(&self, max: usize) {
        let count = self.count();
        let wait = self.0.decreased.wait_while(count, |count| *count >= max);
        *wait.unwrap_or_else(PoisonError::into_inner) += 1;
    }

    /// Removes one item that is finished.
    pub fn release(&self) {
        let mut count = self.count();
        *count = count.saturating_sub(1);
        self.0.decreased.notify_all();
    }

    /// Waits until no item is in flight, or until `timeout` has passed.
    pub fn wait_empty(&self, timeout: Duration) {
        let count = self.count();
        // The caller goes on in either case.
        drop(
            self.0
                .decreased
                .wait_timeout_while(count, timeout, |count| *count > 0),
        );
    }

    /// A panic in another thread cannot leave a number half written, so a poisoned
    /// lock is used all the same.
    fn count(&self) -> MutexGuard<'_, usize> {
        self.0
            .in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn acquire_waits_at_the_maximum() {
        let backpressure = Backpressure::default();
        backpressure.acquire(2);
        backpressure.acquire(2);
        let third = {
            let backpressure = backpressure.clone();
            thread::spawn(move || backpressure.acquire(2))
        };
        backpressure.release();
        third.join().unwrap();
        backpressure.wait_empty(Duration::ZERO);
        backpressure.release();
        backpressure.release();
        backpressure.wait_empty(Duration::from_secs(60));
    }
}
