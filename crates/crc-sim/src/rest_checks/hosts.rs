//! Who is in the network: every server and client knows exactly the other hosts of its
//! part, as they are (D1 to D3, D6, V1).

use crc_core::{Announcement, Host, HostKind, Server};
use crc_wire::HostId;

use super::Found;
use super::tree::ServerTree;
use crate::invariant::Invariant;
use crate::network::Network;
use crate::node::{NodeConfig, Role};

/// A host as it really is.
#[derive(Debug, Clone)]
pub(super) struct ActualHost {
    id: u32,
    kind: HostKind,
    name: String,
    info: String,
    /// The server that it is, or is registered with.
    home: usize,
    /// The server of a text protocol that it is, or is behind.
    via: Option<HostId>,
}

/// All v2 servers and their clients as they are, in the order of their ids.
pub(super) fn actual_hosts(network: &Network, tree: &ServerTree) -> Vec<ActualHost> {
    let mut hosts = Vec::new();
    for &home in tree.servers.keys() {
        let Some(server) = network.server(home) else {
            continue;
        };
        let snapshot = server.snapshot();
        hosts.push(ActualHost {
            id: snapshot.id().get(),
            kind: HostKind::Server,
            name: snapshot.name().to_owned(),
            info: snapshot.info().to_owned(),
            home,
            via: None,
        });
        let links = snapshot.links();
        for view in links.filter(|view| view.neighbour.kind == HostKind::Client) {
            let Some((connection, side)) = network.net.find(home, view.link) else {
                continue;
            };
            let client = network.node_at(connection, 1 - side);
            let (name, info) = match &network.nodes[client].config {
                // It may have taken another name.
                NodeConfig::Client(config) => {
                    let name = network.client(client).map(crc_core::Client::name);
                    let name = name.unwrap_or(&config.name).to_owned();
                    (name, config.info.clone())
                }
                _ => match &network.nodes[client].role {
                    Role::Foreign(foreign) => foreign.name_and_info(),
                    _ => ("original".to_owned(), "client".to_owned()),
                },
            };
            hosts.push(ActualHost {
                id: view.neighbour.host.get(),
                kind: HostKind::Client,
                name,
                info,
                home,
                via: None,
            });
        }
    }
    for &home in tree.servers.keys() {
        hosts.extend(
            network
                .server(home)
                .into_iter()
                .flat_map(|it| behind_text_servers(it, home)),
        );
    }
    hosts.sort_by_key(|host| (host.id, host.home));
    hosts
}

/// The servers of a text protocol that are linked to a server, and the hosts behind them,
/// as that server knows them: what they know themselves is compared elsewhere.
fn behind_text_servers(server: &Server, home: usize) -> Vec<ActualHost> {
    let snapshot = server.snapshot();
    let links = snapshot.links();
    let mut links = links
        .filter(|view| view.text_protocol.is_some() && view.neighbour.kind == HostKind::Server);
    let Some(view) = links.next() else {
        return Vec::new();
    };
    let behind = snapshot.directory().iter();
    let behind = behind.filter(|host| host.first_link() == view.link);
    let behind = behind.map(|host| ActualHost {
        id: host.id().get(),
        kind: host.kind(),
        name: host.name().to_owned(),
        info: host.info().to_owned(),
        home,
        via: Some(view.neighbour.host),
    });
    behind.collect()
}

/// Checks the directory of a server.
pub(super) fn check_directory(
    network: &Network,
    node: usize,
    tree: &ServerTree,
    hosts: &[ActualHost],
    found: &mut Vec<Found>,
) {
    let Some(server) = network.server(node) else {
        return;
    };
    check_ids(network, node, server, found);
    // Beyond a v1 server nothing is as it should be.
    if network.options.v1_servers > 0 {
        return;
    }
    let snapshot = server.snapshot();
    let here = network.describe(node);
    let hops = tree.hops(node);
    let in_part = |host: &&ActualHost| tree.part(host.home) == tree.part(node);
    let mut known = 0;
    for host in snapshot.directory().iter() {
        let first = snapshot.first_link(host);
        let id = host.id().get();
        let begin = hosts.partition_point(|actual| actual.id < id);
        let mut such = hosts[begin..].iter().take_while(|actual| actual.id == id);
        let Some(actual) = such.find(in_part) else {
            let foreign = tree.foreign.get(&node);
            let is_foreign = |first| foreign.is_some_and(|foreign| foreign.contains(&first));
            if !first.is_some_and(is_foreign) {
                let text = format!("{here} lists {id}, which does not run");
                found.push((Invariant::D1, text));
            }
            continue;
        };
        known += 1;
        if let Some((invariant, wrong)) = check_host(network, host, actual) {
            found.push((invariant, format!("{here} {wrong}")));
            if invariant == Invariant::V1 {
                continue;
            }
        }
        let route = if actual.home == node {
            actual.via.or(Some(host.id()))
        } else {
            hops.get(&actual.home).copied()
        };
        if first != route {
            let text = format!(
                "{here} has {first:?} as the first link to {id}, and the route is over {route:?}"
            );
            found.push((Invariant::D2, text));
        }
    }
    let own = snapshot.id().get();
    if known + 1 < hosts.iter().filter(in_part).count() {
        let missing = hosts.iter().filter(in_part).filter(|actual| {
            let listed = |id| snapshot.directory().find(id).is_some();
            actual.id != own && !HostId::new(actual.id).is_some_and(listed)
        });
        let missing: Vec<String> = missing
            .map(|actual| format!("{} of n{}", actual.id, actual.home))
            .collect();
        let text = format!("{here} does not list {missing:?}");
        found.push((Invariant::D1, text));
    }
}

/// No id is listed twice, and not the server's own.
fn check_ids(network: &Network, node: usize, server: &Server, found: &mut Vec<Found>) {
    let snapshot = server.snapshot();
    let own = snapshot.id().get();
    let directory = snapshot.directory().iter();
    let mut ids: Vec<u32> = directory.map(|host| host.id().get()).collect();
    ids.sort_unstable();
    let mut last = None;
    for id in ids {
        if last == Some(id) || id == own {
            let text = format!("{} lists {id} twice, or itself", network.describe(node));
            found.push((Invariant::D6, text));
        }
        last = Some(id);
    }
}

/// What is wrong with the entry of a host, if anything.
fn check_host(network: &Network, host: &Host, actual: &ActualHost) -> Option<Found> {
    let id = host.id();
    if actual.kind != host.kind() || actual.name != host.name() || actual.info != host.info() {
        let text = format!(
            "lists {id} as {:?} {:?}, and it is {:?} {:?}",
            host.name(),
            host.info(),
            actual.name,
            actual.info
        );
        return Some((Invariant::V1, text));
    }
    let announced = host.machine().and_then(|m| Announcement::parse(m).rank)?;
    let server = network.server(actual.home).map(Server::snapshot)?;
    let is = (server.id() == id).then(|| server.rank())?;
    (announced != is).then(|| {
        let text = format!("has {announced} as the rank of {id}, and it is {is}");
        (Invariant::D1, text)
    })
}

pub(super) fn check_clients(
    network: &Network,
    tree: &ServerTree,
    hosts: &[ActualHost],
    found: &mut Vec<Found>,
) {
    for pair in hosts.windows(2) {
        if pair[0].id == pair[1].id && tree.part(pair[0].home) == tree.part(pair[1].home) {
            let (id, one, other) = (pair[0].id, pair[0].home, pair[1].home);
            let text = format!("{id} is local at n{one} and n{other}");
            found.push((Invariant::D3, text));
        }
    }
    for (node, client, home) in network.clients() {
        let Some(server) = network.server(home) else {
            continue;
        };
        let host = network.net.host(node);
        // Through a v1 server the others may remember it elsewhere.
        let remembered = network.options.v1_servers > 0
            && server.snapshot().directory().find(client.id()).is_some();
        if !host.is_alive() || host.is_stopping() || !client.is_welcomed() && remembered {
            continue;
        }
        let id = client.id().get();
        let is_it = |host: &ActualHost| host.id == id && host.home == home;
        if !client.is_welcomed() || !hosts.iter().any(is_it) {
            let text = format!(
                "{} is not registered with {}",
                network.describe(node),
                network.describe(home)
            );
            found.push((Invariant::D1, text));
            continue;
        }
        if network.options.v1_servers > 0 {
            continue;
        }
        let others = hosts.iter().filter(|host| {
            host.kind == HostKind::Client
                && host.id != id
                && tree.part(host.home) == tree.part(home)
        });
        let others: Vec<u32> = others.map(|host| host.id).collect();
        let listed: Vec<u32> = client.clients().map(|(id, _)| id.get()).collect();
        if others != listed {
            let node = network.describe(node);
            let text = format!("{node} lists {listed:?}, and there are {others:?}");
            found.push((Invariant::D1, text));
        }
    }
}
