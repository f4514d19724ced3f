//! What the caller sets and gets.

use crc_machine::{Origin, Timestamp};

#[cfg(doc)]
use super::TimedNet;
use crate::connection::Side;
use crate::event::LinkEvent;

/// The properties of a network without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// The shortest and the longest time that bytes take, in microseconds.
    pub latency: (u64, u64),
    /// How many bytes can be in flight in each direction of a connection.
    pub window: usize,
    /// The probability, in percent, that only a part of what arrived is read at once.
    pub cut_percent: u8,
    /// The probability, in percent, that a dial is refused for no reason.
    pub dial_fails_percent: u8,
    /// The probability, in percent, that a dial is not answered.
    pub dial_hangs_percent: u8,
}

impl Default for Conditions {
    fn default() -> Self {
        Conditions {
            latency: (100, 5_000),
            window: 64 << 10,
            cut_percent: 5,
            dial_fails_percent: 0,
            dial_hangs_percent: 0,
        }
    }
}

/// Two halves of the network that cannot reach each other for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Decides which half each host is in.
    pub salt: u64,
    /// When the halves reach each other again.
    pub until: Timestamp,
}

/// The life of a host that an end of a connection belongs to, and which side opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// In which of its lives the host has this end.
    pub(super) number: u32,
    pub(super) origin: Origin,
}

/// The progress of a stream, for a caller that follows the bytes. Positions count
/// the bytes that the end at `writer` of `connection` has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The reader has read up to `upto`.
    Read {
        /// Which connection.
        connection: usize,
        /// Whose stream.
        writer: Side,
        /// Up to here.
        upto: u64,
        /// Whether the reader's machine gets the bytes; a closing end drops them.
        kept: bool,
    },
    /// The bytes behind `after`, up to `upto`, will never be read. Reported twice if both
    /// ends lose the same bytes.
    Lost {
        /// Which connection.
        connection: usize,
        /// Whose stream.
        writer: Side,
        /// Behind here.
        after: u64,
        /// Up to here.
        upto: u64,
    },
    /// The writer's machine gets back what it sent behind `written`, from the beginning
    /// of a send on.
    Returned {
        /// Which connection.
        connection: usize,
        /// Whose stream.
        writer: Side,
        /// Behind here.
        written: u64,
    },
}

/// What happens next.
#[derive(Debug)]
pub enum Step<E> {
    /// An entry of the caller is due.
    Entry(E),
    /// The machine of `host` learns of something on one of its links.
    Link {
        /// The host.
        host: usize,
        /// The connection.
        connection: usize,
        /// The host's end of it.
        side: Side,
        /// What it learns.
        event: LinkEvent,
    },
    /// A dial of `host` failed.
    DialFailed {
        /// The host.
        host: usize,
        /// Always [`LinkEvent::DialFailed`].
        event: LinkEvent,
    },
    /// A deadline of `host` has passed, as set by [`TimedNet::wake_at`].
    Wake {
        /// The host.
        host: usize,
    },
    /// The links of a host that stopped are closed, or its time is over: its process
    /// ends. The caller calls [`TimedNet::fail`].
    Stopped {
        /// The host.
        host: usize,
    },
}

/// How a dial begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialing {
    /// This connection comes up, unless a host dies meanwhile.
    Connecting(usize),
    /// It fails later.
    Failing,
}
