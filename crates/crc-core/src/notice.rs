//! The notices of a server.

use crc_wire::HostId;

use crate::operator::{Password, PasswordHash};

/// An event of a server that the operator may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerNotice {
    /// The uplink has accepted this server.
    Linked {
        /// The server at its other end.
        to: HostId,
    },
    /// The uplink is lost.
    Unlinked,
    /// A server refused this one because its id is taken.
    Refused {
        /// The text of its refusal.
        text: Box<str>,
    },
    /// An operator wants the configuration to be read again.
    Rehash,
    /// The bans of the network have changed: these are all, in the form in which
    /// [`Config::bans`](crate::Config) takes them.
    StoreBans(Vec<Box<str>>),
    /// A password must be compared with a hash. The answer is
    /// [`ServerCommand::PasswordChecked`](crate::ServerCommand::PasswordChecked). At most 64
    /// wait at a time.
    CheckPassword {
        /// The number of the request, for the answer.
        number: u64,
        /// The hash.
        hash: PasswordHash,
        /// What may be the password.
        password: Password,
    },
}
