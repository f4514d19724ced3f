//! What hostile people must not achieve, checked as it happens (T1 to T3, T5).

use core::time::Duration;
use std::collections::BTreeSet;

use crc_core::{HostKind, LinkId, PeerAddress, Timestamp};
use crc_netem::{Phase, Side};
use crc_wire::{Frame, FrameLimits, HostId, Message};

use super::Monitor;
use crate::invariant::Invariant;
use crate::network::Network;
use crate::node::NodeConfig;
use crate::options::Fault;

/// By how much the clocks of two linked servers differ without being put right.
const CLOCKS_DIFFER_BY: Duration = Duration::from_secs(5);

/// How long an announcement is under way at most on a link that is not given up.
const DELAY_MAX: Duration = Duration::from_secs(45);

/// What the monitor keeps of hostile people, and of what they want.
#[derive(Debug, Default)]
pub(crate) struct HostileRecord {
    /// By node: whether it was linked in this life, as a server below another one.
    was_linked: Vec<bool>,
    /// By node: how many links it has closed because a peer broke a rule.
    violations: Vec<u64>,
    /// The ids of clients that hostile servers have stated.
    stated: BTreeSet<u32>,
}

impl HostileRecord {
    pub(super) fn new(nodes: usize) -> HostileRecord {
        HostileRecord {
            was_linked: vec![false; nodes],
            violations: vec![0; nodes],
            stated: BTreeSet::new(),
        }
    }
}

impl Monitor {
    /// A server notices that it is linked; or a node is about to start.
    pub(crate) fn set_was_linked(&mut self, node: usize, was_linked: bool) {
        self.hostile.was_linked[node] = was_linked;
    }

    /// A server dials an address, or a name if its address is `within` networks.
    pub(crate) fn check_dial(
        &mut self,
        network: &Network,
        node: usize,
        to: &PeerAddress,
        within: bool,
    ) {
        let NodeConfig::Server(config) = &network.nodes[node].config else {
            return;
        };
        if config.connect.contains(to) && !network.options.rendezvous
            || config.legacy_connect.contains(to)
        {
            return;
        }
        let Some(server) = network.server(node) else {
            return;
        };
        let permitted = match to.ip() {
            Some(ip) => config.server_peers.iter().any(|it| it.contains(&ip)),
            None => within,
        };
        // An operator may let a root dial.
        let is_root =
            config.connect.is_empty() && !network.options.rendezvous && !network.options.operators;
        let wrong = if !permitted {
            "which is not permitted"
        } else if server.snapshot().uplink().is_some() {
            "although it is linked"
        } else if is_root && !self.hostile.was_linked[node] {
            "although it is a root in service"
        } else {
            return;
        };
        let text = format!("{} dials {to}, {wrong}", network.describe(node));
        self.violation(network, Invariant::T1, text);
    }

    /// A server has handled an event of a link.
    pub(crate) fn check_peer(&mut self, network: &Network, node: usize, link: Option<LinkId>) {
        let Some(server) = network.server(node) else {
            return;
        };
        let violations = server.snapshot().counters().violations;
        let before = core::mem::replace(&mut self.hostile.violations[node], violations);
        let Some(link) = link else {
            return;
        };
        self.check_neighbour(network, node, link);
        let Some((connection, side)) = network.net.find(node, link) else {
            return;
        };
        let peer = network.node_at(connection, 1 - side);
        if violations > before && matches!(network.nodes[peer].config, NodeConfig::Server(_)) {
            let text = format!(
                "{} closed {link} to {}, which broke a rule",
                network.describe(node),
                network.describe(peer)
            );
            self.violation(network, Invariant::T5, text);
        }
    }

    fn check_neighbour(&mut self, network: &Network, node: usize, link: LinkId) {
        let outside = network.options.hostile.as_ref();
        if outside.is_none_or(|hostile| !hostile.outside) {
            return;
        }
        let Some((connection, side)) = network.net.find(node, link) else {
            return;
        };
        let peer = network.node_at(connection, 1 - side);
        if !network.nodes[peer].is_hostile_server() {
            return;
        }
        let Some(server) = network.server(node) else {
            return;
        };
        let mut links = server.snapshot().links();
        if links.any(|it| it.link == link && it.neighbour.kind == HostKind::Server) {
            let text = format!(
                "{} is linked to {}, which is not permitted",
                network.describe(node),
                network.describe(peer)
            );
            self.violation(network, Invariant::T2, text);
        }
    }

    /// A hostile node sends bytes.
    pub(super) fn on_hostile_bytes(&mut self, network: &Network, node: usize, mut bytes: &[u8]) {
        if !network.nodes[node].is_hostile_server() {
            return;
        }
        while let Ok(Some(frame)) = Frame::take(&mut bytes, FrameLimits::WIRE) {
            if let Ok(Message::ClientRegistration(m)) = frame.message() {
                self.on_stated(m.source);
                self.hostile.stated.insert(m.source.get());
            }
        }
    }

    /// Whether a hostile server has stated a client with this id.
    pub(super) fn is_stated_by_hostile(&self, id: u32) -> bool {
        self.hostile.stated.contains(&id)
    }

    /// A server welcomes a client.
    pub(super) fn on_welcome(
        &mut self,
        network: &Network,
        connection: usize,
        side: Side,
        id: Option<HostId>,
    ) {
        let now = network.net.now();
        self.streams[connection][side].welcomed = id.map(|id| (id, now));
    }

    /// A server tells a client that its id is taken. If it was welcomed, it is displaced: a
    /// client that registered earlier must have its id, or a server.
    pub(super) fn check_displaced(&mut self, network: &Network, connection: usize, side: Side) {
        let Some((id, since)) = self.streams[connection][side].welcomed else {
            return;
        };
        if self.is_registered(network, connection, side)
            || self.is_stated_by_hostile(id.get())
            || network.options.v1_servers > 0
        {
            return;
        }
        self.streams[connection][side].welcomed = None;
        let server = network.server(network.node_at(connection, side));
        let rival = server.and_then(|server| server.snapshot().directory().find(id));
        if rival.is_none_or(|rival| rival.kind() == HostKind::Server) {
            return;
        }
        let Some((later, rival_since)) = self.registered_since(network, id) else {
            return;
        };
        let mut tolerance = CLOCKS_DIFFER_BY * network.options.servers + Duration::from_secs(1);
        let weights = &network.options.weights;
        if [Fault::Stall, Fault::Freeze]
            .iter()
            .any(|it| weights[*it as usize] > 0)
        {
            // A difference is not noticed that is as long as the announcement was under way.
            tolerance += DELAY_MAX;
        }
        if rival_since > since + tolerance {
            let text = format!(
                "{} loses id {id}, which it has had since {since:?}, to {}, which has had it since {rival_since:?}",
                network.describe(network.node_at(connection, 1 - side)),
                network.describe(later)
            );
            self.violation(network, Invariant::T3, text);
        }
    }

    /// Whether the server at one side of a connection has the client at the other one.
    fn is_registered(&self, network: &Network, connection: usize, side: Side) -> bool {
        let end = network.connection(connection).end(side);
        let live = end.phase() == Phase::Live;
        live && network.server(end.host()).is_some_and(|server| {
            let mut links = server.snapshot().links();
            links.any(|view| view.link == end.link())
        })
    }

    /// The node that is registered with an id, and since when.
    fn registered_since(&self, network: &Network, id: HostId) -> Option<(usize, Timestamp)> {
        let streams = self.streams.iter().enumerate();
        let welcomed = streams.filter_map(|(connection, sides)| {
            let (found, since) = sides[1].welcomed?;
            (found == id && self.is_registered(network, connection, 1))
                .then_some((since, network.node_at(connection, 0)))
        });
        welcomed.min().map(|(since, node)| (node, since))
    }
}
