//! A connection as TCP shows it: two streams of bytes, each in order and bounded by a
//! window, and two ends that come up, close and learn of the other end's close each in
//! its own time.
//!
//! Moves bytes and knows no message. *When* an end learns of something is decided by
//! the schedulers, [`TimedNet`](crate::TimedNet) and [`SteppedNet`](crate::SteppedNet).

use std::io::ErrorKind;

use crc_machine::{LinkDown, LinkId, OverBound, SendQueue, Timestamp};

/// Which end of a connection: 0 dialled, 1 accepted.
pub type Side = usize;

/// The state of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its machine has not handled the `LinkUp` yet.
    Coming,
    /// Open.
    Live,
    /// A write failed for this reason; what arrived before is still read.
    Broken(ErrorKind),
    /// Its machine closed it, and its queue is being written.
    Flushing,
    /// Its queue is written and its stream ended; the other stream is read to its end.
    Draining,
    /// Closed. It reads and writes no more.
    Gone,
}

/// One end of a connection.
#[derive(Debug)]
pub struct End<H, T = ()> {
    pub(crate) host: H,
    pub(crate) link: LinkId,
    pub(crate) phase: Phase,
    pub(crate) queue: SendQueue,
    pub(crate) bound: usize,
    /// Whether its machine wants no bytes.
    pub(crate) paused: bool,
    /// Whether it has read the end of the other stream.
    pub(crate) saw_end: bool,
    /// When its current phase ends at the latest.
    pub(crate) deadline: Option<Timestamp>,
    /// Why it has ended, until its machine handles the `LinkDown`.
    pub(crate) down: Option<LinkDown>,
    /// What the caller keeps with the end.
    pub data: T,
}

impl<H: Copy, T> End<H, T> {
    pub(crate) const fn new(host: H, queue_bytes_max: usize, data: T) -> Self {
        End {
            host,
            link: LinkId::new(0, 0),
            phase: Phase::Coming,
            queue: SendQueue::new(queue_bytes_max),
            bound: queue_bytes_max,
            paused: false,
            saw_end: false,
            deadline: None,
            down: None,
            data,
        }
    }

    /// The host that has this end.
    pub const fn host(&self) -> H {
        self.host
    }

    /// The link's name at that host.
    pub const fn link(&self) -> LinkId {
        self.link
    }

    /// Its phase.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// How many bytes may wait in its queue.
    pub const fn bound(&self) -> usize {
        self.bound
    }

    /// How many bytes wait in its queue.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether its machine knows of it and has not closed it.
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Broken(_))
    }

    /// Whether it does not read. An end that its machine has closed reads to the end.
    pub const fn is_paused(&self) -> bool {
        self.paused && matches!(self.phase, Phase::Live)
    }

    pub(crate) fn set_bound(&mut self, bytes_max: usize) {
        self.bound = bytes_max;
        self.queue.bound(bytes_max);
    }
}

/// One direction of a connection.
#[derive(Debug)]
pub struct Stream {
    /// The written bytes; those before `read` are read.
    flight: Vec<u8>,
    read: usize,
    window: usize,
    /// The writer has ended it.
    pub(crate) ended: bool,
    /// It was reset: an error follows the bytes in flight.
    pub(crate) reset: Option<ErrorKind>,
    /// The writer's side was reset: bytes that it writes from now on are lost.
    pub(crate) dead: bool,
    /// Nothing gets through any more, and neither end gets an error.
    pub(crate) black_hole: bool,
    /// Nothing gets through before this time.
    pub(crate) stalled_until: Timestamp,
    /// Whether a delivery to its reader is scheduled.
    pub(crate) due: bool,
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
}

impl Stream {
    const fn new(window: usize) -> Self {
        Stream {
            flight: Vec::new(),
            read: 0,
            window,
            ended: false,
            reset: None,
            dead: false,
            black_hole: false,
            stalled_until: Timestamp::START,
            due: false,
            sent: 0,
            delivered: 0,
        }
    }

    /// How many bytes the machine has sent, those in the queue included.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// How many bytes the reader has read.
    #[must_use]
    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How many bytes were written and not read.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.flight.len() - self.read
    }

    /// Whether an end of the connection learned, or will never learn, that the path is
    /// dead.
    #[must_use]
    pub const fn is_dead_path(&self) -> bool {
        self.black_hole || self.reset.is_some()
    }

    /// How many more bytes fit into the window.
    fn free_window(&self) -> usize {
        self.window.saturating_sub(self.in_flight())
    }

    /// Whether the reader has an event to come.
    pub(crate) fn has_news(&self) -> bool {
        !self.black_hole && (self.in_flight() > 0 || self.ended || self.reset.is_some())
    }

    fn write(&mut self, bytes: &[u8]) {
        if !self.dead {
            self.flight.extend_from_slice(bytes);
        }
    }

    /// Moves the next `count` bytes in flight to the end of `into`.
    pub(crate) fn take(&mut self, count: usize, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.flight[self.read..self.read + count]);
        self.read += count;
        self.delivered += count as u64;
        if self.read == self.flight.len() {
            self.flight.clear();
            self.read = 0;
        }
    }

    /// Loses what is in flight behind the first `keep` bytes.
    pub(crate) fn truncate(&mut self, keep: usize) {
        self.flight.truncate(self.read + keep);
    }
}

/// What [`Connection::pump`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pumped {
    Nothing,
    /// Bytes were written.
    Moved,
    /// The queue of a closing end was written to its end, and the stream ended.
    Finished,
    /// The same, where the other stream had ended before.
    Closed,
}

/// A connection between the hosts of its two ends.
#[derive(Debug)]
pub struct Connection<H, T = ()> {
    pub(crate) ends: [End<H, T>; 2],
    /// What the end with this index writes, and the other one reads.
    pub(crate) streams: [Stream; 2],
}

impl<H: Copy, T> Connection<H, T> {
    pub(crate) const fn new(ends: [End<H, T>; 2], window: usize) -> Self {
        Connection {
            ends,
            streams: [Stream::new(window), Stream::new(window)],
        }
    }

    /// One of its ends.
    pub const fn end(&self, side: Side) -> &End<H, T> {
        &self.ends[side]
    }

    /// Both ends, the dialler's first.
    pub const fn ends(&self) -> &[End<H, T>; 2] {
        &self.ends
    }

    /// The end at `side` and the other one.
    pub fn near_and_far(&mut self, side: Side) -> [&mut End<H, T>; 2] {
        let [first, second] = &mut self.ends;
        match side {
            0 => [first, second],
            _ => [second, first],
        }
    }

    /// The stream that the end at `writer` writes.
    pub const fn stream(&self, writer: Side) -> &Stream {
        &self.streams[writer]
    }

    /// Whether both ends are open.
    pub fn is_live(&self) -> bool {
        self.ends.iter().all(|end| end.phase == Phase::Live)
    }

    /// Whether the connection was reset in both directions.
    pub(crate) fn is_broken(&self) -> bool {
        self.streams.iter().all(|stream| stream.dead)
    }

    /// How far the stream of `side` was written: what was sent, less what is queued.
    pub(crate) fn written(&self, side: Side) -> u64 {
        self.streams[side].sent - self.ends[side].queue.len() as u64
    }

    /// Sends `bytes`: writes what fits into the window, and queues the rest.
    pub(crate) fn send(&mut self, side: Side, bytes: &[u8]) -> Result<(), OverBound> {
        let (end, stream) = (&mut self.ends[side], &mut self.streams[side]);
        stream.sent += bytes.len() as u64;
        let mut written = 0;
        if end.phase == Phase::Live && end.queue.is_empty() {
            written = stream.free_window().min(bytes.len());
            stream.write(&bytes[..written]);
        }
        end.queue.push(bytes, written)
    }

    /// Writes what is queued, as far as it fits, and ends the stream of a closing
    /// end whose queue is empty.
    pub(crate) fn pump(&mut self, side: Side) -> Pumped {
        let (end, stream) = (&mut self.ends[side], &mut self.streams[side]);
        if !matches!(end.phase, Phase::Live | Phase::Flushing) {
            return Pumped::Nothing;
        }
        let count = stream.free_window().min(end.queue.len());
        if count > 0 {
            stream.write(&end.queue.waiting()[..count]);
            end.queue.advance(count);
        }
        if end.phase == Phase::Flushing && end.queue.is_empty() {
            if end.saw_end {
                return Pumped::Closed;
            }
            stream.ended = true;
            end.phase = Phase::Draining;
            return Pumped::Finished;
        }
        if count > 0 {
            Pumped::Moved
        } else {
            Pumped::Nothing
        }
    }

    /// Moves up to `bytes_max` bytes straight from the queue of `writer` to its reader,
    /// where there is no window.
    pub(crate) fn take_queued(&mut self, writer: Side, bytes_max: usize, into: &mut Vec<u8>) {
        let (end, stream) = (&mut self.ends[writer], &mut self.streams[writer]);
        let waiting = end.queue.waiting();
        let count = waiting.len().min(bytes_max);
        into.extend_from_slice(&waiting[..count]);
        end.queue.advance(count);
        stream.delivered += count as u64;
    }

    /// Takes the queue out of an end that is over. Its bytes count as never sent.
    pub(crate) fn take_queue(&mut self, side: Side) -> SendQueue {
        let written = self.written(side);
        self.streams[side].sent = written;
        core::mem::replace(&mut self.ends[side].queue, SendQueue::new(0))
    }
}
