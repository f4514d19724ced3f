//! Look-ups by host id: a hash map that cannot be iterated.
//!
//! What a node does must not depend on the order of hashes, so the map has no iterator.
//! The hasher is seeded per process, because peers choose their ids.

use crc_wire::HostId;
use foldhash::fast::FixedState;

use crc_machine::LinkId;

/// The result of a look-up. The link is here as well as in the host's row, because a chat
/// needs nothing else: a row is a cache line further away, which is most of a look-up's
/// cost when there are many hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// The index of its row.
    pub(crate) place: u32,
    /// The first link to it.
    pub(crate) first_link: LinkId,
}

/// The index of all hosts by id.
#[derive(Debug)]
pub(crate) struct Lookup {
    places: Places,
}

#[expect(
    clippy::disallowed_types,
    reason = "the one hash map of this crate: no iteration leaves this file"
)]
type Places = std::collections::HashMap<u32, Found, FixedState>;

impl Lookup {
    pub(crate) fn new(seed: u64) -> Self {
        Lookup {
            places: Places::with_hasher(FixedState::with_seed(seed)),
        }
    }

    #[inline]
    pub(crate) fn find(&self, id: HostId) -> Option<Found> {
        self.places.get(&id.get()).copied()
    }

    pub(crate) fn insert(&mut self, id: HostId, found: Found) {
        self.places.insert(id.get(), found);
    }

    pub(crate) fn remove(&mut self, id: HostId) {
        self.places.remove(&id.get());
        // A network that was large once gives its memory back.
        if self.places.capacity() > 4 * self.places.len() + 1024 {
            self.places.shrink_to(2 * self.places.len());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}
