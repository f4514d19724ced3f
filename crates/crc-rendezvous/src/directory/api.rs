//! The directory's commands, notices and errors.

use core::time::Duration;
use std::net::SocketAddr;

use crc_machine::LinkDown;

use crate::codec::CodecError;

/// A command of the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryCommand {
    /// Send the teardown and stop.
    Leave,
}

/// What an operator may observe of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectoryNotice {
    /// A peer is on the list, or its address is corrected.
    Joined {
        /// Its address.
        address: SocketAddr,
        /// The address that this one corrects.
        previous: Option<SocketAddr>,
        /// The number of peers on the list.
        peers: usize,
    },
    /// A peer is off the list.
    Left {
        /// Its address.
        address: SocketAddr,
        /// The reason.
        why: LeaveReason,
        /// The number of peers on the list.
        peers: usize,
    },
    /// The directory has closed a connection because of what the peer did.
    Refused {
        /// The address of the other end.
        source: SocketAddr,
        /// The reason.
        why: Refusal,
    },
    /// The teardown is sent to all peers.
    Teardown,
}

/// Why a peer is off the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaveReason {
    /// Its connection is down.
    #[error("{0}")]
    LinkDown(LinkDown),
    /// The directory has closed its connection.
    #[error("{0}")]
    Refused(Refusal),
}

/// Why the directory has closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The registration is invalid.
    #[error("invalid registration: {0}")]
    Codec(CodecError),
    /// The registration exceeds the limit.
    #[error("more than {max} bytes without an address")]
    TooManyBytes {
        /// The limit.
        max: usize,
    },
    /// The registration has not arrived in time.
    #[error("no registration within {} s", within.as_secs())]
    RegistrationTimeout {
        /// The limit.
        within: Duration,
    },
    /// The address belongs to another host than the one that the connection comes from.
    #[error("{0} belongs to another host than the connection")]
    ForeignAddress(SocketAddr),
    /// The address is unspecified or a multicast address.
    #[error("{0} cannot be connected to")]
    UnreachableAddress(SocketAddr),
    /// A connected peer has registered the address.
    #[error("{0} is already in use")]
    AddressInUse(SocketAddr),
    /// The list is full.
    #[error("the list is full with {max} peers")]
    Full {
        /// The limit.
        max: usize,
    },
    /// The peer reads too slowly.
    #[error("the peer reads too slowly")]
    SlowConsumer,
}
