//! Decides whether the driver delays its next turn, so that one write carries more.
//!
//! Many links may send to one as fast as that link can receive. A turn that starts immediately
//! then finds the bytes of two or three senders and writes them in a system call of its own, which
//! costs as much as reading what all senders sent a moment later. A short delay batches them. A
//! peer that waits for an answer before it sends more is never delayed: in that pattern there
//! are as many writes as reads.

use std::time::Duration;

use crc_machine::Timestamp;

use crate::stats::Stats;

/// The delay. The system's timer makes it up to twice as long.
pub(crate) const DELAY: Duration = Duration::from_micros(50);

/// A delay needs this many consecutive turns of fan-in.
const TURNS_MIN: u32 = 8;

/// The count of consecutive turns saturates here.
const TURNS_MAX: u32 = 2 * TURNS_MIN;

/// Turns further apart than this are not consecutive: such a turn lowers the count by one instead of
/// resetting it, because another program may have had the processor. With pauses this long,
/// batching gains nothing.
const GAP_MAX: Duration = Duration::from_millis(1);

/// A turn is fan-in if it has at least this many reads per write.
const READS_PER_WRITE_MIN: u64 = 2;

/// Counters of the latest turns.
#[derive(Debug, Default)]
pub(crate) struct Batching {
    reads: u64,
    writes: u64,
    read_bytes: u64,
    /// Consecutive turns of fan-in.
    turns: u32,
    ended: Timestamp,
}

impl Batching {
    /// Notes a turn that ended at `now`, with the counters at that time. Returns whether the driver
    /// should delay the next turn. It should not if the turn read `bytes_enough` or more, because
    /// that already fills a write.
    pub(crate) fn should_delay(
        &mut self,
        now: Timestamp,
        stats: &Stats,
        bytes_enough: usize,
    ) -> bool {
        let reads = stats.reads.value() - self.reads;
        let writes = stats.writes.value() - self.writes;
        let read_bytes = stats.read_bytes.value() - self.read_bytes;
        let consecutive = now.since(self.ended) <= GAP_MAX;
        *self = Batching {
            reads: self.reads + reads,
            writes: self.writes + writes,
            read_bytes: self.read_bytes + read_bytes,
            turns: match (reads, writes) {
                // The first sender after a silence of all. This happens occasionally in fan-in.
                (1, 1) => self.turns.saturating_sub(1),
                _ if writes == 0 || reads < READS_PER_WRITE_MIN * writes => 0,
                _ if consecutive => (self.turns + 1).min(TURNS_MAX),
                _ => self.turns.saturating_sub(1),
            },
            ended: now,
        };
        self.turns >= TURNS_MIN && read_bytes < bytes_enough as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Turns {
        batching: Batching,
        stats: Stats,
        now: Timestamp,
    }

    impl Turns {
        fn new() -> Self {
            Turns {
                batching: Batching::default(),
                stats: Stats::default(),
                now: Timestamp::START,
            }
        }

        /// The decision after each of `turns` equal turns.
        fn run(&mut self, turns: usize, reads: usize, writes: usize, bytes: usize) -> Vec<bool> {
            let turn = |_| {
                self.stats.reads.add(reads);
                self.stats.writes.add(writes);
                self.stats.read_bytes.add(bytes);
                self.now = self.now + Duration::from_micros(200);
                self.batching.should_delay(self.now, &self.stats, 1000)
            };
            (0..turns).map(turn).collect()
        }
    }

    #[test]
    fn fan_in_is_delayed() {
        let mut turns = Turns::new();
        let delayed = turns.run(10, 3, 1, 300);
        assert_eq!(delayed, [[false; 7].as_slice(), &[true; 3]].concat());
        assert_eq!(turns.run(1, 30, 1, 1000), [false], "the write is full");
        assert_eq!(turns.run(1, 30, 1, 999), [true]);
        for _ in 0..20 {
            turns.run(1, 1, 1, 100);
            assert_eq!(
                turns.run(1, 10, 1, 999),
                [true],
                "one early sender does not reset"
            );
        }
    }

    #[test]
    fn request_and_response_is_not_delayed() {
        let mut turns = Turns::new();
        assert!(!turns.run(100, 20, 20, 300).contains(&true));
        assert!(!turns.run(100, 1, 1, 300).contains(&true));
        for _ in 0..20 {
            // Three peers ask one, which answers all.
            assert!(!turns.run(2, 3, 1, 300).contains(&true));
            assert!(!turns.run(1, 1, 3, 300).contains(&true));
        }
        assert!(
            !turns.run(100, 5, 0, 300).contains(&true),
            "without writes there is nothing to gain"
        );
    }

    #[test]
    fn turns_with_gaps_are_not_delayed() {
        let mut turns = Turns::new();
        for _ in 0..100 {
            assert!(!turns.run(1, 3, 1, 300).contains(&true));
            turns.now = turns.now + GAP_MAX;
        }
        turns.run(10, 3, 1, 300);
        turns.now = turns.now + GAP_MAX;
        assert_eq!(turns.run(1, 3, 1, 300), [true], "one gap does not reset");
        for _ in 0..10 {
            turns.now = turns.now + GAP_MAX;
            turns.run(1, 3, 1, 300);
        }
        assert!(!turns.run(2, 3, 1, 300).contains(&true));
    }
}
