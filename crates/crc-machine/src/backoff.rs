//! How long to wait before the next dial: longer each time, and never the same
//! for two nodes that lost the same peer at the same moment.

use core::time::Duration;

use crate::random::Random;

/// The longest pause before the second attempt; each later one may be twice as long.
const PAUSE_FIRST_MAX: Duration = Duration::from_millis(500);

/// The longest pause of all.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The shortest pause after a refusal: what stood in the way needs a moment to go.
const PAUSE_REFUSED_MIN: Duration = Duration::from_secs(1);

/// A link that held for so long ends a row of failures.
const STABLE_MIN: Duration = Duration::from_secs(60);

/// A row of failed attempts to be linked, and how long to wait after each.
///
/// The first pause is half a second at most, each later one may be twice as long,
/// up to half a minute; drawn evenly from zero on, so that two nodes that lost the
/// same peer at the same moment do not come back at the same moment.
///
/// ```
/// use crc_machine::{Backoff, Random};
///
/// let (mut backoff, mut random) = (Backoff::new(), Random::new(7));
/// assert!(backoff.pause(&mut random, false).as_millis() <= 500);
/// assert!(backoff.pause(&mut random, true).as_millis() >= 1_000);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// No failure yet.
    #[must_use]
    pub const fn new() -> Self {
        Backoff { failures: 0 }
    }

    /// The pause after one more failure; at least a second long after a refusal,
    /// since what stood in the way needs a moment to go.
    pub fn pause(&mut self, random: &mut Random, refused: bool) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        let max = PAUSE_FIRST_MAX.saturating_mul(factor).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        let pause = random.duration_up_to(max);
        if refused {
            pause.max(PAUSE_REFUSED_MIN)
        } else {
            pause
        }
    }

    /// Notes that a link has ended that had held for `held`: the row of failures
    /// ends when that was a minute or more.
    pub fn link_held(&mut self, held: Duration) {
        if held >= STABLE_MIN {
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest of the pauses that many nodes make after `failures` failures.
    fn longest(failures: u32, refused: bool) -> Duration {
        let pauses = (0..2_000).map(|seed| {
            let mut backoff = Backoff { failures };
            backoff.pause(&mut Random::new(seed), refused)
        });
        pauses.max().unwrap()
    }

    #[test]
    fn pauses_grow_up_to_half_a_minute() {
        let almost = |max: u64| Duration::from_millis(max * 99 / 100)..=Duration::from_millis(max);
        for (failures, max) in [(0, 500), (1, 1_000), (5, 16_000), (6, 30_000), (99, 30_000)] {
            assert!(
                almost(max).contains(&longest(failures, false)),
                "{failures}"
            );
        }
    }

    #[test]
    fn a_refusal_is_not_answered_at_once() {
        assert_eq!(longest(0, true), PAUSE_REFUSED_MIN);
        assert!(longest(5, true) > PAUSE_REFUSED_MIN);
    }

    #[test]
    fn only_a_stable_link_ends_the_row() {
        let mut backoff = Backoff { failures: 3 };
        backoff.link_held(Duration::from_secs(59));
        assert_eq!(backoff.failures, 3);
        backoff.link_held(Duration::from_secs(60));
        assert_eq!(backoff.failures, 0);
    }
}
