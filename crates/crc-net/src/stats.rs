//! The driver's counters.

use std::sync::atomic::{AtomicU64, Ordering};

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

    #[inline]
    pub(crate) fn subtract(&self, count: usize) {
        debug_assert!(self.value() >= count as u64, "gauge below zero");
        self.0
            .store(self.value().saturating_sub(count as u64), Ordering::Relaxed);
    }
}
