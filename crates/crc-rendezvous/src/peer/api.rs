//! What a peer is told by its user, and what it tells.

use core::time::Duration;
use std::net::SocketAddr;

use crc_machine::{DialError, LinkDown};

use crate::codec::CodecError;
use crate::member::DirectoryError;

/// What a user may ask of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerCommand {
    /// Begin: register this address, at which we listen already. If its host is
    /// unspecified (`0.0.0.0`, `::`), the host is taken that the connection to the
    /// directory goes out from.
    Start {
        /// Where we can be reached.
        address: SocketAddr,
    },
    /// Say a line to every peer.
    SendText {
        /// The line. What follows a newline in it is lost.
        text: String,
        /// When.
        when: When,
    },
    /// Leave.
    Leave {
        /// When.
        when: When,
    },
}

/// When a command is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At once, whoever is connected.
    Now,
    /// When everybody on the list is connected, two seconds later at most; and
    /// after what was commanded before. For programs that can't wait themselves.
    MeshComplete,
}

/// What a user may observe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerNotice {
    /// We have sent our address to the directory.
    Registered {
        /// Our address.
        own: SocketAddr,
    },
    /// The directory's list.
    Directory {
        /// The peers, ourselves among them, in the order in which they joined.
        peers: Vec<SocketAddr>,
    },
    /// We have dialled a peer and reached it.
    Connected {
        /// Its address.
        peer: SocketAddr,
    },
    /// A peer has dialled us and said who it is.
    Hello {
        /// Its address.
        peer: SocketAddr,
    },
    /// There is no connection with a peer any more.
    Lost {
        /// Its address.
        peer: SocketAddr,
        /// Why.
        why: LostReason,
    },
    /// A peer could not be reached.
    Unreachable {
        /// Its address.
        peer: SocketAddr,
        /// Why.
        why: DialError,
        /// When it is tried again; `None` when it is not on the list any more.
        retry_in: Option<Duration>,
    },
    /// A connection was closed because of what somebody did at its other end.
    Refused {
        /// Where it came from.
        source: SocketAddr,
        /// Why.
        why: Rejection,
    },
    /// A peer has said something.
    Text {
        /// Its address.
        peer: SocketAddr,
        /// The line; anything may be in it but a newline.
        text: String,
    },
    /// What was to be said was said to nobody, or only to some.
    NotSent {
        /// Why.
        why: SendError,
    },
    /// The connection to the directory is no more, or was not made. Without a next
    /// time, this is the end.
    DirectoryLost {
        /// Why.
        why: DirectoryError,
        /// When it is tried again; `None` for never.
        retry_in: Option<Duration>,
    },
}

/// Why there is no connection with a peer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LostReason {
    /// The connection is no more.
    #[error("{0}")]
    LinkDown(LinkDown),
    /// We have closed it.
    #[error("{0}")]
    Rejected(Rejection),
    /// It has turned out to be another peer.
    #[error("it is {0} in truth")]
    AddressCorrected(SocketAddr),
}

/// Why we closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It can't be understood.
    #[error("{0}")]
    Codec(CodecError),
    /// It has not said who it is.
    #[error("it sent more than {max} bytes without saying who it is")]
    TooManyBytes {
        /// How many it may send.
        max: usize,
    },
    /// It has not said who it is.
    #[error("it did not say who it is within {} s", within.as_secs())]
    HelloTimeout {
        /// How long it may take.
        within: Duration,
    },
    /// It says that it is somebody else.
    #[error("it says that it is {0}, but its connection comes from another host")]
    ForeignAddress(SocketAddr),
    /// It says that it is us.
    #[error("it says that it is {0}, which is our own address")]
    OwnAddress(SocketAddr),
}

/// Why something was not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody is connected.
    #[error("nobody else is here; nothing was said")]
    NoPeers,
    /// The line is too long.
    #[error("a line may have {max} bytes, and this one has {len}; nothing was said")]
    TooLong {
        /// How many bytes it has.
        len: usize,
        /// How many it may have.
        max: usize,
    },
    /// Too many lines wait for others to connect.
    #[error("too many lines wait to be said; this one was not")]
    QueueFull,
}
