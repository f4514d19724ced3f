//! A bounded queue of bytes for one link, shared by drivers and simulators.
//!
//! The queue remembers where each send begins. So when a link goes down, the driver can give the
//! machine all unsent bytes, starting at a frame boundary.

use std::collections::VecDeque;

/// The queue compacts when at least this many bytes at its front are written.
const COMPACT_BYTES_MIN: usize = 64 * 1024;

/// The bytes that wait until the socket of a link accepts them.
#[derive(Debug)]
pub struct SendQueue {
    bytes: Vec<u8>,
    /// How many of `bytes`, from the front, are written.
    written: usize,
    /// The position in `bytes` where each send begins.
    marks: VecDeque<usize>,
    /// The bound; it saturates at 4 GiB, so that an idle link is small.
    bytes_max: u32,
    watch: Watch,
}

/// When the machine is told how long the queue is.
#[derive(Debug, Clone, Copy, Default)]
struct Watch {
    /// A report is due when the length has changed by this much, or when this much was written.
    /// 0: no reports.
    step: u32,
    /// The length in the last report.
    reported: u32,
    /// How many queued bytes were written since the last report.
    written: u32,
}

/// How long a watched queue is, and how fast it drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueReport {
    /// The number of bytes that wait.
    pub waiting: usize,
    /// How many queued bytes were written since the last report.
    pub written: usize,
}

/// A send queue exceeds its bound: the peer is a slow consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the send queue exceeds {bytes_max} bytes")]
pub struct OverBound {
    /// The bound.
    pub bytes_max: usize,
}

/// What the machine sent on a link and the driver did not write completely.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsent<'a> {
    /// Whole frames. The first `written` bytes have left this process, the
    /// others have not.
    pub bytes: &'a [u8],
    /// How many of `bytes` have left this process.
    pub written: usize,
}

impl SendQueue {
    /// Creates an empty queue for at most `bytes_max` bytes.
    #[must_use]
    pub const fn new(bytes_max: usize) -> Self {
        SendQueue {
            bytes: Vec::new(),
            written: 0,
            marks: VecDeque::new(),
            bytes_max: saturate(bytes_max),
            watch: Watch {
                step: 0,
                reported: 0,
                written: 0,
            },
        }
    }

    /// Changes the bound. [`push`](Self::push) applies it from now on.
    pub fn bound(&mut self, bytes_max: usize) {
        self.bytes_max = saturate(bytes_max);
    }

    /// Watches the queue: [`take_report`](Self::take_report) returns a report each time its length
    /// has changed by `step` bytes, or `step` queued bytes were written. 0 ends the watch.
    pub fn watch(&mut self, step: usize) {
        self.watch.step = saturate(step);
    }

    /// Whether the queue is watched.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        self.watch.step > 0
    }

    /// A report, if one is due.
    pub fn take_report(&mut self) -> Option<QueueReport> {
        let Watch {
            step,
            reported,
            written,
        } = self.watch;
        let waiting = saturate(self.len());
        let drained = waiting == 0 && reported != 0;
        let due = waiting.abs_diff(reported) >= step || written >= step || drained;
        if step == 0 || !due {
            return None;
        }
        self.watch = Watch {
            step,
            reported: waiting,
            written: 0,
        };
        Some(QueueReport {
            waiting: self.len(),
            written: written as usize,
        })
    }

    /// The number of bytes that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether the queue is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that wait, in order.
    #[must_use]
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Appends one send, of which the first `written` bytes are already written.
    ///
    /// # Errors
    ///
    /// [`OverBound`] when the queue exceeds its bound. The send is queued nevertheless, so that
    /// [`unsent`](Self::unsent) contains it.
    pub fn push(&mut self, send: &[u8], written: usize) -> Result<(), OverBound> {
        debug_assert!(
            written == 0 || self.is_empty(),
            "a send must not overtake queued bytes"
        );
        if written == send.len() {
            return Ok(());
        }
        self.marks.push_back(self.bytes.len());
        self.bytes.extend_from_slice(send);
        self.written += written;
        let bytes_max = self.bytes_max as usize;
        if self.len() > bytes_max {
            return Err(OverBound { bytes_max });
        }
        Ok(())
    }

    /// Notes that the next `count` bytes are written.
    pub fn advance(&mut self, count: usize) {
        self.written += count;
        self.watch.written = self.watch.written.saturating_add(saturate(count));
        debug_assert!(
            self.written <= self.bytes.len(),
            "more bytes written than queued"
        );
        if self.is_empty() {
            // The queue of an idle link holds no memory.
            let watch = self.watch;
            *self = SendQueue::new(self.bytes_max as usize);
            self.watch = watch;
        } else if self.written >= COMPACT_BYTES_MIN && self.written >= self.bytes.len() / 2 {
            self.compact();
        }
    }

    /// All bytes that are not written, from the beginning of the oldest incomplete send.
    #[must_use]
    pub fn unsent(&self) -> Unsent<'_> {
        let start = self.oldest_start();
        Unsent {
            bytes: &self.bytes[start..],
            written: self.written - start,
        }
    }

    /// The position where the oldest incomplete send begins.
    fn oldest_start(&self) -> usize {
        let after = self.marks.partition_point(|&mark| mark <= self.written);
        match after {
            0 => 0,
            _ => self.marks[after - 1],
        }
    }

    /// Drops the written bytes before the oldest incomplete send.
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

/// Bounds of queues and lengths in reports saturate at 4 GiB.
#[expect(clippy::cast_possible_truncation, reason = "it fits")]
const fn saturate(bytes: usize) -> u32 {
    if bytes > u32::MAX as usize {
        u32::MAX
    } else {
        bytes as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsent_starts_at_the_oldest_incomplete_send() {
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
    fn a_push_over_the_bound_is_reported_and_queued() {
        let mut queue = SendQueue::new(6);
        queue.push(b"aaaa", 1).unwrap();
        assert_eq!(queue.push(b"bbbb", 0), Err(OverBound { bytes_max: 6 }));
        assert_eq!(queue.unsent().bytes, b"aaaabbbb", "the send is queued");
    }

    #[test]
    fn a_queue_that_is_never_empty_does_not_grow() {
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

    #[test]
    fn a_watched_queue_reports_each_step() {
        let mut queue = SendQueue::new(usize::MAX);
        let report = |waiting, written| Some(QueueReport { waiting, written });
        queue.push(&[7; 100], 0).unwrap();
        assert_eq!(queue.take_report(), None, "nothing watches it");
        queue.watch(50);
        assert_eq!(queue.take_report(), report(100, 0));
        assert_eq!(queue.take_report(), None);
        queue.advance(49);
        assert_eq!(queue.take_report(), None);
        queue.advance(1);
        assert_eq!(queue.take_report(), report(50, 50));
        // The length stays the same, and the bytes are others.
        for _ in 0..5 {
            queue.push(&[7; 10], 0).unwrap();
            queue.advance(10);
        }
        assert_eq!(queue.take_report(), report(50, 50));
        queue.push(&[7; 10], 0).unwrap();
        queue.advance(60);
        assert_eq!(queue.take_report(), report(0, 60), "it is empty");
        queue.push(&[7; 49], 0).unwrap();
        queue.advance(49);
        assert_eq!(queue.take_report(), None, "it was not reported as full");
    }
}
