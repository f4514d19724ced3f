//! What is drawn from a stream of numbers, beside numbers.

use core::time::Duration;

use crc_core::Random;

/// Draws of more kinds from the one generator.
pub(crate) trait Draw {
    /// Whether something happens that happens so often in a hundred times.
    fn chance(&mut self, percent: u8) -> bool;
    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: u64, high: u64) -> u64;
    /// An index into a list of `len`; 0 when it is empty.
    fn index(&mut self, len: usize) -> usize;
    /// One of some things.
    fn one_of<T: Copy>(&mut self, things: &[T]) -> T;
    /// So many milliseconds, both ends included.
    fn millis(&mut self, low: u64, high: u64) -> Duration;
}

impl Draw for Random {
    fn chance(&mut self, percent: u8) -> bool {
        percent != 0 && self.below(100) < u64::from(percent)
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("less than a length")
    }

    fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.index(things.len())]
    }

    fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_micros(self.between(low * 1000, high * 1000))
    }
}

/// Stirs several numbers into one.
pub(crate) const fn stir(one: u64, other: u64) -> u64 {
    let mut mixed = (one ^ other.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 29)).wrapping_add(other);
    mixed = mixed.wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}
