//! Exponential backoff with full jitter: how long a node waits before the next dial.

use core::time::Duration;

use crate::random::Random;

/// The maximum of the first pause. Each failure doubles the maximum.
const PAUSE_FIRST_MAX: Duration = Duration::from_millis(500);

/// The maximum of every pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The minimum pause after a refusal: its cause needs time to disappear.
const PAUSE_REFUSED_MIN: Duration = Duration::from_secs(1);

/// A link that was up this long resets the backoff.
const STABLE_MIN: Duration = Duration::from_secs(60);

/// Counts consecutive failures and draws the pause after each.
///
/// The pause is random between zero and a maximum. The maximum is half a second after the
/// first failure and doubles with each further one, up to 30 seconds. The jitter keeps nodes
/// that lost the same peer at the same moment from dialling it again at the same moment.
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
    /// Creates a backoff without failures.
    #[must_use]
    pub const fn new() -> Self {
        Backoff { failures: 0 }
    }

    /// Counts one more failure and returns the pause after it. The pause after a
    /// refusal is at least one second.
    pub fn pause(&mut self, random: &mut Random, refused: bool) -> Duration {
        let pause = random.duration_up_to(pause_max(self.failures));
        self.failures = self.failures.saturating_add(1);
        if refused {
            pause.max(PAUSE_REFUSED_MIN)
        } else {
            pause
        }
    }

    /// Returns the pause before the next of several peers is tried in turn: a quarter of the
    /// pause before the round. A failure counts once all of them have failed, so that many
    /// dead peers do not keep a node from the living one behind them.
    pub fn pause_within_round(&self, random: &mut Random) -> Duration {
        random.duration_up_to(pause_max(self.failures.saturating_sub(1)) / 4)
    }

    /// Notes that a link went down after it was up for `held`. A link that was up
    /// for a minute or more resets the backoff.
    pub fn link_held(&mut self, held: Duration) {
        if held >= STABLE_MIN {
            self.failures = 0;
        }
    }
}

/// The maximum of the pause after so many failures.
fn pause_max(failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures);
    PAUSE_FIRST_MAX.saturating_mul(factor).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest pause of many nodes after `failures` failures.
    fn longest(failures: u32, refused: bool) -> Duration {
        let pauses = (0..2_000).map(|seed| {
            let mut backoff = Backoff { failures };
            backoff.pause(&mut Random::new(seed), refused)
        });
        pauses.max().unwrap()
    }

    #[test]
    fn pauses_double_up_to_30_seconds() {
        let almost = |max: u64| Duration::from_millis(max * 99 / 100)..=Duration::from_millis(max);
        for (failures, max) in [(0, 500), (1, 1_000), (5, 16_000), (6, 30_000), (99, 30_000)] {
            assert!(
                almost(max).contains(&longest(failures, false)),
                "{failures}"
            );
        }
    }

    #[test]
    fn a_pause_after_a_refusal_has_a_minimum() {
        assert_eq!(longest(0, true), PAUSE_REFUSED_MIN);
        assert!(longest(5, true) > PAUSE_REFUSED_MIN);
    }

    #[test]
    fn a_round_through_several_peers_is_quick_and_counts_once() {
        let (mut backoff, mut random) = (Backoff::new(), Random::new(7));
        backoff.pause(&mut random, false);
        let round: Duration = (0..64)
            .map(|_| backoff.pause_within_round(&mut random))
            .sum();
        assert!(round < Duration::from_secs(8), "{round:?}");
        assert_eq!(backoff.failures, 1);
        backoff.failures = 99;
        let pauses = (0..2_000).map(|_| backoff.pause_within_round(&mut random));
        assert!(pauses.max().unwrap() <= PAUSE_MAX / 4);
    }

    #[test]
    fn only_a_stable_link_resets_the_failures() {
        let mut backoff = Backoff { failures: 3 };
        backoff.link_held(Duration::from_secs(59));
        assert_eq!(backoff.failures, 3);
        backoff.link_held(Duration::from_secs(60));
        assert_eq!(backoff.failures, 0);
    }
}
