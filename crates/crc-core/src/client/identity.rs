//! The client's id, and what happens when a server refuses it.

use core::time::Duration;

use crc_machine::{Random, Timestamp};
use crc_wire::HostId;

use crate::id::random_host_id;

/// How long a client that was welcomed before tries to get its id back.
const RECLAIM_FOR: Duration = Duration::from_secs(45);

/// The id to register with.
#[derive(Debug)]
pub(super) struct Identity {
    id: HostId,
    /// Whether the configuration asks for this id.
    configured: bool,
    /// Whether a server has ever accepted a registration.
    ever_welcomed: bool,
    /// The time of the first refusal since the id was last accepted.
    refused_since: Option<Timestamp>,
    /// How many times the id was refused since.
    refusals: u32,
    /// The refused id that was last reported, so that it is reported once.
    reported: Option<HostId>,
    /// The id of the next registration, if it is another one.
    next: Option<HostId>,
}

/// What a client does about a refused id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnRefusal {
    /// Try the same id again: an old connection of this client may still hold it.
    Reclaim,
    /// Draw another id.
    Replace,
    /// Stop: the configuration asks for this id and no other.
    Fail,
}

impl Identity {
    pub(super) fn new(configured: Option<HostId>, random: &mut Random) -> Self {
        Identity {
            id: configured.unwrap_or_else(|| random_host_id(random)),
            configured: configured.is_some(),
            ever_welcomed: false,
            refused_since: None,
            refusals: 0,
            reported: None,
            next: None,
        }
    }

    pub(super) fn id(&self) -> HostId {
        self.id
    }

    /// A server has accepted the id.
    pub(super) fn on_welcome(&mut self) {
        self.ever_welcomed = true;
        self.refused_since = None;
        self.refusals = 0;
        self.reported = None;
    }

    /// How many times the id was refused since it was last accepted, if it was accepted and
    /// may be given back soon.
    pub(super) fn reclaims(&self, now: Timestamp) -> Option<u32> {
        let since = self.refused_since?;
        let is_young = now.since(since) < RECLAIM_FOR;
        (self.ever_welcomed && is_young).then(|| self.refusals.saturating_sub(1))
    }

    /// Whether the refusal of the present id is to be reported. Asking notes it.
    pub(super) fn report_refusal(&mut self) -> bool {
        self.reported.replace(self.id) != Some(self.id)
    }

    /// A server has refused the id.
    pub(super) fn on_refused(&mut self, now: Timestamp) -> OnRefusal {
        let since = *self.refused_since.get_or_insert(now);
        self.refusals = self.refusals.saturating_add(1);
        let in_time = self.configured || now.since(since) < RECLAIM_FOR;
        if self.ever_welcomed && in_time {
            OnRefusal::Reclaim
        } else if self.configured {
            OnRefusal::Fail
        } else {
            self.refused_since = None;
            self.refusals = 0;
            OnRefusal::Replace
        }
    }

    /// Another host has got the id of this registered client. The next id; `None` when the
    /// configuration asks for this one, and it is tried again.
    pub(super) fn on_displaced(&mut self, random: &mut Random) -> Option<HostId> {
        if !self.configured {
            let id = self.id;
            self.replace(random);
            // This session's chats are still for the lost id.
            self.next = Some(core::mem::replace(&mut self.id, id));
        }
        self.next
    }

    /// The next registration begins.
    pub(super) fn on_register(&mut self) {
        if let Some(next) = self.next.take() {
            self.id = next;
        }
    }

    /// Draws another id.
    pub(super) fn replace(&mut self, random: &mut Random) {
        let refused = self.id;
        while self.id == refused {
            self.id = random_host_id(random);
        }
    }
}
