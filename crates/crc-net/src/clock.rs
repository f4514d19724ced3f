//! The one place that reads a clock.

use std::time::Instant;

use crc_machine::Timestamp;

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
}
