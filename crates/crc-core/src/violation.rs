//! What follows when a peer breaks a rule: one `match` from the violation to
//! what is done about it.

use crc_wire::{FrameError, HostId, Kind, MessageError};

use crate::admission::AdmissionError;
use crate::network::HostKind;

/// What a peer did that it has no right to do. Its fault, never ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The stream is no longer in step.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// A line is longer than lines may be.
    #[error("{0}")]
    Line(#[from] irc_wire::LineTooLong),
    /// One frame is not what it should be.
    #[error("bad {kind:?}: {error}")]
    Message {
        /// The frame's kind.
        kind: Kind,
        /// What is wrong with it.
        error: MessageError,
    },
    /// The frame is none that this peer may send.
    #[error("a {0:?} is not its to send")]
    NotItsFrame(Kind),
    /// The message speaks for a host that is not on this side.
    #[error("{kind:?} in the name of {source_id}, who is not there")]
    NotItsSource {
        /// The message's kind.
        kind: Kind,
        /// For whom it speaks.
        source_id: HostId,
    },
    /// The registration has a name or an info that we do not admit.
    #[error("{0}")]
    NotAdmitted(#[from] AdmissionError),
    /// The id belongs to another host.
    #[error("a {kind} with the id {id}, which is taken")]
    IdTaken {
        /// What wanted it.
        kind: HostKind,
        /// The id.
        id: HostId,
    },
    /// Its address is not one from which servers may link.
    #[error("servers may not link from its address (see --server-peers)")]
    NotAServerPeer,
    /// The directory holds no more hosts.
    #[error("the directory is full")]
    DirectoryFull,
    /// More of a kind of frame than a client may send in a second.
    #[error("{0:?} too fast")]
    TooFast(Kind),
    /// More lines than are kept to be read later.
    #[error("Excess Flood")]
    Flood,
    /// It has been connected for a while and has not registered.
    #[error("no registration in time")]
    NotRegistered,
}

/// Who broke the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Somebody who has not registered, or a server that we dialled and that has
    /// not introduced itself.
    Unregistered,
    /// A registered client.
    Client,
    /// A registered server, for whom others may be to blame.
    Server,
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The connection is closed.
    Close,
    /// The peer is told that the id is taken, then the connection is closed.
    Refuse,
    /// The frame is dropped and counted; the link stays.
    Drop,
}

impl Violation {
    /// What is done when somebody of this role commits it (PROTOCOL, "bad input").
    #[must_use]
    pub const fn action(&self, role: Role) -> Action {
        match (self, role) {
            // Without a boundary there is no next frame.
            (Violation::Frame(_) | Violation::Line(_), _) => Action::Close,
            (Violation::IdTaken { .. }, Role::Unregistered) => Action::Refuse,
            // Servers relay what others said, and races between them are legitimate.
            (_, Role::Server) => Action::Drop,
            (_, Role::Unregistered | Role::Client) => Action::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_only_closed_when_the_boundary_is_lost() {
        let id = HostId::new(7).unwrap();
        let lost = Violation::Frame(FrameError::UnknownKind(9));
        let bad = Violation::Message {
            kind: Kind::ClientChat,
            error: MessageError::NotUtf8,
        };
        let taken = Violation::IdTaken {
            kind: HostKind::Client,
            id,
        };
        for (violation, stranger, client, server) in [
            (lost, Action::Close, Action::Close, Action::Close),
            (bad, Action::Close, Action::Close, Action::Drop),
            (taken, Action::Refuse, Action::Close, Action::Drop),
            (
                Violation::DirectoryFull,
                Action::Close,
                Action::Close,
                Action::Drop,
            ),
        ] {
            assert_eq!(
                violation.action(Role::Unregistered),
                stranger,
                "{violation}"
            );
            assert_eq!(violation.action(Role::Client), client, "{violation}");
            assert_eq!(violation.action(Role::Server), server, "{violation}");
        }
    }
}
