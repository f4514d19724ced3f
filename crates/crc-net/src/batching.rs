//! Whether to let a moment pass before the next turn, so that it has more to do.
//!
//! Where many talk to one as fast as that one can listen, a turn that comes at
//! once finds what two or three of them have said, and writes it by a system call
//! of its own, which costs as much as reading all that the others would have said
//! a moment later. Who waits for an answer before saying more is never kept
//! waiting: then there are as many writes as reads. Knows no clock and no sockets.

use std::time::Duration;

use crc_machine::Timestamp;

use crate::stats::Stats;

/// How long that moment is; the system makes it up to twice as long.
pub(crate) const PAUSE: Duration = Duration::from_micros(50);

/// So many turns in a row must have been worth a pause.
const TURNS_MIN: u32 = 8;

/// More of them are not remembered.
const TURNS_MAX: u32 = 2 * TURNS_MIN;

/// Turns that lie further apart are not in a row, but for one now and then when
/// the processor was another program's. Nobody is in a hurry there.
const BREAK: Duration = Duration::from_millis(1);

/// So many reads for every write: fewer could not make much of one write.
const READS_PER_WRITE_MIN: u64 = 2;

/// What was seen of the last turns.
#[derive(Debug, Default)]
pub(crate) struct Batching {
    reads: u64,
    writes: u64,
    bytes: u64,
    turns: u32,
    ended: Timestamp,
}

impl Batching {
    /// Takes note of a turn that ended at `now`, with the counters as they stand.
    /// Says whether a pause pays. Not if the turn has read `bytes_enough`, which
    /// no longer fits into one write.
    pub(crate) fn should_delay(
        &mut self,
        now: Timestamp,
        stats: &Stats,
        bytes_enough: usize,
    ) -> bool {
        let reads = stats.reads.value() - self.reads;
        let writes = stats.writes.value() - self.writes;
        let bytes = stats.read_bytes.value() - self.bytes;
        let in_a_row = now.since(self.ended) <= BREAK;
        *self = Batching {
            reads: self.reads + reads,
            writes: self.writes + writes,
            bytes: self.bytes + bytes,
            turns: match (reads, writes) {
                // The first to say something after all were silent: one now and
                // then is to be expected where many talk to one.
                (1, 1) => self.turns.saturating_sub(1),
                _ if writes == 0 || reads < READS_PER_WRITE_MIN * writes => 0,
                _ if in_a_row => (self.turns + 1).min(TURNS_MAX),
                _ => self.turns.saturating_sub(1),
            },
            ended: now,
        };
        self.turns >= TURNS_MIN && bytes < bytes_enough as u64
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

        /// Whether each of so many turns made a pause pay.
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
    fn many_to_one_are_worth_waiting_for() {
        let mut turns = Turns::new();
        let paid = turns.run(10, 3, 1, 300);
        assert_eq!(paid, [[false; 7].as_slice(), &[true; 3]].concat());
        assert_eq!(turns.run(1, 30, 1, 1000), [false], "that was enough");
        assert_eq!(turns.run(1, 30, 1, 999), [true]);
        for _ in 0..20 {
            turns.run(1, 1, 1, 100);
            assert_eq!(turns.run(1, 10, 1, 999), [true], "one came first");
        }
    }

    #[test]
    fn who_waits_for_answers_is_not_kept_waiting() {
        let mut turns = Turns::new();
        assert!(!turns.run(100, 20, 20, 300).contains(&true));
        assert!(!turns.run(100, 1, 1, 300).contains(&true));
        for _ in 0..20 {
            // Three ask one, who answers.
            assert!(!turns.run(2, 3, 1, 300).contains(&true));
            assert!(!turns.run(1, 1, 3, 300).contains(&true));
        }
        assert!(!turns.run(100, 5, 0, 300).contains(&true), "nothing gained");
    }

    #[test]
    fn one_turn_now_and_then_is_not_delayed() {
        let mut turns = Turns::new();
        for _ in 0..100 {
            assert!(!turns.run(1, 3, 1, 300).contains(&true));
            turns.now = turns.now + BREAK;
        }
        turns.run(10, 3, 1, 300);
        turns.now = turns.now + BREAK;
        assert_eq!(turns.run(1, 3, 1, 300), [true], "held up once");
        for _ in 0..10 {
            turns.now = turns.now + BREAK;
            turns.run(1, 3, 1, 300);
        }
        assert!(!turns.run(2, 3, 1, 300).contains(&true));
    }
}
