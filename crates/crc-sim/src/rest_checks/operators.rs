//! Servers that reach each other over servers of version 2 agree on the bans and on who is an
//! operator (B1), who is away and what users say of themselves (B6), no banned client is linked (B2), and the bans are stored
//! (B5).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crc_core::{Ban, HostKind, PeerVersion, Powers, Server};

use super::Found;
use crate::invariant::Invariant;
use crate::monitor::Monitor;
use crate::monitor::operators::{BANS_MAX, banned_clients, statement};
use crate::network::Network;

/// Clocks of two servers differ by so much: what ends so soon may have ended at one of them.
const SOON: Duration = Duration::from_secs(60);

/// For each server the one that stands for those that it reaches over servers of version 2.
fn components(network: &Network) -> BTreeMap<usize, usize> {
    let mut of: BTreeMap<usize, usize> = network.servers().map(|(node, _)| (node, node)).collect();
    for (node, server) in network.servers() {
        for view in server.snapshot().links() {
            let is_v2 = view.neighbour.kind == HostKind::Server
                && view.neighbour.version == PeerVersion::V2;
            let Some((connection, side)) = network.net.find(node, view.link).filter(|_| is_v2)
            else {
                continue;
            };
            let other = network.node_at(connection, 1 - side);
            let (Some(&one), Some(&other)) = (of.get(&node), of.get(&other)) else {
                continue;
            };
            for part in of.values_mut().filter(|part| **part == other) {
                *part = one;
            }
        }
    }
    of
}

/// The statements that still count after so long, in their order.
pub(crate) fn lasting_bans(server: &Server, within: Duration) -> Vec<Ban> {
    let snapshot = server.snapshot();
    let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    let at = snapshot.network_ms().saturating_add(within_ms);
    let all = snapshot.bans().iter();
    let lasting = all.filter(|ban| ban.until_ms == 0 || ban.until_ms > at);
    lasting.cloned().collect()
}

/// The statements of another server that a server does not have.
fn lacks(server: &Server, other: &Server) -> Vec<String> {
    let has = |wanted: &Ban| server.snapshot().bans().iter().any(|ban| ban == wanted);
    let theirs = lasting_bans(other, SOON).into_iter();
    theirs
        .filter(|ban| !has(ban))
        .map(|ban| ban.to_string())
        .collect()
}

fn is_full(server: &Server) -> bool {
    server.snapshot().bans().iter().count() >= BANS_MAX
}

/// The operators that a server knows: id, name, powers. `own`: only its own users.
fn operators(server: &Server, own: bool) -> BTreeSet<(u32, String, u16)> {
    let snapshot = server.snapshot();
    let all = snapshot.operators().iter().filter(|(id, _)| {
        let host = snapshot.directory().find(*id);
        !own || host.is_some_and(|host| snapshot.first_link(host) == Some(*id))
    });
    all.map(|(id, it)| (id.get(), it.name.to_string(), it.powers.bits()))
        .collect()
}

pub(super) fn check_operators(network: &Network, monitor: &Monitor, found: &mut Vec<Found>) {
    let components = components(network);
    let mut first: BTreeMap<usize, (usize, &Server)> = BTreeMap::new();
    let mut expected: BTreeMap<usize, BTreeSet<_>> = BTreeMap::new();
    let full: BTreeSet<usize> = network
        .servers()
        .filter(|(_, server)| is_full(server))
        .map(|(node, _)| components[&node])
        .collect();
    for (node, server) in network.servers() {
        let part = components[&node];
        let own = operators(server, true);
        expected.entry(part).or_default().extend(own);
        let (other, known) = *first.entry(part).or_insert((node, server));
        let (one, another) = (lacks(server, known), lacks(known, server));
        if !full.contains(&part) && (!one.is_empty() || !another.is_empty()) {
            let (here, there) = (network.describe(node), network.describe(other));
            let text = format!("{here} lacks the bans {one:?} of {there}, which lacks {another:?}");
            found.push((Invariant::B1, text));
        }
    }
    for (node, server) in network.servers() {
        let (known, expected) = (operators(server, false), &expected[&components[&node]]);
        if known != *expected {
            let text = format!(
                "{} knows the operators {known:?}, and there are {expected:?}",
                network.describe(node)
            );
            found.push((Invariant::B1, text));
        }
        for (_, text) in banned_clients(network, node, None) {
            found.push((Invariant::B2, text));
        }
        check_disk(network, node, server, found);
    }
    for (node, client, home) in network.clients() {
        let Some(server) = network.server(home).filter(|_| client.is_welcomed()) else {
            continue;
        };
        let is = server.snapshot().operators().find(client.id()).is_some();
        if is != monitor.is_told_operator(node) && network.is_alive(node) {
            let text = format!(
                "{} was told the contrary of whether it is an operator: it is {is}",
                network.describe(node)
            );
            found.push((Invariant::B4, text));
        }
    }
}

/// The users that a server knows to be away, and why. `own`: only its own users.
fn absences(server: &Server, own: bool) -> BTreeSet<(u32, String)> {
    let snapshot = server.snapshot();
    let all = snapshot.absences().iter().filter(|(id, _)| {
        let host = snapshot.directory().find(*id);
        !own || host.is_some_and(|host| snapshot.first_link(host) == Some(*id))
    });
    all.map(|(id, absence)| (id.get(), absence.text.to_string()))
        .collect()
}

/// Servers that reach each other over servers of version 2 agree on who is away (B6).
pub(super) fn check_absences(network: &Network, found: &mut Vec<Found>) {
    let components = components(network);
    let mut expected: BTreeMap<usize, BTreeSet<_>> = BTreeMap::new();
    for (node, server) in network.servers() {
        let own = absences(server, true);
        expected.entry(components[&node]).or_default().extend(own);
    }
    for (node, server) in network.servers() {
        let (known, expected) = (absences(server, false), &expected[&components[&node]]);
        if known != *expected {
            let text = format!(
                "{} knows as away {known:?}, and away are {expected:?}",
                network.describe(node)
            );
            found.push((Invariant::B6, text));
        }
    }
}

/// What a server knows that users say of themselves. `own`: only its own users.
fn metadata(server: &Server, own: bool) -> BTreeSet<(u32, String, String)> {
    let snapshot = server.snapshot();
    let hosts = snapshot.metadata().hosts().filter(|id| {
        let host = snapshot.directory().find(*id);
        !own || host.is_some_and(|host| snapshot.first_link(host) == Some(*id))
    });
    let entries = hosts.flat_map(|id| {
        let entries = snapshot.metadata().of(id);
        entries.map(move |(key, value)| (id.get(), key.to_owned(), value.to_owned()))
    });
    entries.collect()
}

/// Servers that reach each other over servers of version 2 agree on what users say of
/// themselves (B6).
pub(super) fn check_metadata(network: &Network, found: &mut Vec<Found>) {
    let components = components(network);
    let mut expected: BTreeMap<usize, BTreeSet<_>> = BTreeMap::new();
    for (node, server) in network.servers() {
        let own = metadata(server, true);
        expected.entry(components[&node]).or_default().extend(own);
    }
    for (node, server) in network.servers() {
        let (known, expected) = (metadata(server, false), &expected[&components[&node]]);
        if known != *expected {
            let text = format!(
                "{} knows the metadata {known:?}, and there are {expected:?}",
                network.describe(node)
            );
            found.push((Invariant::B6, text));
        }
    }
}

fn check_disk(network: &Network, node: usize, server: &Server, found: &mut Vec<Found>) {
    let lasts = |ban: &Ban| ban.until_ms == 0;
    let stored = network.disks[node].iter();
    let stored = stored.filter_map(|line| line.parse().ok());
    // Times are stored by another clock.
    let stored: BTreeSet<_> = stored.filter(lasts).map(|ban| statement(&ban)).collect();
    let snapshot = server.snapshot();
    let held = snapshot.bans().iter().filter(|ban| lasts(ban));
    let held: BTreeSet<_> = held.map(statement).collect();
    if stored != held {
        let text = format!(
            "{} has stored the bans {stored:?}, and knows {held:?}",
            network.describe(node)
        );
        found.push((Invariant::B5, text));
    }
}

/// The clients that may speak to all operators, and who is to hear it.
pub(crate) fn wallops_due(network: &Network) -> Vec<(usize, BTreeSet<usize>)> {
    let components = components(network);
    let operators = network.clients().filter_map(|(node, client, home)| {
        let server = network
            .server(home)
            .filter(|_| client.is_welcomed() && network.is_alive(node))?;
        let operator = server.snapshot().operators().find(client.id())?;
        Some((node, components[&home], operator.powers))
    });
    let operators: Vec<_> = operators.collect();
    let speakers = operators
        .iter()
        .filter(|(.., powers)| powers.has(Powers::WALLOPS));
    let speakers = speakers.map(|(node, part, _)| {
        let due = operators.iter().filter(|(_, other, _)| other == part);
        (*node, due.map(|(node, ..)| *node).collect())
    });
    speakers.collect()
}

/// After all servers have started again, each statement stands that was the newest before.
pub(crate) fn check_restarted(network: &Network, before: &BTreeMap<usize, Vec<Ban>>) -> Vec<Found> {
    let mut found = Vec::new();
    let components = components(network);
    let full = network.servers().any(|(_, server)| is_full(server));
    for (&node, known) in before {
        let Some(server) = network.server(node).filter(|_| !full) else {
            continue;
        };
        let part = components[&node];
        // Several parts had several clocks.
        let others = components.iter().filter(|(_, other)| **other == part);
        let others: Vec<_> = others.filter_map(|(other, _)| before.get(other)).collect();
        let agree = |ban: &&Ban| others.iter().all(|other| other.contains(ban));
        let now: BTreeSet<_> = server.snapshot().bans().iter().map(statement).collect();
        for ban in known.iter().filter(agree) {
            if !now.contains(&statement(ban)) {
                let text = format!(
                    "{} has started again without {ban}: it knows {now:?}",
                    network.describe(node)
                );
                found.push((Invariant::B5, text));
            }
        }
    }
    found
}
