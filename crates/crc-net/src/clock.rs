//! The driver's clocks: the only place that reads the system's monotonic clock, and a thread's.

use std::time::{Duration, Instant};

use crc_machine::Timestamp;
use rustix::time::{ClockId, clock_gettime};

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

/// The processor time that the calling thread has used. The time of other programs does not count,
/// so that the driver behaves alike on a busy machine.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}
