//! What must hold when all is at rest, seen by somebody who sees everything: the
//! links as they really are, and beside them what every server and client
//! believes.

use std::collections::BTreeMap;

use crc_core::{Announcement, HostKind, PeerVersion, Server, Timestamp, UNRANKED};
use crc_wire::HostId;

use crate::chats::Fate;
use crate::invariant::Invariant;
use crate::node::{Birth, Role, node_at};
use crate::raw::Raw;
use crate::world::World;
use crc_netem::Phase;

/// More violations of one run than these are not worth reading.
const VIOLATIONS_MAX: usize = 12;

/// A host as it really is.
#[derive(Debug, Clone)]
struct Truth {
    id: u32,
    kind: HostKind,
    name: String,
    info: String,
    /// The server that it is, or is registered with.
    home: usize,
}

/// The servers' links as they really are.
#[derive(Debug, Default)]
struct Tree {
    /// For each node its neighbours that are servers of ours, and their ids.
    servers: BTreeMap<usize, Vec<(usize, HostId)>>,
    /// For each node the ids of its neighbours that are not ours, and servers.
    foreign: BTreeMap<usize, Vec<HostId>>,
    part: BTreeMap<usize, usize>,
}

impl World {
    /// An end that has yet to learn that its connection is dead.
    pub(crate) fn sick(&self) -> Option<String> {
        let hosts = (0..self.nodes.len()).map(|node| self.net.host(node));
        let ends = hosts
            .filter(|host| host.is_alive())
            .flat_map(|host| host.ends());
        let mut sick = ends.filter(|&&(connection, side)| {
            let it = &self.net.connections()[connection];
            let broken = (0..2).any(|writer| it.stream(writer).is_dead_path());
            broken || it.end(1 - side).phase() == Phase::Gone
        });
        let &(connection, side) = sick.next()?;
        let ends = self.net.connections()[connection].ends().each_ref();
        let phases = ends.map(crc_netem::End::phase);
        Some(format!(
            "({} on the dead connection {connection}, {phases:?})",
            self.who_to_whom(connection, side)
        ))
    }

    /// Judges everything that is to hold at rest.
    pub(crate) fn judge(&mut self) {
        let (tree, wrong) = self.tree();
        for (invariant, text) in wrong {
            self.violation(invariant, text);
        }
        let truths = self.truths(&tree);
        self.judge_tree(&tree);
        for (&node, neighbours) in &tree.servers {
            if self.violations.len() > VIOLATIONS_MAX {
                return;
            }
            let hops = hops(&tree, node, neighbours);
            self.judge_directory(node, &hops, &tree, &truths);
        }
        self.judge_clients(&tree, &truths);
        self.judge_told(&tree);
        self.judge_queues();
        self.judge_chats();
        self.parts = tree.part.clone();
        if self.options.channels {
            self.judge_channels(&tree.part);
        }
        for node in 0..self.nodes.len() {
            if let Some(server) = self.nodes[node].server() {
                self.checking = true;
                server.check();
                self.checking = false;
            }
        }
    }

    /// The links as they are, and what is wrong with what servers think of them.
    fn tree(&self) -> (Tree, Vec<(Invariant, String)>) {
        let mut tree = Tree::default();
        let mut wrong = Vec::new();
        for (node, it) in self.nodes.iter().enumerate() {
            let Some(server) = it.server() else { continue };
            let mut servers = Vec::new();
            let mut foreign = Vec::new();
            for view in server.snapshot().links() {
                let Some((connection, side)) = self.net.find(node, view.link) else {
                    wrong.push((
                        Invariant::D4,
                        format!(
                            "{} has {} in its tables, which is gone",
                            it.describe(node),
                            view.link
                        ),
                    ));
                    continue;
                };
                let other = self.net.connections()[connection].end(1 - side);
                let peer = &self.nodes[other.host()];
                if other.phase() == Phase::Gone {
                    wrong.push((
                        Invariant::D1,
                        format!(
                            "{} keeps a link to {}, which is dead",
                            it.describe(node),
                            view.neighbour.host
                        ),
                    ));
                    continue;
                }
                if view.neighbour.kind == HostKind::Client {
                    continue;
                }
                let Some(far) = peer.server() else {
                    foreign.push(view.neighbour.host);
                    continue;
                };
                let mutual = far.snapshot().links().any(|far| far.link == other.link());
                if !mutual || view.neighbour.version != PeerVersion::V2 {
                    wrong.push((
                        Invariant::D1,
                        format!(
                            "{} has a link to {} ({:?}), {}",
                            it.describe(node),
                            peer.describe(other.host()),
                            view.neighbour.version,
                            if mutual {
                                "a server of ours"
                            } else {
                                "who has none to it"
                            }
                        ),
                    ));
                }
                if far.snapshot().id() != view.neighbour.host {
                    wrong.push((
                        Invariant::D1,
                        format!(
                            "{} takes {} for {}",
                            it.describe(node),
                            peer.describe(other.host()),
                            view.neighbour.host
                        ),
                    ));
                }
                servers.push((other.host(), view.neighbour.host));
            }
            tree.servers.insert(node, servers);
            tree.foreign.insert(node, foreign);
        }
        for &node in tree.servers.keys() {
            if tree.part.contains_key(&node) {
                continue;
            }
            let mut edge = vec![node];
            while let Some(next) = edge.pop() {
                if tree.part.insert(next, node).is_none() {
                    let next = tree.servers.get(&next).into_iter().flatten();
                    edge.extend(next.map(|(node, _)| *node));
                }
            }
        }
        (tree, wrong)
    }

    /// All hosts of ours as they are, in the order of their ids.
    fn truths(&self, tree: &Tree) -> Vec<Truth> {
        let mut truths = Vec::new();
        for &node in tree.servers.keys() {
            let Some(server) = self.nodes[node].server() else {
                continue;
            };
            let snapshot = server.snapshot();
            truths.push(Truth {
                id: snapshot.id().get(),
                kind: HostKind::Server,
                name: snapshot.name().to_owned(),
                info: snapshot.info().to_owned(),
                home: node,
            });
            for view in snapshot
                .links()
                .filter(|view| view.neighbour.kind == HostKind::Client)
            {
                let Some((connection, side)) = self.net.find(node, view.link) else {
                    continue;
                };
                let client = self.net.connections()[connection].end(1 - side).host();
                let (name, info) = match &self.nodes[client].birth {
                    Birth::Client(config) => (config.name.clone(), config.info.clone()),
                    _ => ("original".to_owned(), "client".to_owned()),
                };
                truths.push(Truth {
                    id: view.neighbour.host.get(),
                    kind: HostKind::Client,
                    name,
                    info,
                    home: node,
                });
            }
        }
        truths.sort_by_key(|truth| (truth.id, truth.home));
        truths
    }

    fn judge_tree(&mut self, tree: &Tree) {
        let ends: usize = tree.servers.values().map(Vec::len).sum();
        let parts = tree.part.iter().filter(|(node, part)| node == part).count();
        if self.violations.is_empty() && ends != 2 * (tree.servers.len() - parts) {
            let text = format!(
                "{} servers in {parts} parts have {ends} ends of links",
                tree.servers.len()
            );
            self.violation(Invariant::D5, text);
        }
        let mut wrong = self.unattached(tree, false);
        wrong.extend(self.apart(tree));
        for text in wrong {
            self.violation(Invariant::D5, text);
        }
        self.judge_order(tree);
        self.judge_memory(tree);
    }

    /// Everybody is below one that comes before it.
    fn judge_order(&mut self, tree: &Tree) {
        let mut wrong = Vec::new();
        for &node in tree.servers.keys() {
            let Some(server) = self.nodes[node].server() else {
                continue;
            };
            let snapshot = server.snapshot();
            let Some((parent, PeerVersion::V2)) = snapshot.uplink() else {
                continue;
            };
            let place = |node: &usize| {
                let snapshot = self.nodes[*node].server()?.snapshot();
                Some((snapshot.rank(), snapshot.id()))
            };
            let part = tree.part.get(&node);
            let places = tree
                .servers
                .keys()
                .filter(|node| tree.part.get(*node) == part);
            let Some(above) = places.filter_map(place).find(|(_, id)| *id == parent) else {
                continue;
            };
            let below = (snapshot.rank(), snapshot.id());
            let in_order = match (above.0, below.0) {
                (UNRANKED, UNRANKED) => true,
                (_, UNRANKED) => false,
                _ => above < below,
            };
            if !in_order {
                wrong.push(format!(
                    "{}, at {below:?}, is below {above:?}",
                    self.nodes[node].describe(node)
                ));
            }
        }
        for text in wrong {
            self.violation(Invariant::D5, text);
        }
    }

    /// Everybody would find those of its part again that come before it.
    fn judge_memory(&mut self, tree: &Tree) {
        if self.options.original_servers > 0 {
            return;
        }
        let mut wrong = Vec::new();
        for (&node, part) in &tree.part {
            let Some(server) = self.nodes[node].server() else {
                continue;
            };
            let snapshot = server.snapshot();
            let candidates = snapshot.candidates();
            let others = tree.part.iter().filter(|(_, other)| *other == part);
            for &other in others.map(|(other, _)| other) {
                let Some(there) = self.nodes[other].server().map(Server::snapshot) else {
                    continue;
                };
                let before = (there.rank(), there.id()) < (snapshot.rank(), snapshot.id());
                let known = candidates.iter().any(|at| node_at(at) == Some(other));
                if before && there.rank() != UNRANKED && !known {
                    wrong.push(format!(
                        "{} (rank {}) does not remember {} (rank {})",
                        self.nodes[node].describe(node),
                        snapshot.rank(),
                        self.nodes[other].describe(other),
                        there.rank()
                    ));
                }
            }
        }
        for text in wrong {
            self.violation(Invariant::D5, text);
        }
    }

    /// That there are several parts, though all have found each other.
    fn apart(&self, tree: &Tree) -> Option<String> {
        let parts = tree.part.iter().filter(|(node, part)| node == part).count();
        let found = self.rendezvous.is_some() && self.options.original_servers == 0;
        (found && parts > 1).then(|| format!("the network is in {parts} parts"))
    }

    /// Servers that have no uplink, though one that comes before them is there;
    /// or `any` candidate in another part of the network.
    fn unattached(&self, tree: &Tree, any: bool) -> Vec<String> {
        let place = |node: usize| {
            let snapshot = self.nodes[node].server().map(crc_core::Server::snapshot);
            snapshot.map(|snapshot| (snapshot.rank(), snapshot.id()))
        };
        let mut wrong = Vec::new();
        // Through an original one hears of servers that one cannot join again.
        if self.options.original_servers > 0 {
            return wrong;
        }
        for &node in tree.servers.keys() {
            let Some(server) = self.nodes[node].server() else {
                continue;
            };
            if server.snapshot().uplink().is_some() {
                continue;
            }
            for candidate in server.snapshot().candidates() {
                let Some(there) = node_at(&candidate) else {
                    continue;
                };
                let lower =
                    tree.servers.contains_key(&there) && (any || place(there) < place(node));
                if lower && tree.part.get(&there) != tree.part.get(&node) {
                    wrong.push(format!(
                        "{} (rank {}) has no uplink, though {} (rank {}) is there and comes before it",
                        self.nodes[node].describe(node),
                        server.snapshot().rank(),
                        self.nodes[there].describe(there),
                        place(there).map_or(0, |place| place.0)
                    ));
                }
            }
        }
        wrong
    }

    /// Whether somebody has yet to find a place in the tree, or will look for one
    /// before `until`, across an original server that may be wrong.
    pub(crate) fn is_looking(&self, until: Timestamp) -> bool {
        let (tree, _) = self.tree();
        let servers = (0..self.nodes.len()).filter(|&node| self.net.host(node).is_alive());
        let mut again = servers.filter_map(|node| {
            let at = self.nodes[node].server()?.snapshot().next_loop_retry()?;
            Some(at < self.net.clock_at(node, until))
        });
        if again.any(|soon| soon) {
            return true;
        }
        !self.unattached(&tree, true).is_empty()
    }

    fn judge_directory(
        &mut self,
        node: usize,
        hops: &BTreeMap<usize, HostId>,
        tree: &Tree,
        truths: &[Truth],
    ) {
        let Some(server) = self.nodes[node].server() else {
            return;
        };
        let snapshot = server.snapshot();
        let own = snapshot.id();
        let who = self.nodes[node].describe(node);
        let foreign = tree
            .foreign
            .get(&node)
            .map(Vec::as_slice)
            .unwrap_or_default();
        // Beyond an original node nothing is as it should be.
        let strange = self.options.original_servers > 0;
        let mut wrong = Vec::new();
        let mut found = 0;
        let mut last = None;
        let mut ids: Vec<u32> = snapshot
            .directory()
            .iter()
            .map(|host| host.id().get())
            .collect();
        ids.sort_unstable();
        for id in ids {
            if last == Some(id) || id == own.get() {
                wrong.push((Invariant::D6, format!("{who} lists {id} twice, or itself")));
            }
            last = Some(id);
        }
        for host in snapshot.directory().iter() {
            let first = snapshot.first_link(host);
            let id = host.id().get();
            let begin = truths.partition_point(|truth| truth.id < id);
            let such = truths[begin..].iter().take_while(|truth| truth.id == id);
            let truth = such
                .into_iter()
                .find(|truth| tree.part.get(&truth.home) == tree.part.get(&node));
            let Some(truth) = truth else {
                if !first.is_some_and(|first| foreign.contains(&first)) && !strange {
                    wrong.push((Invariant::D1, format!("{who} lists {id}, who is not there")));
                }
                continue;
            };
            found += 1;
            if truth.kind != host.kind() || truth.name != host.name() || truth.info != host.info() {
                if !strange {
                    wrong.push((
                        Invariant::V1,
                        format!(
                            "{who} lists {id} as {:?} {:?}, and it is {:?} {:?}",
                            host.name(),
                            host.info(),
                            truth.name,
                            truth.info
                        ),
                    ));
                }
                continue;
            }
            let says = host.machine().and_then(|m| Announcement::parse(m).rank);
            let is = self.nodes[truth.home].server().map(Server::snapshot);
            let is = is.filter(|is| is.id() == host.id()).map(|is| is.rank());
            if let (Some(says), Some(is)) = (says, is)
                && says != is
                && !strange
            {
                let text = format!("{who} takes the rank of {id} for {says}, and it is {is}");
                wrong.push((Invariant::D1, text));
            }
            let way = if truth.home == node {
                Some(host.id())
            } else {
                hops.get(&truth.home).copied()
            };
            if first != way && !strange {
                wrong.push((
                    Invariant::D2,
                    format!(
                        "{who} has {first:?} as the first link to {id}, and the way is over {way:?}"
                    ),
                ));
            }
        }
        let part = tree.part.get(&node);
        let there = truths
            .iter()
            .filter(|truth| tree.part.get(&truth.home) == part)
            .count()
            - 1;
        if found < there && !strange {
            let missing = truths
                .iter()
                .filter(|truth| tree.part.get(&truth.home) == part);
            let missing = missing.filter(|truth| {
                truth.id != own.get()
                    && HostId::new(truth.id)
                        .is_none_or(|id| snapshot.directory().find(id).is_none())
            });
            let missing: Vec<String> = missing
                .map(|truth| format!("{} of n{}", truth.id, truth.home))
                .collect();
            wrong.push((Invariant::D1, format!("{who} does not list {missing:?}")));
        }
        for (invariant, text) in wrong {
            self.violation(invariant, text);
        }
    }

    fn judge_clients(&mut self, tree: &Tree, truths: &[Truth]) {
        let mut wrong = Vec::new();
        for pair in truths.windows(2) {
            if pair[0].id == pair[1].id
                && tree.part.get(&pair[0].home) == tree.part.get(&pair[1].home)
            {
                wrong.push((
                    Invariant::D3,
                    format!(
                        "{} is local at n{} and n{}",
                        pair[0].id, pair[0].home, pair[1].home
                    ),
                ));
            }
        }
        for (node, it) in self.nodes.iter().enumerate() {
            let (Some(client), Birth::Client(config)) = (it.client(), &it.birth) else {
                continue;
            };
            let Some(home) = node_at(&config.server) else {
                continue;
            };
            let Some(server) = self.nodes[home].server() else {
                continue;
            };
            let listed = server.snapshot().directory().find(client.id()).is_some();
            // An original server may have made the others remember it elsewhere.
            let remembered = self.options.original_servers > 0 && listed;
            let host = self.net.host(node);
            if !host.is_alive() || host.is_stopping() || !client.is_welcomed() && remembered {
                continue;
            }
            let id = client.id().get();
            let registered = truths
                .iter()
                .any(|truth| truth.id == id && truth.home == home);
            if !client.is_welcomed() || !registered {
                wrong.push((
                    Invariant::D1,
                    format!(
                        "{} is not registered with {}",
                        it.describe(node),
                        self.nodes[home].describe(home)
                    ),
                ));
                continue;
            }
            let part = tree.part.get(&home);
            let others = truths.iter().filter(|truth| {
                truth.kind == HostKind::Client
                    && truth.id != id
                    && tree.part.get(&truth.home) == part
            });
            let others: Vec<u32> = others.map(|truth| truth.id).collect();
            let listed: Vec<u32> = client.clients().map(|(id, _)| id.get()).collect();
            let complete = others.iter().all(|id| listed.binary_search(id).is_ok());
            let exact = self.options.original_servers > 0 || others == listed;
            if !complete && self.options.original_servers == 0 || !exact {
                wrong.push((
                    Invariant::D1,
                    format!(
                        "{} lists {listed:?}, and there are {others:?}",
                        it.describe(node)
                    ),
                ));
            }
        }
        for (invariant, text) in wrong {
            self.violation(invariant, text);
        }
    }

    /// What a server has told a neighbour is what it knows: nobody missed a quit.
    fn judge_told(&mut self, tree: &Tree) {
        let mut wrong = Vec::new();
        for &node in tree.servers.keys() {
            let it = &self.nodes[node];
            let Some(server) = it.server() else { continue };
            let snapshot = server.snapshot();
            for view in snapshot.links().filter(|view| view.neighbour.synced) {
                let Some((connection, side)) = self.net.find(node, view.link) else {
                    continue;
                };
                let told = &self.notes[connection][side].told;
                let is_server = view.neighbour.kind == HostKind::Server;
                // Nobody tells those that a server is gone.
                let deaf = view.neighbour.version != PeerVersion::V2;
                for &id in told.keys() {
                    let host = HostId::new(id).and_then(|id| snapshot.directory().find(id));
                    if host.is_none() && !(deaf && is_server) {
                        wrong.push(format!(
                            "{} was told of {id} and not of its end",
                            self.who_to_whom(connection, side)
                        ));
                    }
                }
                for host in snapshot.directory().iter() {
                    let to_be_told = host.first_link() != view.link
                        && (is_server || host.kind() == HostKind::Client);
                    if to_be_told && !told.contains_key(&host.id().get()) {
                        wrong.push(format!(
                            "{} was not told of {}",
                            self.who_to_whom(connection, side),
                            host.id()
                        ));
                    }
                }
            }
        }
        if self.options.original_servers > 0 {
            return;
        }
        for text in wrong {
            self.violation(Invariant::P2, text);
        }
    }

    fn judge_queues(&mut self) {
        let mut wrong = Vec::new();
        for (node, it) in self.nodes.iter().enumerate() {
            let Some(server) = it.server() else { continue };
            for view in server.snapshot().links() {
                let Some((connection, side)) = self.net.find(node, view.link) else {
                    continue;
                };
                let bound = self.net.connections()[connection].end(side).bound();
                let most = match view.neighbour.kind {
                    HostKind::Server => self.options.server_queue,
                    HostKind::Client => self.options.client_queue,
                };
                let listing = 2_000 * (self.nodes.len() + 40);
                if bound < most || bound > most + listing {
                    wrong.push(format!(
                        "{} bounds a queue at {bound} where {most} is the limit",
                        it.describe(node)
                    ));
                }
            }
        }
        for text in wrong {
            self.violation(Invariant::R1, text);
        }
    }

    fn judge_chats(&mut self) {
        let mut wrong = Vec::new();
        for (number, chat) in self.chats.iter().enumerate() {
            let speaker = &self.nodes[chat.speaker];
            // Its speaker's registration is still the one that it was said with.
            let stays = chat.source.is_some_and(|(source, connection)| {
                let stands = self.net.connections()[connection].is_live();
                stands && speaker.client().is_some_and(|client| client.id() == source)
            });
            let where_it_is = match chat.fate {
                Fate::Unsaid => {
                    let waits = speaker.client().is_some_and(|client| client.is_settled());
                    (waits
                        && self.net.host(chat.speaker).is_alive()
                        && speaker.client().is_some_and(|client| client.queued() > 0))
                    .then(|| "with its speaker".to_owned())
                }
                Fate::OnWire(connection) => {
                    let stands = self.net.connections()[connection].is_live();
                    (stands && stays).then(|| format!("on connection {connection}"))
                }
                Fate::At(node) => {
                    let ours = matches!(self.nodes[node].role, Role::Server(_) | Role::Client(_));
                    (ours && stays && !chat.excused).then(|| self.nodes[node].describe(node))
                }
                Fate::Delivered | Fate::Answered | Fate::Lost => None,
            };
            if let Some(place) = where_it_is
                && self.options.all_ours()
            {
                let what = if chat.answered {
                    "the answer to chat"
                } else {
                    "chat"
                };
                wrong.push(format!(
                    "{what} {number} from {:?} to {} ended at {place}",
                    chat.source, chat.to
                ));
            }
        }
        for text in wrong.into_iter().take(VIOLATIONS_MAX) {
            self.violation(Invariant::C1, text);
        }
        // An original client is killed by nothing that we did.
        let taken = self.nodes.iter().filter(|node| {
            matches!(&node.role, Role::Raw(raw) if matches!(&**raw, Raw::Client(client) if client.welcomed))
        });
        self.counts.originals_alive += taken.count() as u64;
    }
}

/// The first hop from one server to every other of its part.
fn hops(tree: &Tree, node: usize, neighbours: &[(usize, HostId)]) -> BTreeMap<usize, HostId> {
    let mut hops = BTreeMap::new();
    for &(neighbour, first) in neighbours {
        let mut edge = vec![neighbour];
        while let Some(next) = edge.pop() {
            if next == node || hops.contains_key(&next) {
                continue;
            }
            hops.insert(next, first);
            let further = tree.servers.get(&next).into_iter().flatten();
            edge.extend(further.map(|(node, _)| *node));
        }
    }
    hops
}
