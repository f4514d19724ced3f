//! A heap of entries, keyed by time, and for the same time by the order of entry.
//! Knows nothing of what the entries mean.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crc_machine::Timestamp;

/// Entries that come out in the order of their times.
#[derive(Debug)]
pub struct Calendar<T> {
    heap: BinaryHeap<Entry<T>>,
    entered: u64,
}

#[derive(Debug)]
struct Entry<T> {
    when: Timestamp,
    order: u64,
    what: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives its greatest first: the soonest is the greatest.
        (other.when, other.order).cmp(&(self.when, self.order))
    }
}

impl<T> Default for Calendar<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Calendar<T> {
    /// An empty calendar.
    #[must_use]
    pub const fn new() -> Self {
        Calendar {
            heap: BinaryHeap::new(),
            entered: 0,
        }
    }

    /// Enters `what` at the time `when`.
    pub fn enter(&mut self, when: Timestamp, what: T) {
        self.entered += 1;
        self.heap.push(Entry {
            when,
            order: self.entered,
            what,
        });
    }

    /// Takes out the next entry, unless it is later than `until`.
    pub fn next(&mut self, until: Timestamp) -> Option<(Timestamp, T)> {
        if self.heap.peek()?.when > until {
            return None;
        }
        self.heap.pop().map(|entry| (entry.when, entry.what))
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.heap.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soonest_comes_first_and_ties_keep_their_order() {
        let at = Timestamp::from_micros;
        let mut calendar = Calendar::new();
        for (when, what) in [(5, 'c'), (3, 'a'), (5, 'd'), (4, 'b')] {
            calendar.enter(at(when), what);
        }
        let all = std::iter::from_fn(|| calendar.next(at(5)));
        let all: String = all.map(|(_, what)| what).collect();
        assert_eq!(all, "abcd");
        calendar.enter(at(7), 'e');
        assert_eq!(calendar.next(at(6)), None);
        assert_eq!(calendar.next(at(7)), Some((at(7), 'e')));
    }
}
