//! The driver's clock: the only place that reads the system's monotonic clock.

use std::time::Instant;

use crc_machine::Timestamp;

/// Measures the time since its creation.
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
