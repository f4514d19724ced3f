//! Violations: rules that a peer has broken, and the server's reaction to each.

use crc_wire::{FrameError, HostId, Kind, MessageError};

use crate::admission::AdmissionError;
use crate::network::HostKind;

/// A rule that a peer has broken. It is always the peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The end of the next frame cannot be found.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// A line is longer than lines may be.
    #[error("{0}")]
    Line(#[from] irc_wire::LineTooLong),
    /// The content of a frame is invalid.
    #[error("bad {kind:?}: {error}")]
    Message {
        /// The frame's kind.
        kind: Kind,
        /// The fault.
        error: MessageError,
    },
    /// This peer may not send frames of this kind.
    #[error("{0:?} is not allowed from this peer")]
    NotItsFrame(Kind),
    /// The message's source is not behind this link.
    #[error("{kind:?} with source {source_id}, which is not behind this link")]
    NotItsSource {
        /// The message's kind.
        kind: Kind,
        /// The message's source.
        source_id: HostId,
    },
    /// A server's statement about a channel has a source that is not in it, or that is in
    /// too many.
    #[error("about a channel that its source is not in, or cannot be in")]
    NotAMember,
    /// A server sends a setting that no user could make.
    #[error("a setting of a channel that no user could make")]
    InvalidSetting,
    /// The registration has a name or an info that is not admitted.
    #[error("{0}")]
    NotAdmitted(#[from] AdmissionError),
    /// The id belongs to another host.
    #[error("{kind} id {id} is already in use")]
    IdTaken {
        /// The kind of the host that registers.
        kind: HostKind,
        /// The id.
        id: HostId,
    },
    /// Servers may not link from the peer's address.
    #[error("servers may not link from its address (see --server-peers)")]
    NotAServerPeer,
    /// A server of version 1 may not link from the peer's address.
    #[error("servers of version 1 may not link from its address (see --v1-peers)")]
    NotAV1Peer,
    /// No secret is configured for a server of this name, and it needs one.
    #[error(
        "no secret is configured for a server of its name: add a [[link]] with its name and a \
         secret-file"
    )]
    NoSecret,
    /// A server has not proved the secret of its link.
    #[error("it does not prove the secret of the link")]
    NoProof,
    /// The proof of a server is not the right one.
    #[error("its secret is not that of the link")]
    WrongProof,
    /// A server that was dialled asks for a secret, and none is configured.
    #[error(
        "it asks for a secret, and none is configured for a server of its name: add a [[link]] \
         with its name and a secret-file"
    )]
    SecretWanted,
    /// A server that was dialled has another name than the one that is configured.
    #[error("another server was expected at this address")]
    AnotherServer,
    /// The peer has sent too many wrong passwords.
    #[error("too many wrong passwords")]
    WrongPasswords,
    /// The directory holds no more hosts.
    #[error("the directory is full")]
    DirectoryFull,
    /// A client has sent a frame that exceeds its budget, or a legacy user a chat.
    #[error("{0:?} too fast")]
    TooFast(Kind),
    /// A legacy user has sent a line that exceeds its budget, and that is no chat.
    #[error("lines too fast")]
    LinesTooFast,
    /// More lines wait to be read than the limit allows.
    #[error("Excess Flood")]
    Flood,
    /// The peer has not registered in time.
    #[error("no registration in time")]
    NotRegistered,
}

/// The role of the peer that broke the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A peer that has not registered, or a dialled server that has not introduced
    /// itself.
    Unregistered,
    /// A registered client.
    Client,
    /// A registered server; the fault may be that of a host behind it.
    Server,
}

/// The server's reaction to a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The connection is closed.
    Close,
    /// The peer gets a status that its id is taken; then the connection is closed.
    Refuse,
    /// The frame is dropped and counted; the link stays.
    Drop,
}

impl Violation {
    /// What the server at the other end reads if the two do not link: it cannot know why, and
    /// its operator can do something about it.
    pub(crate) const fn text_for_server(self) -> Option<&'static str> {
        Some(match self {
            Violation::NotAServerPeer => "Servers may not link from your address",
            Violation::NotAV1Peer => "Servers of version 1 may not link from your address",
            Violation::NoSecret | Violation::SecretWanted => {
                "No secret is configured here for a server of your name"
            }
            Violation::AnotherServer => "Another server was expected at your address",
            Violation::NoProof => "You do not prove the secret of the link",
            Violation::WrongProof => "Your secret is not that of the link",
            _ => return None,
        })
    }

    /// The reaction when a peer in this role breaks the rule (PROTOCOL section 5).
    #[must_use]
    pub const fn action(&self, role: Role) -> Action {
        match (self, role) {
            // Without a boundary there is no next frame.
            (Violation::Frame(_) | Violation::Line(_) | Violation::Flood, _) => Action::Close,
            (Violation::IdTaken { .. }, Role::Unregistered) => Action::Refuse,
            // It turns out late that a server that was admitted by its address is no v1 node,
            // or is one.
            (Violation::NotAV1Peer | Violation::NoSecret, _) => Action::Close,
            // Servers relay what others sent, and races between them are legitimate.
            (_, Role::Server) => Action::Drop,
            (_, Role::Unregistered | Role::Client) => Action::Close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_only_closed_when_the_stream_is_lost() {
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
        for (violation, unregistered, client, server) in [
            (
                Violation::Flood,
                Action::Close,
                Action::Close,
                Action::Close,
            ),
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
                unregistered,
                "{violation}"
            );
            assert_eq!(violation.action(Role::Client), client, "{violation}");
            assert_eq!(violation.action(Role::Server), server, "{violation}");
        }
    }
}
