//! The servers' links as they really are: a tree, in the order of ranks, to which every
//! server with a live candidate is attached (D1, D4, D5).

use std::collections::BTreeMap;

use crc_core::{HostKind, LinkView, PeerVersion, Server, Timestamp, UNRANKED};
use crc_netem::Phase;
use crc_wire::HostId;

use super::{Found, Parts};
use crate::invariant::Invariant;
use crate::network::Network;
use crate::node::node_at;

#[derive(Debug, Default)]
pub(super) struct ServerTree {
    /// For each server its neighbours that are v2 servers, and their ids.
    pub(super) servers: BTreeMap<usize, Vec<(usize, HostId)>>,
    /// For each server the ids of its neighbours that are foreign servers.
    pub(super) foreign: BTreeMap<usize, Vec<HostId>>,
    pub(super) parts: Parts,
}

/// What a link of a server leads to.
enum Neighbour {
    /// A client, or nothing.
    NoServer,
    Foreign(HostId),
    Server(usize, HostId),
}

impl ServerTree {
    /// The links as they are, and the differences to what the servers know.
    pub(super) fn of(network: &Network) -> (ServerTree, Vec<Found>) {
        let mut tree = ServerTree::default();
        let mut found = Vec::new();
        for (node, server) in network.servers() {
            let mut servers = Vec::new();
            let mut foreign = Vec::new();
            for view in server.snapshot().links() {
                match neighbour(network, node, &view, &mut found) {
                    Neighbour::NoServer => {}
                    Neighbour::Foreign(id) => foreign.push(id),
                    Neighbour::Server(other, id) => servers.push((other, id)),
                }
            }
            tree.servers.insert(node, servers);
            tree.foreign.insert(node, foreign);
        }
        tree.find_parts();
        (tree, found)
    }

    fn find_parts(&mut self) {
        for &node in self.servers.keys() {
            if self.parts.contains_key(&node) {
                continue;
            }
            let mut edge = vec![node];
            while let Some(next) = edge.pop() {
                if self.parts.insert(next, node).is_none() {
                    let next = self.servers.get(&next).into_iter().flatten();
                    edge.extend(next.map(|(node, _)| *node));
                }
            }
        }
    }

    pub(super) fn part(&self, node: usize) -> Option<&usize> {
        self.parts.get(&node)
    }

    fn parts_len(&self) -> usize {
        let parts = self.parts.iter();
        parts.filter(|(node, part)| node == part).count()
    }

    /// The first hop from one server to every other one of its part.
    pub(super) fn hops(&self, node: usize) -> BTreeMap<usize, HostId> {
        let mut hops = BTreeMap::new();
        for &(neighbour, first) in self.servers.get(&node).into_iter().flatten() {
            let mut edge = vec![neighbour];
            while let Some(next) = edge.pop() {
                if next == node || hops.contains_key(&next) {
                    continue;
                }
                hops.insert(next, first);
                let further = self.servers.get(&next).into_iter().flatten();
                edge.extend(further.map(|(node, _)| *node));
            }
        }
        hops
    }

    pub(super) fn check(&self, network: &Network, found: &mut Vec<Found>) {
        let ends: usize = self.servers.values().map(Vec::len).sum();
        let parts = self.parts_len();
        if found.is_empty() && ends != 2 * (self.servers.len() - parts) {
            let servers = self.servers.len();
            let text = format!("{servers} servers in {parts} parts have {ends} ends of links");
            found.push((Invariant::D5, text));
        }
        let mut wrong = self.unattached(network, false);
        wrong.extend(self.is_parted(network));
        wrong.extend(self.out_of_order(network));
        wrong.extend(self.forgotten_candidates(network));
        found.extend(wrong.into_iter().map(|text| (Invariant::D5, text)));
    }

    /// That there are several parts, although all servers have found each other.
    fn is_parted(&self, network: &Network) -> Option<String> {
        let parts = self.parts_len();
        let all_found = network.options.rendezvous && network.options.v1_servers == 0;
        (all_found && parts > 1).then(|| format!("the network is in {parts} parts"))
    }

    /// Servers that do not come after their parents.
    fn out_of_order(&self, network: &Network) -> Vec<String> {
        let mut wrong = Vec::new();
        for &node in self.servers.keys() {
            let Some(server) = network.server(node) else {
                continue;
            };
            let snapshot = server.snapshot();
            let Some((parent, PeerVersion::V2)) = snapshot.uplink() else {
                continue;
            };
            let others = self.servers.keys();
            let others = others.filter(|other| self.part(**other) == self.part(node));
            let mut places = others.filter_map(|&other| place(network, other));
            let Some(above) = places.find(|(_, id)| *id == parent) else {
                continue;
            };
            let below = (snapshot.rank(), snapshot.id());
            let in_order = match (above.0, below.0) {
                (UNRANKED, UNRANKED) => true,
                (_, UNRANKED) => false,
                _ => above < below,
            };
            if !in_order {
                let node = network.describe(node);
                wrong.push(format!("{node}, at {below:?}, is below {above:?}"));
            }
        }
        wrong
    }

    /// Servers of the same part that come before a server and are not among its
    /// candidates.
    fn forgotten_candidates(&self, network: &Network) -> Vec<String> {
        let mut wrong = Vec::new();
        if network.options.v1_servers > 0 {
            return wrong;
        }
        for (&node, part) in &self.parts {
            let Some(server) = network.server(node) else {
                continue;
            };
            let snapshot = server.snapshot();
            let candidates = snapshot.candidates();
            let others = self.parts.iter().filter(|(_, other)| *other == part);
            for &other in others.map(|(other, _)| other) {
                let Some(there) = network.server(other).map(Server::snapshot) else {
                    continue;
                };
                let before = (there.rank(), there.id()) < (snapshot.rank(), snapshot.id());
                let known = candidates.iter().any(|at| node_at(at) == Some(other));
                if before && there.rank() != UNRANKED && !known {
                    wrong.push(format!(
                        "{} (rank {}) does not remember {} (rank {})",
                        network.describe(node),
                        snapshot.rank(),
                        network.describe(other),
                        there.rank()
                    ));
                }
            }
        }
        wrong
    }

    /// Servers without an uplink, although a candidate that comes before them, or `any`
    /// one, runs in another part of the network.
    pub(super) fn unattached(&self, network: &Network, any: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        // Through a v1 server they learn of servers that they cannot join again.
        if network.options.v1_servers > 0 {
            return wrong;
        }
        for &node in self.servers.keys() {
            let Some(server) = network.server(node) else {
                continue;
            };
            if server.snapshot().uplink().is_some() {
                continue;
            }
            for candidate in server.snapshot().candidates() {
                let Some(there) = node_at(&candidate) else {
                    continue;
                };
                let is_eligible = self.servers.contains_key(&there)
                    && (any || place(network, there) < place(network, node));
                if is_eligible && self.part(there) != self.part(node) {
                    wrong.push(format!(
                        "{} (rank {}) has no uplink, though {} (rank {}) runs and comes before it",
                        network.describe(node),
                        server.snapshot().rank(),
                        network.describe(there),
                        place(network, there).map_or(0, |place| place.0)
                    ));
                }
            }
        }
        wrong
    }
}

/// A server's place in the order of ranks.
fn place(network: &Network, node: usize) -> Option<(u32, HostId)> {
    let snapshot = network.server(node)?.snapshot();
    Some((snapshot.rank(), snapshot.id()))
}

/// Follows one link of a server.
fn neighbour(network: &Network, node: usize, view: &LinkView, found: &mut Vec<Found>) -> Neighbour {
    let id = view.neighbour.host;
    let here = || network.describe(node);
    let Some((connection, side)) = network.net.find(node, view.link) else {
        let text = format!(
            "{} has {} in its tables, which has ended",
            here(),
            view.link
        );
        found.push((Invariant::D4, text));
        return Neighbour::NoServer;
    };
    let other = network.connection(connection).end(1 - side);
    if other.phase() == Phase::Gone {
        let text = format!("{} keeps a link to {id}, which is dead", here());
        found.push((Invariant::D1, text));
        return Neighbour::NoServer;
    }
    if view.neighbour.kind == HostKind::Client {
        return Neighbour::NoServer;
    }
    let Some(far) = network.server(other.host()) else {
        return Neighbour::Foreign(id);
    };
    let there = network.describe(other.host());
    let version = view.neighbour.version;
    if !far.snapshot().links().any(|far| far.link == other.link()) {
        let text = format!("{} has a link to {there}, which has none to it", here());
        found.push((Invariant::D1, text));
    } else if version != PeerVersion::V2 {
        let text = format!("{} takes the v2 server {there} for {version:?}", here());
        found.push((Invariant::D1, text));
    }
    if far.snapshot().id() != id {
        let text = format!("{} takes {there} for {id}", here());
        found.push((Invariant::D1, text));
    }
    Neighbour::Server(other.host(), id)
}

/// Whether a server is yet to find a place in the tree, or will look for one before
/// `until`, across a v1 server that may be wrong.
pub(crate) fn is_looking(network: &Network, until: Timestamp) -> bool {
    let servers = (0..network.nodes.len()).filter(|&node| network.is_alive(node));
    let mut retries = servers.filter_map(|node| {
        let at = network.server(node)?.snapshot().next_loop_retry()?;
        Some(at < network.net.clock_at(node, until))
    });
    if retries.any(|soon| soon) {
        return true;
    }
    let (tree, _) = ServerTree::of(network);
    !tree.unattached(network, true).is_empty()
}
