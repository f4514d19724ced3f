//! Draws from a seeded generator, beside plain numbers.

use core::time::Duration;

use crc_machine::Random;

/// More kinds of draws from a [`Random`].
pub trait Draw {
    /// Whether an event of this probability in percent happens. Draws nothing for 0.
    fn chance(&mut self, percent: u8) -> bool;
    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: u64, high: u64) -> u64;
    /// An index into a list of `len` items; 0 for an empty list.
    fn index(&mut self, len: usize) -> usize;
    /// One of `items`, which must not be empty.
    fn one_of<T: Copy>(&mut self, items: &[T]) -> T;
    /// A number of milliseconds from `low` to `high`, both included, in whole
    /// microseconds.
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

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_micros(self.between(low * 1000, high * 1000))
    }
}

/// Mixes two numbers into one, for seeds and hashes.
#[must_use]
pub const fn mix(one: u64, other: u64) -> u64 {
    let mut mixed = (one ^ other.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 29)).wrapping_add(other);
    mixed = mixed.wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}
