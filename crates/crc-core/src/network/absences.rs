//! Which users are away, and why: users of this server, and those that other servers state.

use std::collections::BTreeMap;

use crc_wire::{HostId, truncate_utf8};

/// The most bytes of the text with which a user is away (`AWAYLEN`).
pub(crate) const AWAY_BYTES_MAX: usize = 300;

/// The absence of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// Why it is away.
    pub text: Box<str>,
    /// Which change this was at this server: a user that was told of it is not told again.
    pub(crate) number: u64,
}

/// All users that are away.
#[derive(Debug, Default)]
pub struct Absences {
    by_host: BTreeMap<HostId, Absence>,
    changes: u64,
}

impl Absences {
    /// The absence of a user, if it is away.
    #[must_use]
    pub fn find(&self, host: HostId) -> Option<&Absence> {
        self.by_host.get(&host)
    }

    /// All users that are away, by their ids.
    pub fn iter(&self) -> impl Iterator<Item = (HostId, &Absence)> {
        self.by_host.iter().map(|(id, absence)| (*id, absence))
    }

    /// Whether all users are here.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_host.is_empty()
    }

    /// The absent user with the lowest id above `after`.
    pub(crate) fn after(&self, after: Option<HostId>) -> Option<HostId> {
        use core::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        let next = self.by_host.range((from, Unbounded)).next();
        next.map(|(id, _)| *id)
    }

    /// Notes that a user is away, or is back if the text is empty. Returns whether that is new.
    pub(super) fn set(&mut self, host: HostId, text: &str) -> bool {
        let text = truncate_utf8(text, AWAY_BYTES_MAX);
        if text.is_empty() {
            return self.by_host.remove(&host).is_some();
        }
        if self.find(host).is_some_and(|known| *known.text == *text) {
            return false;
        }
        self.changes += 1;
        let (text, number) = (text.into(), self.changes);
        self.by_host.insert(host, Absence { text, number });
        true
    }
}
