//! What a directory is told by its operator, and what it tells.

use core::time::Duration;
use std::net::SocketAddr;

use crc_machine::LinkDown;

use crate::codec::CodecError;

/// What an operator may ask of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryCommand {
    /// Begin the teardown.
    Leave,
}

/// What an operator may observe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryNotice {
    /// A peer is on the list.
    Joined {
        /// What it registered.
        address: SocketAddr,
        /// What it was taken for before the rest of its address came.
        previous: Option<SocketAddr>,
        /// How many are on the list now.
        peers: usize,
    },
    /// A peer is off the list.
    Left {
        /// What it had registered.
        address: SocketAddr,
        /// Why.
        why: LeaveReason,
        /// How many are on the list now.
        peers: usize,
    },
    /// A connection was closed because of what its peer did.
    Refused {
        /// Where it came from.
        source: SocketAddr,
        /// Why.
        why: Refusal,
    },
    /// Everybody is told that it is over.
    Teardown,
}

/// Why a peer is off the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaveReason {
    /// Its connection is no more.
    #[error("{0}")]
    LinkDown(LinkDown),
    /// Its connection was closed.
    #[error("{0}")]
    Refused(Refusal),
}

/// Why a connection was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It can't be understood.
    #[error("{0}")]
    Codec(CodecError),
    /// It has registered nothing.
    #[error("it sent more than {max} bytes without registering an address")]
    TooManyBytes {
        /// How many it may send.
        max: usize,
    },
    /// It has registered nothing.
    #[error("it registered no address within {} s", within.as_secs())]
    RegistrationTimeout {
        /// How long it may take.
        within: Duration,
    },
    /// Another host's address.
    #[error("it may not register {0}: its connection comes from another host")]
    ForeignAddress(SocketAddr),
    /// An address at which nobody can be.
    #[error("it may not register {0}: nobody can be reached there")]
    UnreachableAddress(SocketAddr),
    /// Another peer's address.
    #[error("it may not register {0}: a peer that is connected has")]
    AddressInUse(SocketAddr),
    /// There is no more room.
    #[error("the list is full with {max} peers")]
    Full {
        /// How many it may have.
        max: usize,
    },
    /// It did not read what it was told.
    #[error("it reads too slowly")]
    SlowConsumer,
}
