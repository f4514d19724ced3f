//! The time of events: a number from the driver, not a clock.

use core::ops::Add;
use core::time::Duration;

/// Microseconds since the driver's start. It is the same in every run of a simulation,
/// and a test can use it as a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The driver's start.
    pub const START: Timestamp = Timestamp(0);

    /// A time that is never reached.
    pub const NEVER: Timestamp = Timestamp(u64::MAX);

    /// The time `micros` microseconds after the start.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Timestamp(micros)
    }

    /// Microseconds since the start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time since `earlier`; zero if `earlier` is in the future.
    #[must_use]
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    /// Saturates at [`NEVER`](Timestamp::NEVER), some 584,000 years after the start.
    fn add(self, later: Duration) -> Timestamp {
        let micros = u64::try_from(later.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }
}
