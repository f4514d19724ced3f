//! A connection as TCP shows it: two streams of bytes, each in order, each
//! bounded by a window; and two ends that come up, close and learn of the
//! other's end each in its own time.
//!
//! Moves bytes and knows no message. When something is to happen, and what an
//! end's machine makes of it, is decided elsewhere.

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;

use crc_core::{LinkDown, LinkId, Origin, Random, SendQueue, Timestamp};

use crate::draw::Draw;

/// So many bytes may wait for a new link until its machine says otherwise; as
/// with the driver.
const QUEUE_BYTES_MAX: usize = 64 * 1024;

/// Which end of a connection: 0 dialled, 1 accepted.
pub(crate) type Side = usize;

/// How far an end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its machine has not been told of it.
    Coming,
    /// Not begun to close.
    Live,
    /// Writing failed for this reason; what came before is still read.
    Broken(ErrorKind),
    /// Its machine closed it; what waits is being written.
    Flushing,
    /// All was written and our side ended; the other side is read to its end.
    Draining,
    /// Gone. Nobody reads or writes here any more.
    Gone,
}

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) node: usize,
    /// In which of its lives the node has this end.
    pub(crate) life: u32,
    pub(crate) link: LinkId,
    pub(crate) origin: Origin,
    pub(crate) phase: Phase,
    pub(crate) queue: SendQueue,
    /// The bound of the queue.
    pub(crate) bound: usize,
    /// Whether the other side's end has been read.
    pub(crate) ended: bool,
    /// When something must be done about it if nothing happens.
    pub(crate) deadline: Option<Timestamp>,
}

impl End {
    pub(crate) const fn new(node: usize, life: u32, origin: Origin) -> Self {
        End {
            node,
            life,
            link: LinkId::new(0, 0),
            origin,
            phase: Phase::Coming,
            queue: SendQueue::new(QUEUE_BYTES_MAX),
            bound: QUEUE_BYTES_MAX,
            ended: false,
            deadline: None,
        }
    }

    /// Whether the machine still has to do with it.
    pub(crate) const fn is_machines(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Broken(_))
    }
}

/// Something in a stream whose fate is followed: a chat, or the answer to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// Where in the stream it begins, and where it ends.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) chat: usize,
    pub(crate) answer: bool,
}

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct Stream {
    /// What was written and has not been read; the part before `read` has.
    flight: Vec<u8>,
    read: usize,
    pub(crate) window: usize,
    /// The writer has ended it.
    pub(crate) ended: bool,
    /// It was reset: behind what is still in flight comes an error.
    pub(crate) reset: Option<ErrorKind>,
    /// The writer's side was reset: what it writes from now on is lost.
    pub(crate) dead: bool,
    /// Nothing comes through any more, and nobody is told.
    pub(crate) hole: bool,
    /// Nothing comes through before this time.
    pub(crate) stalled_until: Timestamp,
    /// Whether the calendar has an entry for its reader.
    pub(crate) due: bool,
    /// How many bytes the machine has sent, and how many the peer has read.
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    pub(crate) tokens: VecDeque<Token>,
    /// What the reader has been told of: a hash of what was said of each host.
    pub(crate) told: BTreeMap<u32, Told>,
    /// When a quit was last written, of whom.
    pub(crate) quit_at: BTreeMap<u32, Timestamp>,
    /// Whether its reader has been taken for an original while it was written.
    pub(crate) doubted: bool,
    /// Where in the stream the last quit of each host ends.
    pub(crate) quits: BTreeMap<u32, u64>,
    /// A hash of what the writer last said of itself.
    pub(crate) own_words: u64,
}

/// What was told of a host on one stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) server: bool,
    pub(crate) human: u64,
    pub(crate) machine: u64,
    pub(crate) at: Timestamp,
}

impl Told {
    /// Whether the same was told.
    pub(crate) fn same(&self, other: &Told) -> bool {
        let words = |told: &Told| (told.server, told.human, told.machine);
        words(self) == words(other)
    }
}

impl Stream {
    fn new(window: usize) -> Self {
        Stream {
            flight: Vec::new(),
            read: 0,
            window,
            ended: false,
            reset: None,
            dead: false,
            hole: false,
            stalled_until: Timestamp::START,
            due: false,
            sent: 0,
            delivered: 0,
            tokens: VecDeque::new(),
            told: BTreeMap::new(),
            quit_at: BTreeMap::new(),
            doubted: false,
            quits: BTreeMap::new(),
            own_words: 0,
        }
    }

    /// How many bytes are on the way.
    pub(crate) fn in_flight(&self) -> usize {
        self.flight.len() - self.read
    }

    /// How many more may be.
    pub(crate) fn room(&self) -> usize {
        self.window.saturating_sub(self.in_flight())
    }

    /// Whether the reader has something to learn.
    pub(crate) fn has_news(&self) -> bool {
        !self.hole && (self.in_flight() > 0 || self.ended || self.reset.is_some())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if !self.dead {
            self.flight.extend_from_slice(bytes);
        }
    }

    /// Takes the next `count` bytes out, into `into`.
    pub(crate) fn take(&mut self, count: usize, into: &mut Vec<u8>) {
        into.clear();
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

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) ends: [End; 2],
    /// What the end with this index writes, and the other one reads.
    pub(crate) streams: [Stream; 2],
    /// The dialler's port.
    pub(crate) port: u16,
    pub(crate) random: Random,
    pub(crate) latency: (u64, u64),
}

impl Connection {
    pub(crate) fn new(ends: [End; 2], window: usize, latency: (u64, u64), seed: u64) -> Self {
        let mut random = Random::new(seed);
        let port = 1024 + u16::try_from(random.below(60_000)).unwrap_or(0);
        Connection {
            ends,
            streams: [Stream::new(window), Stream::new(window)],
            port,
            random,
            latency,
        }
    }

    /// How long bytes take.
    pub(crate) fn delay(&mut self) -> core::time::Duration {
        let (low, high) = self.latency;
        core::time::Duration::from_micros(self.random.between(low, high))
    }
}

/// Why an end that was closing is over when its time is.
pub(crate) const fn overdue(phase: Phase) -> Option<LinkDown> {
    match phase {
        Phase::Coming | Phase::Live | Phase::Gone => None,
        Phase::Broken(kind) => Some(LinkDown::Failed(kind)),
        Phase::Flushing => Some(LinkDown::Failed(ErrorKind::TimedOut)),
        Phase::Draining => Some(LinkDown::Ended),
    }
}
