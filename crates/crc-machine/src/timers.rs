//! The timers of a machine.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Timestamp;

/// A set of deadlines: at most one for each timer `K`. Equal deadlines expire in the
/// order of `K`.
///
/// ```
/// use crc_machine::{Timers, Timestamp};
///
/// let at = Timestamp::from_micros;
/// let mut timers = Timers::new();
/// timers.set("answer", at(30));
/// timers.set("answer", at(20));
/// assert_eq!(timers.next(), Some(at(20)));
/// assert_eq!(timers.pop_due(at(25)), Some("answer"));
/// ```
#[derive(Debug)]
pub struct Timers<K> {
    by_time: BTreeSet<(Timestamp, K)>,
    by_kind: BTreeMap<K, Timestamp>,
}

impl<K: Copy + Ord> Default for Timers<K> {
    fn default() -> Self {
        Timers::new()
    }
}

impl<K: Copy + Ord> Timers<K> {
    /// Creates an empty set.
    #[must_use]
    pub const fn new() -> Self {
        Timers {
            by_time: BTreeSet::new(),
            by_kind: BTreeMap::new(),
        }
    }

    /// Sets the deadline of `timer`. It replaces an earlier one.
    pub fn set(&mut self, timer: K, deadline: Timestamp) {
        self.cancel(timer);
        self.by_kind.insert(timer, deadline);
        self.by_time.insert((deadline, timer));
    }

    /// Cancels `timer`, if it is set.
    pub fn cancel(&mut self, timer: K) {
        if let Some(deadline) = self.by_kind.remove(&timer) {
            self.by_time.remove(&(deadline, timer));
        }
    }

    /// Whether `timer` is set.
    pub fn is_set(&self, timer: K) -> bool {
        self.by_kind.contains_key(&timer)
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(deadline, _)| *deadline)
    }

    /// Removes the first timer whose deadline is not after `now`, and returns it.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<K> {
        let (deadline, timer) = *self.by_time.first()?;
        if deadline > now {
            return None;
        }
        self.cancel(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_timer_has_one_deadline() {
        let at = Timestamp::from_micros;
        let mut timers = Timers::new();
        timers.set('a', at(30));
        timers.set('b', at(20));
        timers.set('a', at(10));
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.pop_due(at(9)), None);
        assert_eq!(timers.pop_due(at(25)), Some('a'));
        timers.cancel('b');
        assert_eq!(timers.pop_due(at(99)), None);
        assert_eq!(timers.next(), None);
    }
}
