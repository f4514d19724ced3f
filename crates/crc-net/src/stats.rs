//! The driver's counters.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crc_machine::LinkId;

/// The driver's counters and gauges.
///
/// [`Driver::stats`](crate::Driver::stats) returns them. Any thread can read them at any time. Each
/// value is exact; two values may be from different moments.
#[derive(Debug, Default)]
pub struct Stats {
    /// Turns of the event loop.
    pub turns: Counter,
    /// System calls that read.
    pub reads: Counter,
    /// Bytes read.
    pub read_bytes: Counter,
    /// System calls that write.
    pub writes: Counter,
    /// Bytes written.
    pub written_bytes: Counter,
    /// Bytes in all send queues (a gauge).
    pub queue_bytes: Counter,
    /// Open links, including closing ones and those with a limit of their own (a gauge).
    pub links_open: Counter,
    /// How many links may be open, those with a limit of their own not counted (a gauge).
    pub links_max: Counter,
    /// Links accepted.
    pub links_accepted: Counter,
    /// Links dialled.
    pub links_dialed: Counter,
    /// Dials that failed.
    pub dials_failed: Counter,
    /// Links closed because the peer read too slowly.
    pub slow_consumers: Counter,
    /// Connections that failed while they were accepted.
    pub accepts_failed: Counter,
    /// Pauses of a listener because the system was out of descriptors or memory.
    pub accept_pauses: Counter,
    /// Connections closed at once because their address had too many links.
    pub refused_per_address: Counter,
    /// Connections closed at once because their address had opened too many in a second.
    pub refused_rate: Counter,
    /// Connections closed at once because the free links were reserved.
    pub refused_reserved: Counter,
    /// TLS handshakes that succeeded.
    pub handshakes: Counter,
    /// TLS handshakes that failed.
    pub handshakes_failed: Counter,
    /// How often the connection limit was reached.
    pub link_limit_hits: Counter,
    /// The send queues of watched links that are not empty, in bytes.
    watched_queues: Mutex<HashMap<LinkId, usize>>,
}

impl Stats {
    /// How many bytes wait in the send queue of a link that the machine
    /// [watches](crc_machine::Effect::Watch); 0 for other links.
    #[must_use]
    pub fn watched_queue_bytes(&self, link: LinkId) -> usize {
        self.watched_queues().get(&link).copied().unwrap_or(0)
    }

    /// Notes how long the queue of a link was and is now. `None`: it is not watched, or closed.
    pub(crate) fn set_watched_queue(&self, link: LinkId, before: usize, now: Option<usize>) {
        match now.filter(|bytes| *bytes > 0) {
            Some(bytes) => drop(self.watched_queues().insert(link, bytes)),
            // Most queues are empty before and after a send, which must cost nothing.
            None if before > 0 => drop(self.watched_queues().remove(&link)),
            None => {}
        }
    }

    pub(crate) fn forget_watched_queues(&self) {
        self.watched_queues().clear();
    }

    fn watched_queues(&self) -> MutexGuard<'_, HashMap<LinkId, usize>> {
        let queues = self.watched_queues.lock();
        queues.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number that the driver's thread writes and any thread reads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The current value.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    // Only the driver's thread writes, so a load and a store are enough. They are cheaper than an
    // atomic addition.

    #[inline]
    pub(crate) fn add(&self, count: usize) {
        self.0.store(self.value() + count as u64, Ordering::Relaxed);
    }

    /// Replaces a gauge.
    pub(crate) fn set(&self, value: usize) {
        self.0.store(value as u64, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn subtract(&self, count: usize) {
        debug_assert!(self.value() >= count as u64, "gauge below zero");
        self.0
            .store(self.value().saturating_sub(count as u64), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_watched_queues_that_are_not_empty_are_kept() {
        let stats = Stats::default();
        let link = LinkId::new(1, 1);
        stats.set_watched_queue(link, 0, Some(0));
        stats.set_watched_queue(LinkId::new(2, 1), 0, None);
        assert!(stats.watched_queues().is_empty());
        stats.set_watched_queue(link, 0, Some(10));
        assert_eq!(stats.watched_queue_bytes(link), 10);
        assert_eq!(stats.watched_queue_bytes(LinkId::new(1, 2)), 0);
        stats.set_watched_queue(link, 10, Some(0));
        assert!(stats.watched_queues().is_empty());
        stats.set_watched_queue(link, 0, Some(10));
        stats.set_watched_queue(link, 10, None);
        assert!(stats.watched_queues().is_empty(), "no longer watched");
    }
}
