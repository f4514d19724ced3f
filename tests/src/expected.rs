//! What a network at rest must know, computed from its tree alone.
//!
//! The reference that real servers are compared with: it sees the whole network
//! at once and knows nothing of messages.

use std::collections::{BTreeMap, BTreeSet};

/// A network: servers in a tree, and the clients of each.
#[derive(Debug, Clone, Default)]
pub struct World {
    links: BTreeMap<u32, BTreeSet<u32>>,
    clients: BTreeMap<u32, u32>,
}

impl World {
    /// A network without hosts.
    #[must_use]
    pub fn new() -> World {
        World::default()
    }

    /// Adds the server `id`, linked to `uplink` if it has one.
    pub fn add_server(&mut self, id: u32, uplink: Option<u32>) {
        self.links.entry(id).or_default();
        if let Some(uplink) = uplink {
            self.links.entry(id).or_default().insert(uplink);
            self.links.entry(uplink).or_default().insert(id);
        }
    }

    /// Adds the client `id` of `server`.
    pub fn add_client(&mut self, id: u32, server: u32) {
        self.clients.insert(id, server);
    }

    /// Takes the client `id` out.
    pub fn remove_client(&mut self, id: u32) {
        self.clients.remove(&id);
    }

    /// The servers, in order.
    pub fn servers(&self) -> impl Iterator<Item = u32> + '_ {
        self.links.keys().copied()
    }

    /// The clients, in order.
    pub fn clients(&self) -> impl Iterator<Item = u32> + '_ {
        self.clients.keys().copied()
    }

    /// The servers that `server` is linked to, in order.
    #[must_use]
    pub fn adjacent_servers(&self, server: u32) -> Vec<u32> {
        self.links[&server].iter().copied().collect()
    }

    /// The clients of `server`, in order.
    #[must_use]
    pub fn adjacent_clients(&self, server: u32) -> Vec<u32> {
        let own = self.clients.iter().filter(|&(_, &home)| home == server);
        own.map(|(&id, _)| id).collect()
    }

    /// Every host that `server` must know and its first link, by id.
    #[must_use]
    pub fn first_links(&self, server: u32) -> BTreeMap<u32, u32> {
        let mut first_links = BTreeMap::new();
        let mut reached = BTreeSet::from([server]);
        let mut edge: Vec<(u32, u32)> = Vec::new();
        for &next in &self.links[&server] {
            reached.insert(next);
            edge.push((next, next));
        }
        while let Some((at, first)) = edge.pop() {
            first_links.insert(at, first);
            for &next in &self.links[&at] {
                if reached.insert(next) {
                    edge.push((next, first));
                }
            }
        }
        for (&client, home) in &self.clients {
            if *home == server {
                first_links.insert(client, client);
            } else if let Some(&first) = first_links.get(home) {
                first_links.insert(client, first);
            }
        }
        first_links
    }

    /// The clients that the client `id` must know, in order.
    #[must_use]
    pub fn known_to_client(&self, id: u32) -> Vec<u32> {
        let home = self.clients[&id];
        let known = self.first_links(home);
        self.clients()
            .filter(|other| *other != id && known.contains_key(other))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_links_are_first_edges() {
        let mut world = World::new();
        world.add_server(1, None);
        world.add_server(2, Some(1));
        world.add_server(3, Some(2));
        world.add_server(4, Some(2));
        world.add_server(9, None);
        world.add_client(101, 1);
        world.add_client(103, 3);
        world.add_client(104, 4);
        world.add_client(109, 9);
        let links = |id| world.first_links(id).into_iter().collect::<Vec<_>>();
        assert_eq!(
            links(1),
            [(2, 2), (3, 2), (4, 2), (101, 101), (103, 2), (104, 2)]
        );
        assert_eq!(
            links(2),
            [(1, 1), (3, 3), (4, 4), (101, 1), (103, 3), (104, 4)]
        );
        assert_eq!(
            links(3),
            [(1, 2), (2, 2), (4, 2), (101, 2), (103, 103), (104, 2)]
        );
        assert_eq!(links(9), [(109, 109)]);
        assert_eq!(world.known_to_client(103), [101, 104]);
        assert_eq!(world.adjacent_servers(2), [1, 3, 4]);
        assert_eq!(world.adjacent_clients(4), [104]);
    }
}
