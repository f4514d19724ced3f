//! Errors that keep a driver from running. Peers never cause them.

use std::io;
use std::net::SocketAddr;

/// The driver cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// The selector cannot be created, or it failed.
    #[error("cannot poll sockets: {0}")]
    Selector(#[source] io::Error),
    /// Signal handlers cannot be installed.
    #[error("cannot handle signals: {0}")]
    Signals(#[source] io::Error),
    /// A helper thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// The driver cannot listen on an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Another socket listens on the address.
    #[error(
        "{address} is already in use: stop the program that listens there, or choose another port"
    )]
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The process may not listen on the address.
    #[error("permission denied for {address}: choose a port from 1024 on")]
    PermissionDenied {
        /// The address.
        address: SocketAddr,
    },
    /// No interface of this machine has the address.
    #[error("{address} is not an address of this machine: choose one of its own, 0.0.0.0 or [::]")]
    AddressNotLocal {
        /// The address.
        address: SocketAddr,
    },
    /// The operating system reports another error.
    #[error("cannot listen on {address}: {source}")]
    Failed {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
}

impl ListenError {
    /// The address that the caller asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self {
            ListenError::AddressInUse { address }
            | ListenError::PermissionDenied { address }
            | ListenError::AddressNotLocal { address }
            | ListenError::Failed { address, .. } => *address,
        }
    }

    pub(crate) fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::AddressInUse { address },
            io::ErrorKind::PermissionDenied => ListenError::PermissionDenied { address },
            io::ErrorKind::AddrNotAvailable => ListenError::AddressNotLocal { address },
            _ => ListenError::Failed { address, source },
        }
    }
}
