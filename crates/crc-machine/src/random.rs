//! Seeded pseudo-random numbers for ids and jitter. The same seed gives the same run.

use core::time::Duration;

/// A pseudo-random number generator (SplitMix64).
///
/// It is fast, has eight bytes of state, and every seed is as good as any other. Its output is
/// predictable: do not use it for secrets.
///
/// ```
/// use crc_machine::Random;
///
/// let (mut one, mut other) = (Random::new(7), Random::new(7));
/// assert_eq!(one.next_u64(), other.next_u64());
/// assert!(one.below(6) < 6);
/// ```
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Creates a generator with a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Random { state: seed }
    }

    /// The next number, uniform over all 64-bit values.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `n - 1`; 0 when `n` is 0.
    ///
    /// The bias is one part in `2^64 / n`, which is negligible.
    pub const fn below(&mut self, n: u64) -> u64 {
        let product = self.next_u64() as u128 * n as u128;
        (product >> 64) as u64
    }

    /// A uniform duration from zero to `max`, both included, in whole microseconds.
    pub fn duration_up_to(&mut self, max: Duration) -> Duration {
        let micros = u64::try_from(max.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(micros.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_matches_the_published_values() {
        // The values that the generator's authors give for the seed 1234567.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn numbers_cover_their_range_and_stay_in_it() {
        let mut random = Random::new(1);
        let mut seen = [0_u32; 6];
        for _ in 0..6_000 {
            seen[usize::try_from(random.below(6)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|&count| (850..1_150).contains(&count)));
        assert_eq!((random.below(0), random.below(1)), (0, 0));

        let two = Duration::from_micros(2);
        let drawn: Vec<_> = (0..100).map(|_| random.duration_up_to(two)).collect();
        assert_eq!(drawn.iter().max(), Some(&two));
        assert_eq!(drawn.iter().min(), Some(&Duration::ZERO));
        assert_eq!(random.duration_up_to(Duration::ZERO), Duration::ZERO);
    }
}
