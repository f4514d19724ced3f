//! What happens next: a heap keyed by time, and by the order of entry for what
//! happens at the same moment. Knows nothing of what its entries mean.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crc_core::Timestamp;

/// Entries that come out in the order of their times.
#[derive(Debug)]
pub(crate) struct Calendar<T> {
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

impl<T> Calendar<T> {
    pub(crate) const fn new() -> Self {
        Calendar {
            heap: BinaryHeap::new(),
            entered: 0,
        }
    }

    pub(crate) fn enter(&mut self, when: Timestamp, what: T) {
        self.entered += 1;
        self.heap.push(Entry {
            when,
            order: self.entered,
            what,
        });
    }

    /// Takes out what is next, unless it is later than `until`.
    pub(crate) fn next(&mut self, until: Timestamp) -> Option<(Timestamp, T)> {
        if self.heap.peek()?.when > until {
            return None;
        }
        self.heap.pop().map(|entry| (entry.when, entry.what))
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
