//! The peer's commands, notices and errors.

use core::time::Duration;
use std::net::SocketAddr;

use crc_machine::{DialError, LinkDown};

use crate::codec::CodecError;
use crate::member::DirectoryError;

/// A command of the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerCommand {
    /// Register this address, which the driver listens on. If its host is unspecified
    /// (`0.0.0.0`, `::`), the local address of the connection to the directory takes its
    /// place.
    Start {
        /// The address of the listener.
        address: SocketAddr,
    },
    /// Send a line to every connected peer.
    SendText {
        /// The line. Text after a line break is dropped.
        text: String,
        /// When to execute the command.
        when: When,
    },
    /// Leave.
    Leave {
        /// When to execute the command.
        when: When,
    },
}

/// When a command is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At once.
    Now,
    /// When every peer on the list is connected, after two seconds at most, and after
    /// earlier commands. For input that does not wait itself.
    MeshComplete,
}

/// What a user may observe of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerNotice {
    /// The own address is sent to the directory.
    Registered {
        /// The own address.
        own: SocketAddr,
    },
    /// A list of the directory.
    Directory {
        /// The peers, this one among them, in the order in which they joined.
        peers: Vec<SocketAddr>,
    },
    /// A dial has reached a peer.
    Connected {
        /// Its address.
        peer: SocketAddr,
    },
    /// A peer has dialled this one and sent its greeting.
    Hello {
        /// Its address.
        peer: SocketAddr,
    },
    /// The connection with a peer is down.
    Lost {
        /// Its address.
        peer: SocketAddr,
        /// The reason.
        why: LostReason,
    },
    /// A dial has failed.
    Unreachable {
        /// Its address.
        peer: SocketAddr,
        /// The reason.
        why: DialError,
        /// The time until the next dial; `None` when the peer is not on the list any more.
        retry_in: Option<Duration>,
    },
    /// This peer has closed a connection because of what the other end has sent.
    Refused {
        /// The address of the other end.
        source: SocketAddr,
        /// The reason.
        why: Rejection,
    },
    /// A line of another peer.
    Text {
        /// Its address.
        peer: SocketAddr,
        /// The line, without a newline.
        text: String,
    },
    /// A line was not sent.
    NotSent {
        /// The reason.
        why: SendError,
    },
    /// The connection to the directory is down, or the dial has failed. Without a next
    /// dial, the peer stops.
    DirectoryLost {
        /// The reason.
        why: DirectoryError,
        /// The time until the next dial; `None` for never.
        retry_in: Option<Duration>,
    },
}

/// Why the connection with a peer is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LostReason {
    /// The link is down.
    #[error("{0}")]
    LinkDown(LinkDown),
    /// This peer has closed it.
    #[error("{0}")]
    Rejected(Rejection),
    /// Its greeting was corrected: it is another peer.
    #[error("address corrected to {0}")]
    AddressCorrected(SocketAddr),
}

/// Why this peer has closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A message is invalid.
    #[error("invalid message: {0}")]
    Codec(CodecError),
    /// The greeting exceeds the limit.
    #[error("more than {max} bytes without a greeting")]
    TooManyBytes {
        /// The limit.
        max: usize,
    },
    /// The greeting has not arrived in time.
    #[error("no greeting within {} s", within.as_secs())]
    HelloTimeout {
        /// The limit.
        within: Duration,
    },
    /// The greeting names another host than the one that the connection comes from.
    #[error("{0} belongs to another host than the connection")]
    ForeignAddress(SocketAddr),
    /// The greeting names the address of this peer.
    #[error("{0} is the own address")]
    OwnAddress(SocketAddr),
}

/// Why a line was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No peer is connected.
    #[error("no other peer is connected; nothing was sent")]
    NoPeers,
    /// The line exceeds the limit.
    #[error("the line has {len} bytes; the limit is {max}; nothing was sent")]
    TooLong {
        /// The length of the line.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// Too many lines wait for the mesh to be complete.
    #[error("too many lines are waiting; this one was not sent")]
    QueueFull,
}
