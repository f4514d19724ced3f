//! What is due when: one deadline for each thing that can be due.

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Timestamp;

/// Deadlines of kind `K`, soonest first; the same deadlines in the order of `K`.
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
    /// Nothing is due.
    #[must_use]
    pub const fn new() -> Self {
        Timers {
            by_time: BTreeSet::new(),
            by_kind: BTreeMap::new(),
        }
    }

    /// Makes `what` due at `when`, in place of any earlier deadline of it.
    pub fn set(&mut self, what: K, when: Timestamp) {
        self.cancel(what);
        self.by_kind.insert(what, when);
        self.by_time.insert((when, what));
    }

    /// Forgets the deadline of `what`, if it has one.
    pub fn cancel(&mut self, what: K) {
        if let Some(when) = self.by_kind.remove(&what) {
            self.by_time.remove(&(when, what));
        }
    }

    /// Whether `what` has a deadline.
    pub fn is_set(&self, what: K) -> bool {
        self.by_kind.contains_key(&what)
    }

    /// The soonest deadline.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(when, _)| *when)
    }

    /// Takes out the first thing that is due at `now`.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<K> {
        let (when, what) = *self.by_time.first()?;
        if when > now {
            return None;
        }
        self.cancel(what);
        Some(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_has_one_deadline() {
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
