//! How often something may be done: a token bucket.

use crate::time::Timestamp;

/// In microseconds, as [`Timestamp`] counts.
const SECOND: u64 = 1_000_000;

/// A token bucket: what may be done so often in a second, with a second's
/// worth at once unless more is said.
#[derive(Debug, Clone, Copy, Default)]
pub struct RateLimiter {
    /// How much of what may be done at once is used up, in units of work times a
    /// million; drains as time passes.
    used: u64,
    at: Timestamp,
}

impl RateLimiter {
    /// Takes one token; `false` when there is none. A rate of 0 never ends.
    #[inline]
    pub fn try_acquire(&mut self, now: Timestamp, per_second: u32) -> bool {
        self.try_acquire_of(now, per_second, per_second)
    }

    /// Takes one token where `at_once` may be taken at once.
    #[inline]
    pub fn try_acquire_of(&mut self, now: Timestamp, per_second: u32, at_once: u32) -> bool {
        let has = self.check(now, per_second, at_once);
        if has && per_second != 0 {
            self.used += SECOND;
        }
        has
    }

    /// Whether there is a token, of `at_once` at most.
    #[inline]
    #[must_use]
    pub fn check(&mut self, now: Timestamp, per_second: u32, at_once: u32) -> bool {
        if per_second == 0 {
            return true;
        }
        let passed = now.as_micros().saturating_sub(self.at.as_micros());
        self.at = now;
        self.used = self
            .used
            .saturating_sub(passed.saturating_mul(per_second.into()));
        self.used + SECOND <= SECOND * u64::from(at_once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_a_seconds_worth_at_once_and_refills() {
        let mut bucket = RateLimiter::default();
        let at = Timestamp::from_micros;
        let mut take = |at| bucket.try_acquire(at, 5);
        assert!((0..5).all(|_| take(at(0))));
        assert!(!take(at(0)));
        assert!(!take(at(199_999)));
        assert!(take(at(200_000)));
        assert!(!take(at(200_000)));
        assert!((0..5).all(|_| take(at(9_000_000))));
        assert!(!take(at(9_000_000)));
        assert!((0..1000).all(|_| RateLimiter::default().try_acquire(at(0), 0)));
    }
}
