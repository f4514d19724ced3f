//! The other clients of the network, as the server lists them, in the order of their
//! ids.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crc_wire::HostId;

use crate::names::{ascii_name, prepare_name};

/// The memory of one entry besides its texts, roughly.
const ENTRY_BYTES: usize = 64;

/// Another client of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RemoteClient {
    /// Its name. Other clients may have the same.
    pub name: Box<str>,
    /// Its info.
    pub info: Box<str>,
}

/// A text names no client, or more than one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// No client has that name.
    #[error("no client is named {0}")]
    Unknown(Box<str>),
    /// Several clients have that name.
    #[error("{name} is the name of several clients: {}", list(candidates))]
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
    /// The memory of the clients, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds or replaces a client; returns the previous entry.
    pub(super) fn insert(&mut self, id: HostId, client: RemoteClient) -> Option<RemoteClient> {
        self.bytes += cost(&client);
        let before = self.clients.insert(id, client);
        self.bytes -= before.as_ref().map_or(0, cost);
        before
    }

    /// Removes a client; returns its entry.
    pub(super) fn remove(&mut self, id: HostId) -> Option<RemoteClient> {
        let removed = self.clients.remove(&id)?;
        self.bytes -= cost(&removed);
        Some(removed)
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

    /// The client that `text` names: an id, known or not, or the exact name of one client,
    /// however it is spelt; or else the name in ASCII of one.
    pub(super) fn resolve(&self, text: &str) -> Result<HostId, ResolveError> {
        if let Some(id) = parse_id(text) {
            return Ok(id);
        }
        let name = prepare_name(text).unwrap_or(Cow::Borrowed(text));
        let named = |is_named: &dyn Fn(&str) -> bool| -> Vec<HostId> {
            let named = self.iter().filter(|(_, client)| is_named(&client.name));
            named.map(|(id, _)| id).collect()
        };
        let mut candidates = named(&|other| other == name);
        if candidates.is_empty() {
            candidates = named(&|other| !other.is_ascii() && ascii_name(other) == name);
        }
        match *candidates {
            [] => Err(ResolveError::Unknown(text.into())),
            [id] => Ok(id),
            _ => Err(ResolveError::Ambiguous {
                name: text.into(),
                candidates,
            }),
        }
    }
}

/// Parses decimal digits only. `str::parse` alone would take a sign too.
fn parse_id(text: &str) -> Option<HostId> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
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
    fn resolve_takes_ids_before_names() {
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
        for (text, number) in [
            ("alice", 5),
            ("9", 9),
            ("77", 77),
            ("5", 5),
            ("0", 4),
            ("+8", 6),
        ] {
            assert_eq!(roster.resolve(text), Ok(id(number)), "{text}");
        }
        for text in ["ali", "Alice", "", "00", "4294967296"] {
            assert_eq!(
                roster.resolve(text),
                Err(ResolveError::Unknown(text.into()))
            );
        }
        let ambiguous = roster.resolve("bob").unwrap_err();
        assert_eq!(
            ambiguous.to_string(),
            "bob is the name of several clients: 7, 9"
        );
    }

    #[test]
    fn removed_clients_free_their_bytes() {
        let mut roster = Roster::default();
        assert_eq!(roster.insert(id(1), named("bob")), None);
        assert_eq!(roster.insert(id(1), named("robert")), Some(named("bob")));
        assert_eq!(roster.bytes(), ENTRY_BYTES + "robert".len() + "info".len());
        assert_eq!(roster.remove(id(2)), None);
        assert_eq!(roster.remove(id(1)), Some(named("robert")));
        assert_eq!(roster.bytes(), 0);
    }
}
