//! How fast a bot sends, so that a server with a limit does not cut it off.

use std::time::Duration;

use crc_core::Timestamp;

/// The highest rate.
const PER_SECOND_MAX: u32 = 1_000;

/// A rate, with half a second's worth at once.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The time that one message takes.
    interval: Duration,
    /// How far the bot may be ahead of its rate.
    ahead_max: Duration,
    /// When what was sent would have been sent at the rate.
    paid_until: Timestamp,
}

impl Pace {
    pub(crate) fn new(per_second: u32) -> Self {
        let per_second = per_second.clamp(1, PER_SECOND_MAX);
        let interval = Duration::from_secs(1) / per_second;
        Pace {
            interval,
            ahead_max: interval * (per_second / 2).saturating_sub(1),
            paid_until: Timestamp::START,
        }
    }

    /// When the next message may be sent.
    pub(crate) fn ready_at(&self) -> Timestamp {
        let ahead_max = u64::try_from(self.ahead_max.as_micros()).unwrap_or(u64::MAX);
        Timestamp::from_micros(self.paid_until.as_micros().saturating_sub(ahead_max))
    }

    /// A message is sent that counts as much as `cost` chats.
    pub(crate) fn charge(&mut self, now: Timestamp, cost: u32) {
        self.paid_until = self.paid_until.max(now) + self.interval * cost;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_seconds_worth_may_be_sent_at_once() {
        let start = Timestamp::from_micros(1_000_000);
        let mut pace = Pace::new(10);
        for _ in 0..5 {
            assert!(pace.ready_at() <= start);
            pace.charge(start, 1);
        }
        assert_eq!(pace.ready_at(), start + Duration::from_millis(100));
        pace.charge(start + Duration::from_millis(100), 2);
        assert_eq!(pace.ready_at(), start + Duration::from_millis(300));
    }

    #[test]
    fn the_slowest_rate_is_one_in_a_second() {
        let mut pace = Pace::new(0);
        pace.charge(Timestamp::START, 1);
        assert_eq!(pace.ready_at(), Timestamp::START + Duration::from_secs(1));
    }
}
