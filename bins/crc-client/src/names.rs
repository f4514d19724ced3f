//! The names of the clients in the network, and how people are shown them.

use std::collections::{BTreeMap, HashMap};

use crc_core::{Client, ClientNotice, HostRef, ascii_name, prepare_name};
use crc_wire::HostId;

use crate::command::Target;
use crate::shown::shown;

/// The clients whose names are known.
#[derive(Debug, Default)]
pub(crate) struct Names {
    own: Option<(HostId, String)>,
    /// The other clients.
    by_id: BTreeMap<HostId, String>,
    /// How many of those have a name.
    counts: HashMap<String, usize>,
}

impl Names {
    /// Notes what an event says about names.
    pub(crate) fn on_notice(&mut self, notice: &ClientNotice, client: &Client) {
        match notice {
            ClientNotice::Welcome { id, .. } => self.set_own(*id, client.name()),
            ClientNotice::Joined { id, name, .. } => drop(self.note(*id, name)),
            ClientNotice::Renamed { id, new, .. } if *id == client.id() => {
                self.set_own(*id, new);
            }
            ClientNotice::Renamed { id, new, .. } => drop(self.note(*id, new)),
            ClientNotice::Left { id, .. } => drop(self.forget(*id)),
            ClientNotice::Disconnected { .. } => self.clear(),
            _ => {}
        }
    }

    /// This client is in the network under this name.
    pub(crate) fn set_own(&mut self, id: HostId, name: &str) {
        self.own = Some((id, name.to_owned()));
    }

    pub(crate) fn own_name(&self) -> Option<&str> {
        self.own.as_ref().map(|(_, name)| name.as_str())
    }

    pub(crate) fn is_own(&self, id: HostId) -> bool {
        self.own.as_ref().is_some_and(|(own, _)| *own == id)
    }

    /// Another client is in the network under this name. Returns the one that it had.
    pub(crate) fn note(&mut self, id: HostId, name: &str) -> Option<String> {
        let before = self.forget(id);
        *self.counts.entry(name.to_owned()).or_default() += 1;
        self.by_id.insert(id, name.to_owned());
        before
    }

    /// A client has left the network.
    pub(crate) fn forget(&mut self, id: HostId) -> Option<String> {
        let name = self.by_id.remove(&id)?;
        if let Some(count) = self.counts.get_mut(&name) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&name);
            }
        }
        Some(name)
    }

    /// Forgets the other clients.
    pub(crate) fn clear(&mut self) {
        self.by_id.clear();
        self.counts.clear();
    }

    /// How many other clients there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn get(&self, id: HostId) -> Option<&str> {
        self.by_id.get(&id).map(String::as_str)
    }

    pub(crate) fn contains(&self, id: HostId) -> bool {
        self.by_id.contains_key(&id)
    }

    /// The other clients, in the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (HostId, &str)> {
        self.by_id.iter().map(|(id, name)| (*id, name.as_str()))
    }

    /// How many of the other clients have this name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// A client as people are shown it: with its id only if its name is not enough.
    pub(crate) fn shown(&self, id: HostId, name: Option<&str>) -> String {
        let Some(name) = name else {
            return id.to_string();
        };
        let itself = usize::from(self.get(id) == Some(name));
        let own = self.own.as_ref().filter(|(own, _)| *own != id);
        let is_shared = self.count(name) > itself || own.is_some_and(|(_, own)| own == name);
        match is_shared {
            true => format!("{} ({id})", shown(name)),
            false => shown(name),
        }
    }

    pub(crate) fn shown_ref(&self, host: &HostRef) -> String {
        self.shown(host.id, host.name.as_deref())
    }

    /// A target as people are shown it. One that is named by its id is a client in the network,
    /// or may be one.
    pub(crate) fn shown_target(&self, target: &Target) -> String {
        let id = match target {
            Target::Client(text) => text.parse().ok().and_then(HostId::new),
            Target::Channel(_) => None,
        };
        match id.and_then(|id| Some((id, self.get(id)?))) {
            Some((id, name)) => self.shown(id, Some(name)),
            None => shown(&target.to_string()),
        }
    }

    /// The client of this id or name, however it is spelt, or else of this name in ASCII, if
    /// there is exactly one.
    pub(crate) fn resolve(&self, text: &str) -> Option<HostId> {
        let id = text.parse().ok().and_then(HostId::new);
        if let Some(id) = id.filter(|id| self.contains(*id)) {
            return Some(id);
        }
        let wanted = prepare_name(text).unwrap_or(text.into());
        let is_known = self.count(&wanted) > 0;
        let is_wanted = |name: &str| match is_known {
            true => name == wanted,
            false => !name.is_ascii() && ascii_name(name) == wanted,
        };
        let mut found = self.iter().filter(|(_, name)| is_wanted(name));
        let (id, _) = found.next()?;
        found.next().is_none().then_some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> HostId {
        HostId::new(number).unwrap()
    }

    #[test]
    fn an_id_is_shown_only_where_two_share_a_name() {
        let mut names = Names::default();
        names.set_own(id(1), "ann");
        names.note(id(2), "bob");
        assert_eq!(names.shown(id(2), Some("bob")), "bob");
        assert_eq!(names.shown(id(1), Some("ann")), "ann");
        assert_eq!(names.shown(id(9), None), "9");
        names.note(id(3), "bob");
        assert_eq!(names.shown(id(2), Some("bob")), "bob (2)");
        assert_eq!(names.shown(id(3), Some("bob")), "bob (3)");
        // One that is not in the list, or no longer.
        assert_eq!(names.shown(id(4), Some("bob")), "bob (4)");
        assert_eq!(names.note(id(3), "cat").as_deref(), Some("bob"));
        assert_eq!(names.shown(id(2), Some("bob")), "bob");
        names.note(id(5), "ann");
        assert_eq!(names.shown(id(5), Some("ann")), "ann (5)");
        assert_eq!(names.shown(id(1), Some("ann")), "ann (1)");
        assert_eq!(names.forget(id(5)).as_deref(), Some("ann"));
        assert_eq!(names.shown(id(1), Some("ann")), "ann");
        assert_eq!(names.shown(id(2), Some("b\u{1b}")), "b\u{241b}");
        names.clear();
        assert_eq!((names.len(), names.count("bob")), (0, 0));
    }
}
