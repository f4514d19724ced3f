//! What waits to be sent on one link: a bounded queue of bytes that drivers and
//! the simulator share.
//!
//! Remembers where sends began, so that when a link dies the machine can be
//! given what was never written, from a frame's beginning on. Knows no frames.

use std::collections::VecDeque;

/// From this many written bytes on it is worth moving the rest to the front.
const COMPACT_BYTES_MIN: usize = 64 * 1024;

/// Bytes that wait for a socket to take them.
#[derive(Debug)]
pub struct SendQueue {
    bytes: Vec<u8>,
    /// How many of `bytes`, from the front, have been written.
    written: usize,
    /// Where in `bytes` each send begins.
    marks: VecDeque<usize>,
    bytes_max: usize,
}

/// More waits for a link than its bound allows: a slow consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {bytes_max} bytes wait to be sent")]
pub struct OverBound {
    /// The bound.
    pub bytes_max: usize,
}

/// What was to be sent on a link and was never wholly written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent<'a> {
    /// Whole frames; the first `written` bytes have left this process, the
    /// rest has not.
    pub bytes: &'a [u8],
    /// How many of `bytes` have left.
    pub written: usize,
}

impl SendQueue {
    /// An empty queue in which at most `bytes_max` bytes may wait.
    #[must_use]
    pub const fn new(bytes_max: usize) -> Self {
        SendQueue {
            bytes: Vec::new(),
            written: 0,
            marks: VecDeque::new(),
            bytes_max,
        }
    }

    /// Changes the bound; holds from the next [`push`](Self::push) on.
    pub fn bound(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that wait, next first.
    #[must_use]
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Appends one send, of which the first `written` bytes are already gone.
    ///
    /// # Errors
    ///
    /// [`OverBound`] when more waits now than may. It is queued all the same, so
    /// that [`unsent`](Self::unsent) can tell of it.
    pub fn push(&mut self, send: &[u8], written: usize) -> Result<(), OverBound> {
        debug_assert!(
            written == 0 || self.is_empty(),
            "nothing overtakes what waits"
        );
        if written == send.len() {
            return Ok(());
        }
        self.marks.push_back(self.bytes.len());
        self.bytes.extend_from_slice(send);
        self.written += written;
        if self.len() > self.bytes_max {
            return Err(OverBound {
                bytes_max: self.bytes_max,
            });
        }
        Ok(())
    }

    /// Notes that the next `count` waiting bytes have been written.
    pub fn advance(&mut self, count: usize) {
        self.written += count;
        debug_assert!(self.written <= self.bytes.len(), "more written than waited");
        if self.is_empty() {
            // An idle link owns no buffer.
            *self = SendQueue::new(self.bytes_max);
        } else if self.written >= COMPACT_BYTES_MIN && self.written >= self.bytes.len() / 2 {
            self.compact();
        }
    }

    /// What was never wholly written, from the beginning of a send on.
    #[must_use]
    pub fn unsent(&self) -> Unsent<'_> {
        let start = self.oldest_start();
        Unsent {
            bytes: &self.bytes[start..],
            written: self.written - start,
        }
    }

    /// Where the send begins that is partly written, or the next one.
    fn oldest_start(&self) -> usize {
        let after = self.marks.partition_point(|&mark| mark <= self.written);
        match after {
            0 => 0,
            _ => self.marks[after - 1],
        }
    }

    /// Drops what has been written, up to the beginning of a send.
    fn compact(&mut self) {
        let start = self.oldest_start();
        self.bytes.drain(..start);
        self.written -= start;
        while self.marks.front().is_some_and(|&mark| mark < start) {
            self.marks.pop_front();
        }
        for mark in &mut self.marks {
            *mark -= start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_back_what_was_not_written_from_a_send_on() {
        let mut queue = SendQueue::new(100);
        queue.push(b"aaaa", 1).unwrap();
        queue.push(b"bbbb", 0).unwrap();
        assert_eq!(queue.waiting(), b"aaabbbb");
        assert_eq!(
            queue.unsent(),
            Unsent {
                bytes: b"aaaabbbb",
                written: 1
            }
        );
        queue.advance(3);
        assert_eq!(
            queue.unsent(),
            Unsent {
                bytes: b"bbbb",
                written: 0
            }
        );
        queue.advance(1);
        assert_eq!(
            queue.unsent(),
            Unsent {
                bytes: b"bbbb",
                written: 1
            }
        );
        queue.advance(3);
        assert!(queue.is_empty());
        assert_eq!(queue.unsent(), Unsent::default());
    }

    #[test]
    fn says_when_too_much_waits() {
        let mut queue = SendQueue::new(6);
        queue.push(b"aaaa", 1).unwrap();
        assert_eq!(queue.push(b"bbbb", 0), Err(OverBound { bytes_max: 6 }));
        assert_eq!(queue.unsent().bytes, b"aaaabbbb", "it is kept all the same");
    }

    #[test]
    fn a_queue_that_never_runs_empty_does_not_grow() {
        let mut queue = SendQueue::new(usize::MAX);
        let send = [7; 1000];
        queue.push(&send, 0).unwrap();
        for _ in 0..10_000 {
            queue.push(&send, 0).unwrap();
            queue.advance(1000);
        }
        assert_eq!(queue.len(), 1000);
        assert!(queue.bytes.len() <= 2 * COMPACT_BYTES_MIN + 2000);
        assert_eq!(queue.unsent().bytes, send);
    }
}
