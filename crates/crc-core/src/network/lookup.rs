//! Look-ups by keys that peers choose, such as the ids of hosts: a hash map that cannot be
//! iterated.
//!
//! What a node does must not depend on the order of hashes, so the map has no iterator.
//! The hasher is seeded per process, because of who chooses the keys.

use core::hash::Hash;

use foldhash::fast::FixedState;

#[expect(
    clippy::disallowed_types,
    reason = "the one hash map of this crate: no iteration leaves this file"
)]
type Map<K, V> = std::collections::HashMap<K, V, FixedState>;

/// An index by keys.
#[derive(Debug)]
pub(crate) struct Lookup<K, V> {
    entries: Map<K, V>,
}

impl<K: Copy + Eq + Hash, V> Lookup<K, V> {
    pub(crate) fn new(seed: u64) -> Self {
        Lookup {
            entries: Map::with_hasher(FixedState::with_seed(seed)),
        }
    }

    #[inline]
    pub(crate) fn find(&self, key: K) -> Option<&V> {
        self.entries.get(&key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.entries.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: K) {
        self.entries.remove(&key);
        // A network that was large once gives its memory back.
        if self.entries.capacity() > 4 * self.entries.len() + 1024 {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}
