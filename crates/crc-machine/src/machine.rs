//! The one door: time and an event go in, effects come out.
//!
//! Every node of this project is a [`Machine`]: the server, the client, and
//! whatever comes later. A driver with sockets and a simulator without any
//! treat them alike. A machine has no socket, thread, clock or randomness of its
//! own, so that the same events at the same times have the same effects.

use crate::link::{DialError, DialId, Endpoints, LinkDown, LinkId, Origin};
use crate::outbox::Outbox;
use crate::send_queue::Unsent;
use crate::time::Timestamp;

/// A node, or any other state machine that talks over byte streams.
pub trait Machine {
    /// What a user or operator may ask for.
    type Command;
    /// What a user or operator may observe.
    type Notice;

    /// Takes one event that happened at `now` and appends what is to be done
    /// about it to `out`, in order.
    ///
    /// Never fails: a peer's fault is an outcome, seen as a `Send`, a `Close`
    /// or a `Notice`. `now` never goes back. An event for a link that the
    /// machine already let go is a race, not an error, and is ignored.
    fn handle(
        &mut self,
        now: Timestamp,
        event: Event<'_, Self::Command>,
        out: &mut Outbox<Self::Notice>,
    );

    /// When the next [`Event::Tick`] is due; `None` when there is nothing to
    /// wait for but events. A tick that comes early does no harm.
    fn deadline(&self) -> Option<Timestamp>;
}

/// What can happen to a machine.
#[derive(Debug)]
pub enum Event<'a, C> {
    /// A connection stands. It will be answered by exactly one `LinkDown`, even
    /// after our own `Close`.
    LinkUp {
        /// Its name from now on.
        link: LinkId,
        /// Who opened it.
        origin: Origin,
        /// Its two addresses.
        endpoints: Endpoints,
    },
    /// Bytes came: the next of the link's stream, cut anywhere, never none.
    Bytes {
        /// On which link.
        link: LinkId,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// A connection is no more.
    LinkDown {
        /// Which.
        link: LinkId,
        /// Why.
        why: LinkDown,
        /// What we sent on it that never left this process.
        unsent: Unsent<'a>,
    },
    /// A dial came to nothing.
    DialFailed {
        /// Which.
        dial: DialId,
        /// Why.
        why: DialError,
    },
    /// A user or operator wants something.
    Command(C),
    /// A deadline has passed. All that was urgent before has been handed to the
    /// sockets by now, as far as they took it.
    Tick,
}

/// What a machine wants done. Effects are carried out in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<N> {
    /// Send these bytes of the outbox: whole frames, never a part of one.
    Send {
        /// On which link.
        link: LinkId,
        /// Which bytes: see [`Outbox::bytes`]. [News](ByteRange::is_deferred) may wait
        /// for a moment for more of its kind, but lets nothing on its link
        /// overtake it.
        range: ByteRange,
    },
    /// From now on close the link as a slow consumer once more than
    /// `bytes_max` bytes wait to be sent on it.
    Bound {
        /// Which link.
        link: LinkId,
        /// How many bytes may wait.
        bytes_max: usize,
    },
    /// Close the link. Nothing that still arrives on it is wanted.
    Close {
        /// Which link.
        link: LinkId,
        /// How.
        when: CloseWhen,
    },
    /// Try to reach a peer.
    Dial {
        /// The attempt's name.
        dial: DialId,
        /// Whom.
        to: crate::link::PeerAddress,
    },
    /// Tell whoever watches.
    Notice(N),
    /// The machine is done: close what is still open, then end.
    Stop,
}

/// How to close a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseWhen {
    /// Send what waits, end our side of the stream, read the other side to its
    /// end (two seconds at most), then close: the last words arrive.
    Flushed,
    /// At once; what waits is dropped.
    Now,
}

/// A stretch of an outbox's bytes, or of those that were lent to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// With the bit of its kind, as `end` is.
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Where the bytes of a [`ByteRange`] stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeKind {
    /// In the outbox's arena.
    Arena,
    /// Among the news.
    Deferred,
    /// In the buffer that was lent.
    Input,
}

impl RangeKind {
    const fn bit(self) -> u32 {
        match self {
            RangeKind::Arena => 0,
            RangeKind::Deferred => 1 << 31,
            RangeKind::Input => 1 << 30,
        }
    }
}

impl ByteRange {
    const PLACE_MAX: u32 = RangeKind::Input.bit() - 1;

    /// From `start` to `end`; what is beyond 1 GiB is left out.
    pub(crate) fn new(start: usize, end: usize, kind: RangeKind) -> Self {
        let most = ByteRange::PLACE_MAX;
        let place = |at: usize| u32::try_from(at).unwrap_or(most).min(most);
        ByteRange {
            start: place(start) | kind.bit(),
            end: place(end) | kind.bit(),
        }
    }

    /// Whether it is news: told to many, urgent for nobody.
    #[must_use]
    pub const fn is_deferred(self) -> bool {
        self.start & RangeKind::Deferred.bit() != 0
    }

    /// Where it begins and ends in the buffer that was
    /// [set as input](crate::Outbox::set_input), if it is there.
    #[inline]
    #[must_use]
    pub fn input_range(self) -> Option<core::ops::Range<usize>> {
        let is_lent = self.start & RangeKind::Input.bit() != 0;
        is_lent.then(|| self.places())
    }

    /// Where it begins and ends among the bytes of its kind.
    pub(crate) const fn places(self) -> core::ops::Range<usize> {
        let (start, end) = (
            self.start & ByteRange::PLACE_MAX,
            self.end & ByteRange::PLACE_MAX,
        );
        start as usize..end as usize
    }

    /// This and `next` in one, if `next` begins where this ends.
    #[inline]
    #[must_use]
    pub const fn merge(self, next: ByteRange) -> Option<ByteRange> {
        if self.end != next.start {
            return None;
        }
        Some(ByteRange {
            start: self.start,
            end: next.end,
        })
    }

    /// How many bytes it spans.
    #[must_use]
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it spans none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}
