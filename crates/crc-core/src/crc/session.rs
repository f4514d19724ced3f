//! One link's conversation in the binary protocol.

use std::collections::BTreeSet;

use crc_machine::{LinkId, Timestamp};
use crc_wire::{Decoder, HostId};

use super::auth::Auth;
use super::clock::LinkClock;
use super::leave::Quits;
use super::questions::Questions;
use crate::announcement::Features;

/// The state of a conversation in the binary protocol.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) decoder: Decoder,
    /// The features that the peer has announced.
    pub(crate) features: Features,
    /// The peer's clock beside this server's.
    pub(crate) clock: LinkClock,
    /// Servers whose quits the peer has missed: it was a server that could not be sent
    /// such quits.
    pub(crate) missed_quits: BTreeSet<HostId>,
    /// When this server last pinged the peer, unless the peer was heard since.
    pub(crate) pinged_at: Option<Timestamp>,
    /// The rank that was announced to the peer.
    pub(crate) announced: Option<u32>,
    /// How far both ends have proved the secret of the link, if it has one.
    pub(crate) auth: Option<Box<Auth>>,
    /// This server's other id on this link, if it has one.
    pub(crate) alias: Option<Box<Alias>>,
    /// The link over which the peer was known, across a v1 node, before it linked to
    /// this server itself; as long as it may be a v1 node itself.
    pub(crate) indirect_route: Option<LinkId>,
    /// Whether the peer has introduced itself while it was dialling this server too.
    /// Its announcement, which comes next, decides which of the two links stays.
    pub(crate) simultaneous_open: bool,
    /// How many repeated registrations the peer has yet to answer.
    pub(crate) answers_due: u16,
    pub(crate) pending: Pending,
    /// The quits of all clients, if this server leaves and the peer knows no other goodbye.
    pub(crate) quits: Option<Box<Quits>>,
    /// What the peer, a client, has asked of servers elsewhere.
    pub(crate) questions: Option<Box<Questions>>,
}

/// Another id of this server, for a v1 server that has registered it before: such a
/// server never accepts the same id twice.
#[derive(Debug)]
pub(crate) struct Alias {
    /// The id on this link.
    pub(crate) id: HostId,
    /// Hosts behind this server that the peer still lists by a former route.
    pub(crate) ghosts: BTreeSet<HostId>,
}

/// The frames that are to be sent at the end of the event.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pending {
    /// The link is among those that are looked at when the event is over.
    pub(crate) dirty: bool,
    /// The announcement.
    pub(crate) announcement: bool,
    /// The burst.
    pub(crate) burst: bool,
}

impl Session {
    /// This server's id on this link: `own`, unless the peer knows it by another one.
    pub(crate) fn id_on_link(&self, own: HostId) -> HostId {
        self.alias.as_ref().map_or(own, |alias| alias.id)
    }

    /// Whether the peer still lists a host behind this server by a former route.
    pub(crate) fn has_ghost(&self, id: HostId) -> bool {
        self.alias
            .as_ref()
            .is_some_and(|alias| alias.ghosts.contains(&id))
    }
}
