//! A token bucket.

use crate::time::Timestamp;

/// In microseconds, as [`Timestamp`] counts.
const SECOND: u64 = 1_000_000;

/// A token bucket: limits a rate and permits a burst.
///
/// The rate is an argument of each call, so that a change of settings takes effect at once. A
/// rate of 0 means no limit.
///
/// ```
/// use crc_machine::{RateLimiter, Timestamp};
///
/// let mut limiter = RateLimiter::default();
/// let now = Timestamp::START;
/// assert!(limiter.try_acquire(now, 2));
/// assert!(limiter.try_acquire(now, 2));
/// assert!(!limiter.try_acquire(now, 2), "the burst is one second's worth");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct RateLimiter {
    /// How much of the burst is used, in millionths of a token. It drains as time passes.
    used: u64,
    at: Timestamp,
}

impl RateLimiter {
    /// Takes one token, with a burst of one second's worth. Returns `false` if there is none.
    #[inline]
    pub fn try_acquire(&mut self, now: Timestamp, per_second: u32) -> bool {
        self.try_acquire_burst(now, per_second, per_second)
    }

    /// Takes one token, with a burst of `burst` tokens. Returns `false` if there is none.
    #[inline]
    pub fn try_acquire_burst(&mut self, now: Timestamp, per_second: u32, burst: u32) -> bool {
        let available = self.check(now, per_second, burst);
        if available {
            self.charge(per_second, 1);
        }
        available
    }

    /// Takes `count` tokens, whether they are available or not. What is missing is a debt, which
    /// new tokens pay first.
    #[inline]
    pub fn charge(&mut self, per_second: u32, count: u32) {
        if per_second != 0 {
            self.used = self.used.saturating_add(SECOND * u64::from(count));
        }
    }

    /// Whether a token is available, with a burst of `burst` tokens. Takes none.
    #[inline]
    #[must_use]
    pub fn check(&mut self, now: Timestamp, per_second: u32, burst: u32) -> bool {
        if per_second == 0 {
            return true;
        }
        let passed = now.as_micros().saturating_sub(self.at.as_micros());
        self.at = now;
        self.used = self
            .used
            .saturating_sub(passed.saturating_mul(per_second.into()));
        self.used.saturating_add(SECOND) <= SECOND * u64::from(burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_is_one_seconds_worth_and_refills() {
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

    #[test]
    fn a_debt_is_paid_before_the_next_token() {
        let mut bucket = RateLimiter::default();
        let at = Timestamp::from_micros;
        bucket.charge(5, 15);
        assert!(!bucket.try_acquire(at(2_199_999), 5));
        assert!(bucket.try_acquire(at(2_200_000), 5));
        assert!(!bucket.try_acquire(at(2_200_000), 5));
        // Nothing overflows, and without a limit nothing is owed.
        (0..10_000).for_each(|_| bucket.charge(u32::MAX, u32::MAX));
        assert!(!bucket.check(at(3_000_000), 5, u32::MAX));
        bucket = RateLimiter::default();
        bucket.charge(0, u32::MAX);
        assert!(bucket.try_acquire(at(0), 1));
    }
}
