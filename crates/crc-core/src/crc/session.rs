//! One link's side of the conversation: how far it has come, and how what is
//! said to the peer goes out.
//!
//! A session knows its own link and nothing of the network. What a message
//! means for the network is the relay's to say, and the server's to carry out.

use std::collections::BTreeSet;

use crc_wire::{Decoder, HostId};

pub(crate) use super::encoding::{ENCODINGS, Encoding};
pub(crate) use super::pacing::{CHUNK_PAUSE, Pacer};

use crate::announcement::Features;
use crate::irc::User;
use crate::legacy::Peer;
use crate::violation::Role;
use crc_machine::ByteRange;
use crc_machine::Outbox;
use crc_machine::RateLimiter;
use crc_machine::Timestamp;
use crc_machine::{Endpoints, LinkId, Origin};

/// How far a conversation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Somebody connected and has not registered.
    Unregistered,
    /// We connected and have introduced ourselves; no word from the other end.
    Introduced,
    /// The peer is a registered client.
    Client,
    /// The peer is a registered server.
    Server,
    /// We have closed the link; what still comes is not for us.
    Closing,
}

impl Phase {
    /// Whose fault a violation is in this phase.
    pub(crate) const fn role(self) -> Role {
        match self {
            Phase::Unregistered | Phase::Introduced | Phase::Closing => Role::Unregistered,
            Phase::Client => Role::Client,
            Phase::Server => Role::Server,
        }
    }
}

/// How frames go out on a link.
#[derive(Debug)]
pub(crate) enum Outlet {
    /// At once.
    Direct,
    /// In small pieces with pauses between: the peer is an original node.
    Paced(Box<Pacer>),
    /// Not yet: the peer has not shown what it can take. Chats and statuses
    /// are kept as they came, as long as there are few.
    Held(Vec<u8>),
    /// At once, and not as frames: the peer speaks a dialect of text.
    Lines,
}

/// The dialects of text, and how far a conversation in one has come.
#[derive(Debug)]
pub(crate) enum Lines {
    /// A client of IRC.
    Irc(Box<User>),
    /// A user or a server of the legacy IRC.
    Legacy(Box<Peer>),
}

/// How much is kept for a peer that has not shown what it can take.
pub(crate) const HELD_BYTES_MAX: usize = 64 * 1024;

/// The conversation on one link.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) endpoints: Endpoints,
    pub(crate) origin: Origin,
    pub(crate) phase: Phase,
    pub(crate) decoder: Decoder,
    /// How the conversation goes if it is one in lines of text, not in frames.
    pub(crate) lines: Option<Lines>,
    pub(crate) outlet: Outlet,
    /// What the peer takes beyond version 1.
    pub(crate) features: Features,
    /// Servers that left while the peer was a server that could not be told.
    pub(crate) missed_quits: BTreeSet<HostId>,
    /// When the peer last said anything.
    pub(crate) heard_at: Timestamp,
    /// When we asked it whether it is there, if it has not said anything since.
    pub(crate) pinged_at: Option<Timestamp>,
    /// The rank that we have announced to the peer.
    pub(crate) announced: Option<u32>,
    /// Who we are on this link, if not who we are.
    pub(crate) alias: Option<Box<Alias>>,
    /// The link by which the peer was known, across an original node, before it
    /// came to us itself; as long as it may be an original itself.
    pub(crate) indirect_route: Option<LinkId>,
    /// Whether the peer has introduced itself while it was linked to us itself: its
    /// announcement, which is next, says which of the two links stays.
    pub(crate) simultaneous_open: bool,
    /// How many of our repeated registrations the peer has yet to answer.
    pub(crate) answers_due: u32,
    pub(crate) pending: Pending,
    pub(crate) registrations: RateLimiter,
    pub(crate) chats: RateLimiter,
}

/// Who we are to an original server that has listed us before: such a server
/// never takes the same id twice.
#[derive(Debug)]
pub(crate) struct Alias {
    /// Our id on this link.
    pub(crate) id: HostId,
    /// Hosts of ours that it still lists, on a way to us that is no more.
    pub(crate) ghosts: BTreeSet<HostId>,
}

/// What is to be sent once the event in hand has been dealt with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pending {
    /// The link is on the list of those to be looked at.
    pub(crate) dirty: bool,
    /// Our announcement.
    pub(crate) announcement: bool,
    /// The listing of the network.
    pub(crate) burst: bool,
}

impl Session {
    pub(crate) fn new(now: Timestamp, origin: Origin, endpoints: Endpoints) -> Self {
        Session {
            endpoints,
            origin,
            phase: match origin {
                Origin::Accepted { .. } => Phase::Unregistered,
                Origin::Dialed { .. } => Phase::Introduced,
            },
            decoder: Decoder::new(),
            lines: None,
            outlet: Outlet::Direct,
            features: Features::default(),
            missed_quits: BTreeSet::new(),
            heard_at: now,
            pinged_at: None,
            announced: None,
            alias: None,
            indirect_route: None,
            simultaneous_open: false,
            answers_due: 0,
            pending: Pending::default(),
            registrations: RateLimiter::default(),
            chats: RateLimiter::default(),
        }
    }

    /// Who we are on this link: `own`, unless the peer knows us by another id.
    pub(crate) fn known_as(&self, own: HostId) -> HostId {
        self.alias.as_ref().map_or(own, |alias| alias.id)
    }

    /// Whether the peer lists a host of ours from another time.
    pub(crate) fn has_ghost(&self, id: HostId) -> bool {
        self.alias
            .as_ref()
            .is_some_and(|alias| alias.ghosts.contains(&id))
    }

    /// Sends frames that stand in the outbox, encoded for this peer.
    #[inline]
    pub(crate) fn deliver<N>(&mut self, link: LinkId, frames: ByteRange, out: &mut Outbox<N>) {
        match &mut self.outlet {
            Outlet::Direct | Outlet::Lines => out.send_stored(link, frames),
            Outlet::Paced(pacer) => pacer.push(out.bytes(frames)),
            Outlet::Held(held) if held.len() + frames.len() > HELD_BYTES_MAX => {}
            Outlet::Held(held) => held.extend_from_slice(out.bytes(frames)),
        }
    }
}
