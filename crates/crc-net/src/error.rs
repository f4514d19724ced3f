//! What can keep a driver from running. Nothing here is a peer's doing.

use std::io;
use std::net::SocketAddr;

/// The driver cannot work on this system as it stands.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The selector could not be made, or failed.
    #[error("cannot wait for sockets: {0}")]
    Selector(#[source] io::Error),
    /// Signals could not be caught.
    #[error("cannot catch signals: {0}")]
    Signals(#[source] io::Error),
    /// A helper thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else listens there.
    #[error("{address} is taken: stop what listens there, or choose another port")]
    Taken {
        /// Where.
        address: SocketAddr,
    },
    /// This process may not listen there.
    #[error("{address} is not allowed to this user: choose a port from 1024 on")]
    Denied {
        /// Where.
        address: SocketAddr,
    },
    /// It is no address of this machine.
    #[error("{address} is no address of this machine: choose one that is, or 0.0.0.0, or [::]")]
    NotOurs {
        /// Where.
        address: SocketAddr,
    },
    /// Something else is wrong.
    #[error("cannot listen on {address}: {source}")]
    Failed {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

impl ListenError {
    /// The address that was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self {
            ListenError::Taken { address }
            | ListenError::Denied { address }
            | ListenError::NotOurs { address }
            | ListenError::Failed { address, .. } => *address,
        }
    }

    pub(crate) fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::Taken { address },
            io::ErrorKind::PermissionDenied => ListenError::Denied { address },
            io::ErrorKind::AddrNotAvailable => ListenError::NotOurs { address },
            _ => ListenError::Failed { address, source },
        }
    }
}
