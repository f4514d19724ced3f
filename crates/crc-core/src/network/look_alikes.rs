//! Names that look like other names: which present name is in the way of a new one.
//!
//! Names of ASCII are never in each other's way. A name with other characters is in the way
//! of each different name that looks like it, and the other way round. Two names that are the
//! same in any case are not different: clients may share a name, and users of IRC may not.
//! Names that other servers report are not refused, so two that look alike can be present.
//!
//! Nothing is kept, and no work is done, until the first name appears that is not ASCII. Then
//! all names are visited once, a third of a microsecond each, and later only those that change.

use core::hash::BuildHasher;
use std::collections::BTreeSet;

use crc_wire::HostId;
use foldhash::fast::FixedState;

use super::nicks::nick_of;
use crate::names::{fold_name, skeletons};

/// A name as the index has it: hashes of a skeleton, whether the name is ASCII, a hash of it
/// in lower case, the id of the host that has it.
type Entry = (u64, bool, u64, u32);

/// The names of all hosts, by what they look like.
#[derive(Debug)]
pub(super) struct LookAlikes {
    hasher: FixedState,
    entries: BTreeSet<Entry>,
}

impl LookAlikes {
    pub(super) fn new(seed: u64) -> Self {
        LookAlikes {
            hasher: FixedState::with_seed(seed),
            entries: BTreeSet::new(),
        }
    }

    /// The entries of a name, one for each of its skeletons. As nicks, names differ in fewer
    /// characters.
    fn entries_of(&self, name: &str, host: u32) -> [Entry; 2] {
        let folded = self.hasher.hash_one(&*fold_name(name));
        skeletons(&nick_of(name)).map(|skeleton| {
            let skeleton = self.hasher.hash_one(skeleton);
            (skeleton, name.is_ascii(), folded, host)
        })
    }

    pub(super) fn add(&mut self, host: HostId, name: &str) {
        self.entries.extend(self.entries_of(name, host.get()));
    }

    pub(super) fn remove(&mut self, host: HostId, name: &str) {
        for entry in self.entries_of(name, host.get()) {
            self.entries.remove(&entry);
        }
    }

    /// A host with a different name that looks like this one.
    pub(super) fn find(&self, name: &str, own: Option<HostId>) -> Option<HostId> {
        let own = own.map_or(0, HostId::get);
        let entries = self.entries_of(name, own);
        entries
            .into_iter()
            .find_map(|(skeleton, is_ascii, folded, _)| {
                // The names that differ in case only lie side by side in the index: they are
                // passed over, however many they are.
                let first = |is_ascii| (skeleton, is_ascii, 0, 0);
                let last = |is_ascii| (skeleton, is_ascii, u64::MAX, u32::MAX);
                let same = |id| (skeleton, false, folded, id);
                let below = self.entries.range(first(false)..same(0));
                let above = self.entries.range(same(u32::MAX)..=last(false));
                let ascii = self.entries.range(first(true)..=last(true));
                let others = below.chain(above).chain(ascii.filter(|_| !is_ascii));
                let mut others = others.filter(|(.., other, id)| *other != folded && *id != own);
                others.next().and_then(|(.., id)| HostId::new(*id))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u32) -> HostId {
        HostId::new(id).unwrap()
    }

    #[test]
    fn a_different_name_that_looks_alike_is_found() {
        let mut names = LookAlikes::new(7);
        let (ann, cyrillic, greek) = ("ann", "аnn", "ΑΝΝ");
        names.add(id(1), ann);
        names.add(id(2), "Sam Gamgee");
        names.add(id(3), "Zoë");
        for (name, found) in [
            (ann, None),
            ("ANN", None),
            ("bob", None),
            (cyrillic, Some(id(1))),
            (greek, Some(id(1))),
            ("Sаm_Gamgее", Some(id(2))),
            ("Sam_Gamgee", None),
            ("zoë", None),
            ("Zoe", None),
            ("Ζoë", Some(id(3))),
        ] {
            assert_eq!(names.find(name, None), found, "{name}");
        }
        assert_eq!(names.find(cyrillic, Some(id(1))), None, "its own name");
        names.add(id(4), cyrillic);
        assert_eq!(names.find("Ann", Some(id(1))), Some(id(4)));
        assert_eq!(names.find(greek, None), Some(id(4)));
        names.remove(id(1), ann);
        assert_eq!(names.find(cyrillic, None), None, "that name itself");
        names.remove(id(4), cyrillic);
        assert_eq!(names.find(greek, None), None);
    }
}
