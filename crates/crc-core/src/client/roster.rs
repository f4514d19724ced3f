//! The other clients of the network, as the server tells of them.
//!
//! Held in the order of their ids, which is the order in which they are shown.
//! What joins and leaves is decided elsewhere.

use std::collections::BTreeMap;

use crc_wire::HostId;

/// What one more entry costs beside its texts, roughly.
const ENTRY_BYTES: usize = 64;

/// Another client of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteClient {
    /// Its name; others may have the same.
    pub name: Box<str>,
    /// What it says about itself.
    pub info: Box<str>,
}

/// Nobody, or more than one client, can be meant by a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No client has that name.
    #[error("nobody here is called {0}")]
    Unknown(Box<str>),
    /// Several clients have that name.
    #[error("{name} could be any of the ids {}", list(candidates))]
    Ambiguous {
        /// The name.
        name: Box<str>,
        /// Their ids, lowest first.
        candidates: Vec<HostId>,
    },
}

fn list(ids: &[HostId]) -> String {
    let ids: Vec<String> = ids.iter().map(HostId::to_string).collect();
    ids.join(", ")
}

/// The other clients, by id.
#[derive(Debug, Default)]
pub(super) struct Roster {
    clients: BTreeMap<HostId, RemoteClient>,
    bytes: usize,
}

impl Roster {
    /// About how much memory the clients take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Enters a client, and returns what was known of it before.
    pub(super) fn insert(&mut self, id: HostId, client: RemoteClient) -> Option<RemoteClient> {
        self.bytes += cost(&client);
        let before = self.clients.insert(id, client);
        self.bytes -= before.as_ref().map_or(0, cost);
        before
    }

    /// Forgets a client, and returns what was known of it.
    pub(super) fn remove(&mut self, id: HostId) -> Option<RemoteClient> {
        let gone = self.clients.remove(&id)?;
        self.bytes -= cost(&gone);
        Some(gone)
    }

    pub(super) fn clear(&mut self) {
        *self = Roster::default();
    }

    pub(super) fn find(&self, id: HostId) -> Option<&RemoteClient> {
        self.clients.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (HostId, &RemoteClient)> {
        self.clients.iter().map(|(&id, client)| (id, client))
    }

    /// Whom `word` means: an id, known or not, or the exact name of one client.
    pub(super) fn resolve(&self, word: &str) -> Result<HostId, ResolveError> {
        if let Some(id) = parse_id(word) {
            return Ok(id);
        }
        let named = self.iter().filter(|(_, client)| &*client.name == word);
        let candidates: Vec<HostId> = named.map(|(id, _)| id).collect();
        match *candidates {
            [] => Err(ResolveError::Unknown(word.into())),
            [id] => Ok(id),
            _ => Err(ResolveError::Ambiguous {
                name: word.into(),
                candidates,
            }),
        }
    }
}

/// A number that is an id. Signs, which Rust's numbers may have, are not part of one.
fn parse_id(word: &str) -> Option<HostId> {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten()
}

fn cost(client: &RemoteClient) -> usize {
    ENTRY_BYTES + client.name.len() + client.info.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: u32) -> HostId {
        HostId::new(id).unwrap()
    }

    fn named(name: &str) -> RemoteClient {
        RemoteClient {
            name: name.into(),
            info: "info".into(),
        }
    }

    #[test]
    fn words_are_ids_first_and_names_then() {
        let mut roster = Roster::default();
        for (number, name) in [
            (9, "bob"),
            (5, "alice"),
            (7, "bob"),
            (3, "5"),
            (4, "0"),
            (6, "+8"),
        ] {
            roster.insert(id(number), named(name));
        }
        for (word, number) in [
            ("alice", 5),
            ("9", 9),
            ("77", 77),
            ("5", 5),
            ("0", 4),
            ("+8", 6),
        ] {
            assert_eq!(roster.resolve(word), Ok(id(number)), "{word}");
        }
        for word in ["ali", "Alice", "", "00", "4294967296"] {
            assert_eq!(
                roster.resolve(word),
                Err(ResolveError::Unknown(word.into()))
            );
        }
        let ambiguous = roster.resolve("bob").unwrap_err();
        assert_eq!(ambiguous.to_string(), "bob could be any of the ids 7, 9");
    }

    #[test]
    fn what_leaves_costs_nothing() {
        let mut roster = Roster::default();
        assert_eq!(roster.insert(id(1), named("bob")), None);
        assert_eq!(roster.insert(id(1), named("robert")), Some(named("bob")));
        assert_eq!(roster.bytes(), ENTRY_BYTES + "robert".len() + "info".len());
        assert_eq!(roster.remove(id(2)), None);
        assert_eq!(roster.remove(id(1)), Some(named("robert")));
        assert_eq!(roster.bytes(), 0);
    }
}
