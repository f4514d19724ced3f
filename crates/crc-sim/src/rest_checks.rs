//! What must hold at rest: the links as they really are, and beside them what every
//! server and client knows.
//!
//! The checks read the network and what the monitor has kept, and change neither.

mod channels;
mod chats;
mod hostile;
mod hosts;
mod operators;
mod people;
mod tree;

use std::collections::BTreeMap;

use crc_core::{HostKind, PeerVersion};
use crc_wire::HostId;

use crate::invariant::Invariant;
use crate::monitor::Monitor;
use crate::network::Network;

pub(crate) use channels::check_channel_chats;
pub(crate) use hostile::check_linked;
pub(crate) use operators::{check_restarted, lasting_bans, wallops_due};
pub(crate) use people::check_told;
use tree::ServerTree;
pub(crate) use tree::is_looking;

/// More violations of one run than these are not worth reading.
const FOUND_MAX: usize = 12;

/// The parts of the network: for each server the one that stands for its part.
pub(crate) type Parts = BTreeMap<usize, usize>;

/// A violation that was found, and what is wrong.
pub(crate) type Found = (Invariant, String);

/// Checks everything that must hold at rest.
pub(crate) fn check(network: &Network, monitor: &Monitor) -> (Parts, Vec<Found>) {
    let (tree, mut found) = ServerTree::of(network);
    let hosts = hosts::actual_hosts(network, &tree);
    tree.check(network, &mut found);
    for &node in tree.servers.keys() {
        if found.len() > FOUND_MAX {
            return (tree.parts, found);
        }
        hosts::check_directory(network, node, &tree, &hosts, &mut found);
    }
    hosts::check_clients(network, &tree, &hosts, &mut found);
    check_announced(network, monitor, &tree, &mut found);
    check_queues(network, &mut found);
    chats::check_chats(network, monitor, &mut found);
    if network.options.channels {
        channels::check_channels(network, &tree.parts, &mut found);
        found.extend(people::check_told(network));
    }
    operators::check_absences(network, &mut found);
    operators::check_metadata(network, &mut found);
    if network.options.operators {
        operators::check_operators(network, monitor, &mut found);
    }
    hostile::check_poison(network, &mut found);
    (tree.parts, found)
}

/// What a server has announced to a neighbour is what it knows.
fn check_announced(
    network: &Network,
    monitor: &Monitor,
    tree: &ServerTree,
    found: &mut Vec<Found>,
) {
    if network.options.v1_servers > 0 {
        return;
    }
    for &node in tree.servers.keys() {
        let Some(server) = network.server(node) else {
            continue;
        };
        let snapshot = server.snapshot();
        let links = snapshot.links().filter(|view| view.text_protocol.is_none());
        for view in links.filter(|view| view.neighbour.synced) {
            let Some((connection, side)) = network.net.find(node, view.link) else {
                continue;
            };
            let direction = || network.describe_direction(connection, side);
            let announced = &monitor.streams[connection][side].announced;
            let to_server = view.neighbour.kind == HostKind::Server;
            // A v1 server gets no quits of servers.
            let knows_all_quits = view.neighbour.version == PeerVersion::V2 || !to_server;
            for &id in announced.keys() {
                let host = HostId::new(id).and_then(|id| snapshot.directory().find(id));
                if host.is_none() && knows_all_quits {
                    let text = format!("{}: {id} was announced, and its quit not", direction());
                    found.push((Invariant::P2, text));
                }
            }
            for host in snapshot.directory().iter() {
                let is_due = host.first_link() != view.link
                    && (to_server || host.kind() == HostKind::Client);
                if is_due && !announced.contains_key(&host.id().get()) {
                    let text = format!("{}: {} was not announced", direction(), host.id());
                    found.push((Invariant::P2, text));
                }
            }
        }
    }
}

/// How much of a burst can wait in a queue, however large the network is.
const BURST_BYTES_MAX: usize = 70_000;

/// Every queue has the bound of its kind of peer.
fn check_queues(network: &Network, found: &mut Vec<Found>) {
    for (node, server) in network.servers() {
        for view in server.snapshot().links() {
            let Some((connection, side)) = network.net.find(node, view.link) else {
                continue;
            };
            let bound = network.connection(connection).end(side).bound();
            let Some(limits) = network.limits(node) else {
                continue;
            };
            let limit = match view.neighbour.kind {
                HostKind::Server => limits.server_queue_bytes_max,
                HostKind::Client => limits.client_queue_bytes_max,
            };
            if bound < limit || bound > limit + BURST_BYTES_MAX {
                let text = format!(
                    "{} bounds a queue at {bound} where {limit} is the limit",
                    network.describe(node)
                );
                found.push((Invariant::R1, text));
            }
        }
    }
}
