//! The notices of a server.

use crc_wire::HostId;

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
}
