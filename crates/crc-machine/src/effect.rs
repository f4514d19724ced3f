//! The outputs of a machine, and the byte ranges that they refer to.

use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::link::{DialId, LinkId, PeerAddress};

/// An output of a machine. The driver executes effects in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<N> {
    /// Send bytes of the outbox: one or more whole frames.
    Send {
        /// The link to send on.
        link: LinkId,
        /// The bytes: see [`Outbox::bytes`](crate::Outbox::bytes). The driver may delay a
        /// [deferred](ByteRange::is_deferred) send to combine it with others. Later sends on the
        /// same link do not overtake it.
        range: ByteRange,
    },
    /// From now on close the link as a slow consumer when its send queue exceeds
    /// `bytes_max` bytes.
    Bound {
        /// The link.
        link: LinkId,
        /// The bound of its send queue.
        bytes_max: usize,
    },
    /// From now on report the length of the link's send queue by
    /// [`Event::Queue`](crate::Event::Queue): each time it has changed by `step` bytes, or that
    /// many queued bytes were written.
    Watch {
        /// The link.
        link: LinkId,
        /// The step; 0 ends the reports.
        step: usize,
    },
    /// Stop reading from the link, or go on. Bytes that the driver has read already still arrive, and
    /// so may the end of the link.
    Pause {
        /// The link.
        link: LinkId,
        /// Whether it is not read.
        paused: bool,
    },
    /// The peer of the link is at another address: the link's other end is a gateway, which has
    /// said for whom it has connected. From now on the link counts for that address. If the
    /// address may have no more links, the driver reports
    /// [`Event::Crowded`](crate::Event::Crowded).
    Readdress {
        /// The link.
        link: LinkId,
        /// The address of the peer behind the gateway.
        peer: SocketAddr,
    },
    /// Close the link. The driver discards all bytes that still arrive on it.
    Close {
        /// The link.
        link: LinkId,
        /// Whether the driver sends queued bytes first.
        when: CloseWhen,
    },
    /// Connect to a peer.
    Dial {
        /// The dial's id.
        dial: DialId,
        /// The peer's address.
        to: PeerAddress,
        /// The networks in which the peer may be; `None`: anywhere. The driver connects to no
        /// other address, whatever a name resolves to, and reports
        /// [`DialError::NotPermitted`](crate::DialError::NotPermitted) when none is left.
        within: Option<Arc<[IpNet]>>,
    },
    /// Report something to the user or operator.
    Notice(N),
    /// The machine is done: close all links, then end the run.
    Stop,
}

/// How to close a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseWhen {
    /// Send all queued bytes, shut down the sending side, read the peer's side to its end, then
    /// close. So the peer receives everything. The driver limits how long this may take.
    Flushed,
    /// Close immediately and drop queued bytes.
    Now,
}

/// A range of bytes in an outbox or in its input buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// `start` and `end` both contain the bit of the range's kind.
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Which buffer a [`ByteRange`] refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeKind {
    /// The outbox's arena of immediate sends.
    Arena,
    /// The outbox's arena of deferred sends.
    Deferred,
    /// The buffer that the driver set as input.
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
    const POSITION_MAX: u32 = RangeKind::Input.bit() - 1;

    /// The range from `start` to `end`. Positions saturate at 1 GiB.
    pub(crate) fn new(start: usize, end: usize, kind: RangeKind) -> Self {
        let max = ByteRange::POSITION_MAX;
        let position = |at: usize| u32::try_from(at).unwrap_or(max).min(max);
        ByteRange {
            start: position(start) | kind.bit(),
            end: position(end) | kind.bit(),
        }
    }

    /// Whether the driver may delay the send of these bytes.
    #[must_use]
    pub const fn is_deferred(self) -> bool {
        self.start & RangeKind::Deferred.bit() != 0
    }

    /// The positions in the buffer that is [set as input](crate::Outbox::set_input), if the
    /// range refers to it.
    #[inline]
    #[must_use]
    pub fn input_range(self) -> Option<core::ops::Range<usize>> {
        let is_input = self.start & RangeKind::Input.bit() != 0;
        is_input.then(|| self.positions())
    }

    /// The positions in the buffer of its kind.
    pub(crate) const fn positions(self) -> core::ops::Range<usize> {
        let (start, end) = (
            self.start & ByteRange::POSITION_MAX,
            self.end & ByteRange::POSITION_MAX,
        );
        start as usize..end as usize
    }

    /// The union of this range and `next`, if `next` begins where this one ends.
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

    /// What this range has behind `first`, with which it begins; `None` if nothing.
    pub(crate) fn behind(self, first: ByteRange) -> Option<ByteRange> {
        (self.start == first.start && first.end < self.end).then_some(ByteRange {
            start: first.end,
            end: self.end,
        })
    }

    /// The number of bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the range is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}
