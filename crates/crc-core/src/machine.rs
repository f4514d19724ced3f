//! The one door: time and an event go in, effects come out.
//!
//! Every node of this project is a [`Machine`]: the server, the client, and
//! whatever comes later. A driver with sockets and a simulator without any
//! treat them alike. A machine has no socket, thread, clock or randomness of its
//! own, so that the same events at the same times have the same effects.

use crate::link::{DialError, DialId, Ends, LinkDown, LinkId, Origin};
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
        ends: Ends,
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
        /// Which bytes: see [`Outbox::bytes`].
        range: Range,
        /// Whether it must go out now. What is not urgent may wait for a moment
        /// for more of its kind, but never lets anything on its link overtake
        /// it: who is told of every host that comes and goes is told of many in
        /// one write.
        urgent: bool,
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

/// A stretch of an outbox's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Range {
    /// How many bytes it spans.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether it spans none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}
