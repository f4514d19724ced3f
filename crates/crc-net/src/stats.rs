//! What the driver counts, for whoever watches it from outside.

use std::sync::atomic::{AtomicU64, Ordering};

/// The driver's counters, shared: to be had from
/// [`Driver::stats`](crate::Driver::stats) before it runs, and to be read at any
/// time from any thread. Each is right by itself; two of them may be a moment
/// apart.
#[derive(Debug, Default)]
pub struct Stats {
    /// Times that the loop woke up.
    pub turns: Counter,
    /// System calls that read bytes.
    pub reads: Counter,
    /// Bytes that were read.
    pub read_bytes: Counter,
    /// System calls that wrote bytes.
    pub writes: Counter,
    /// Bytes that were written.
    pub written_bytes: Counter,
    /// Bytes that wait to be written, on all links: goes up and down.
    pub queue_bytes: Counter,
    /// Links that are open, closing ones and those that are counted apart
    /// included: goes up and down.
    pub links_open: Counter,
    /// Links that peers opened.
    pub links_accepted: Counter,
    /// Links that we opened.
    pub links_dialed: Counter,
    /// Dials that came to nothing.
    pub dials_failed: Counter,
    /// Links that were closed because their peer read too slowly.
    pub slow_consumers: Counter,
    /// Peers that were gone before they were accepted, or could not be served.
    pub accepts_failed: Counter,
    /// Times that a listener was left alone for a while because the system had
    /// no descriptor or memory left.
    pub accept_pauses: Counter,
    /// Times that accepting stopped because as many links as allowed were open.
    pub link_limit_hits: Counter,
}

/// One number, written by the driver alone.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// What it stands at.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    // There is one writer, so that a load and a store do, which cost nothing.

    #[inline]
    pub(crate) fn add(&self, count: usize) {
        self.0.store(self.value() + count as u64, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn subtract(&self, count: usize) {
        debug_assert!(self.value() >= count as u64, "more taken than was there");
        self.0
            .store(self.value().saturating_sub(count as u64), Ordering::Relaxed);
    }
}
