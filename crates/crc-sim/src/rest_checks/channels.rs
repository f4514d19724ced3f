//! All servers of a part have the same channels, with the clients in them that consider
//! themselves members (K1), and every chat that was sent at rest was received (K2).

use std::collections::{BTreeMap, BTreeSet};

use crc_core::Channel;
use crc_wire::HostId;

use super::{Found, Parts};
use crate::invariant::Invariant;
use crate::monitor::Monitor;
use crate::monitor::channel_chats::text;
use crate::network::Network;
use crate::people;

pub(super) fn check_channels(network: &Network, parts: &Parts, found: &mut Vec<Found>) {
    // The first server of each part, and its channels.
    let mut first: BTreeMap<usize, (usize, Vec<String>)> = BTreeMap::new();
    for (&node, &part) in parts {
        let Some(server) = network.server(node) else {
            continue;
        };
        let channels = server.snapshot().channels().iter();
        let channels: Vec<String> = channels.map(show).collect();
        match first.get(&part) {
            None => {
                first.insert(part, (node, channels));
            }
            Some((other, known)) if *known != channels => {
                let text = format!(
                    "{} has the channels {channels:?}, and {} has {known:?}",
                    network.describe(node),
                    network.describe(*other)
                );
                found.push((Invariant::K1, text));
            }
            Some(_) => {}
        }
    }
    for (part, (node, _)) in first {
        check_members(network, parts, part, node, found);
    }
}

/// A channel without its times, which each server has by its own clock.
fn show(channel: &Channel) -> String {
    let members: Vec<_> = channel.members().collect();
    let settings = channel.settings().set();
    let settings: Vec<_> = settings
        .map(|(field, set)| (field.0, &set.value, &set.setter))
        .collect();
    let tag = channel.founded().tag;
    format!("{} of {tag} {members:?} {settings:?}", channel.name())
}

fn check_members(
    network: &Network,
    parts: &Parts,
    part: usize,
    node: usize,
    found: &mut Vec<Found>,
) {
    let Some(server) = network.server(node) else {
        return;
    };
    let mut listed = BTreeMap::new();
    for channel in server.snapshot().channels().iter() {
        let members: BTreeSet<HostId> = channel.members().map(|(id, _)| id).collect();
        listed.insert(channel.name().to_ascii_lowercase(), members);
    }
    let members = network.channel_members(|home| parts.get(&home) == Some(&part));
    let ids = |nodes: BTreeSet<usize>| {
        let id = |node| match network.client(node) {
            Some(client) => Some(client.id()),
            None => people::host_id(network, node),
        };
        nodes.into_iter().filter_map(id).collect()
    };
    let members: BTreeMap<String, BTreeSet<HostId>> = members
        .into_iter()
        .map(|(channel, nodes)| (channel, ids(nodes)))
        .collect();
    let is_server = |gateway: usize| parts.get(&gateway) == Some(&part);
    let mut members = members;
    for (channel, ids) in people::legacy_members(network, is_server) {
        members.entry(channel).or_default().extend(ids);
    }
    if listed != members {
        let text = format!(
            "{} has the channels {listed:?}, and clients are in {members:?}",
            network.describe(node)
        );
        found.push((Invariant::K1, text));
    }
}

/// Every chat that was sent at rest was received by each other member.
pub(crate) fn check_channel_chats(monitor: &Monitor) -> Vec<Found> {
    let mut found = Vec::new();
    for (number, chat) in monitor.channel_chats.iter().enumerate() {
        if let Some(due) = &chat.due
            && chat.received != *due
        {
            let what = format!(
                "{:?}, sent to {} by n{}, was received by {:?}, and members are {due:?}",
                text(number),
                chat.channel,
                chat.speaker,
                chat.received
            );
            found.push((Invariant::K2, what));
        }
    }
    found
}
