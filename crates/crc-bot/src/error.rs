//! Why a bot cannot start, or has ended.

use std::fmt;
use std::sync::Arc;

use crc_core::{AddressError, AdmissionError, DialError, DisconnectReason, TlsFailure};
use crc_net::{DriverError, TlsError};
use crc_wire::HostId;

/// Why a bot cannot start, go on, or do what it was told. [`fault`](Error::fault) says whose fault
/// it is.
///
/// `Debug` shows the same text as `Display`, which is what a program prints whose `main` returns
/// this error.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name or the info of the bot is not allowed, or it has too many servers.
    #[error("{0}")]
    NotAdmitted(#[from] AdmissionError),
    /// A text is not the address of a server.
    #[error("{text:?} is not the address of a server: {why}")]
    Address {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: AddressError,
    },
    /// A text is not the name of a channel.
    #[error("{0:?} is not a channel: a channel is # and up to 63 bytes without spaces and commas")]
    NotAChannel(String),
    /// A channel stands where a person is expected.
    #[error("{0:?} is a channel, and not a person")]
    NotAPerson(String),
    /// As many timers are set as may be.
    #[error("{0} timers are set, and a bot may have no more at a time")]
    TooManyTimers(usize),
    /// A file with certificates cannot be used.
    #[error("{0}")]
    Tls(Arc<TlsError>),
    /// The bot cannot connect to a server.
    #[error("cannot connect to {server}: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// The reason.
        why: DialError,
    },
    /// A server has closed the connection before it has accepted the bot.
    #[error("{server} does not accept the bot: {why}")]
    NotAccepted {
        /// The server.
        server: String,
        /// The reason.
        why: DisconnectReason,
    },
    /// The server does not admit the bot, or an operator has removed it.
    #[error("the server refuses the bot: {0}")]
    Refused(String),
    /// The server has not proved that it is who it should be.
    #[error("the server cannot be trusted: {0}")]
    Untrusted(TlsFailure),
    /// Another host has the id that the bot asks for.
    #[error("id {0} is already in use: choose another one, or none")]
    IdTaken(HostId),
    /// The bot has ended, or is about to.
    #[error("the bot has ended")]
    Ended,
    /// The bot has ended before all that it was told was sent.
    #[error("the bot ended before {0} of its messages or commands were sent")]
    Unsent(usize),
    /// The operating system has not what the bot needs.
    #[error("{0}")]
    System(String),
}

/// Whose fault an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The program, or what it was configured with. Another attempt ends in the same way.
    Program,
    /// The server, or those who run it, do not want the bot as it is.
    Server,
    /// The network, or a server that is down. Another attempt may succeed.
    Network,
    /// The machine that the program runs on.
    System,
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Error::NotAdmitted(_)
            | Error::Address { .. }
            | Error::NotAChannel(_)
            | Error::NotAPerson(_)
            | Error::TooManyTimers(_)
            | Error::Tls(_)
            | Error::IdTaken(_)
            | Error::Ended => Fault::Program,
            Error::NotAccepted { .. } | Error::Refused(_) | Error::Untrusted(_) => Fault::Server,
            Error::Unreachable { .. } | Error::Unsent(_) => Fault::Network,
            Error::System(_) => Fault::System,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<TlsError> for Error {
    fn from(error: TlsError) -> Self {
        Error::Tls(Arc::new(error))
    }
}

impl From<DriverError> for Error {
    fn from(error: DriverError) -> Self {
        Error::System(error.to_string())
    }
}
