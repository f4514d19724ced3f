//! The one place that reads a clock.

use std::time::{Duration, Instant};

use crc_core::Timestamp;

/// Counts from the moment it was made, and never back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Clock {
            start: Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Timestamp {
        Timestamp::START + self.start.elapsed()
    }

    /// When `time` is; `None` if that is further away than the system counts.
    pub(crate) fn instant(self, time: Timestamp) -> Option<Instant> {
        self.start
            .checked_add(Duration::from_micros(time.as_micros()))
    }
}
