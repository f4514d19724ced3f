//! The budget of bytes per second. When many peers join at once, every join sends a
//! longer list to more peers; the budget lets them share lists.

use core::time::Duration;

use crc_machine::Timestamp;

/// The savings after a quiet time, as the time that it takes to earn them.
const SAVED_MAX: Duration = Duration::from_millis(250);

/// A token bucket that counts bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_per_second: u64,
    /// When all spent bytes are earned.
    earned_at: Timestamp,
}

impl Budget {
    pub(crate) fn new(bytes_per_second: usize) -> Self {
        Budget {
            bytes_per_second: (bytes_per_second as u64).max(1),
            earned_at: Timestamp::START,
        }
    }

    /// When more may be spent; `None` when it may be spent now.
    pub(crate) fn free_at(&self, now: Timestamp) -> Option<Timestamp> {
        let ahead = self.earned_at.since(now);
        (ahead > SAVED_MAX).then(|| now + (ahead - SAVED_MAX))
    }

    pub(crate) fn spend(&mut self, now: Timestamp, bytes: usize) {
        let micros = (bytes as u64).saturating_mul(1_000_000) / self.bytes_per_second;
        self.earned_at = self.earned_at.max(now) + Duration::from_micros(micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn savings_are_spent_at_once_and_then_the_budget_waits() {
        let at = |millis: u64| Timestamp::from_micros(millis * 1_000);
        let mut budget = Budget::new(1_000);
        for _ in 0..3 {
            assert_eq!(budget.free_at(at(5_000)), None);
            budget.spend(at(5_000), 100);
        }
        assert_eq!(budget.free_at(at(5_000)), Some(at(5_050)));
        assert_eq!(budget.free_at(at(5_050)), None);
        budget.spend(at(5_050), 1_000);
        assert_eq!(budget.free_at(at(5_100)), Some(at(6_050)));
        assert_eq!(budget.free_at(at(6_050)), None);
    }
}
