//! After hostile servers have left, nothing of them is in force (T4); and servers are
//! linked, whatever thieves of ids do (D8).

use crc_core::{Channel, Server};
use crc_wire::{ChannelField, MemberFlags};

use super::Found;
use super::tree::ServerTree;
use crate::foreign::POISON;
use crate::invariant::Invariant;
use crate::network::Network;

/// A time that is further in the future was never taken for one of these.
const AHEAD_MAX_MS: u64 = 60_000;

/// The servers that are not linked, although they may be.
pub(crate) fn check_linked(network: &Network) -> Vec<Found> {
    let (tree, _) = ServerTree::of(network);
    let unattached = tree.unattached(network, false).into_iter();
    unattached.map(|text| (Invariant::D8, text)).collect()
}

pub(super) fn check_poison(network: &Network, found: &mut Vec<Found>) {
    let Some(hostile) = &network.options.hostile else {
        return;
    };
    if hostile.servers == 0 {
        return;
    }
    for (node, server) in network.servers() {
        let mut wrong = Vec::new();
        for channel in server.snapshot().channels().iter() {
            check_channel(server, channel, hostile.outside, &mut wrong);
            if !network.options.people {
                check_ranks(channel, &mut wrong);
            }
        }
        if hostile.outside {
            let snapshot = server.snapshot();
            let log = snapshot.status_log();
            wrong.extend(log.filter(|text| text.contains(POISON)).map(str::to_owned));
        }
        let here = network.describe(node);
        found.extend(wrong.into_iter().map(|wrong| {
            let text = format!("{here} still has {wrong}");
            (Invariant::T4, text)
        }));
    }
}

fn check_channel(server: &Server, channel: &Channel, outside: bool, wrong: &mut Vec<String>) {
    let snapshot = server.snapshot();
    let latest = snapshot.network_ms().saturating_add(AHEAD_MAX_MS);
    let name = channel.name();
    let founded = channel.founded().ms;
    if founded > latest {
        wrong.push(format!("{name} as founded at {founded}, in the future"));
    }
    for (field, setting) in channel.settings().set() {
        let (value, version) = (&*setting.value, setting.version);
        if version > latest {
            wrong.push(format!(
                "{name}'s setting {} of version {version}, in the future",
                field.0
            ));
        }
        if !may_be_set(field, value) {
            wrong.push(format!("{name}'s setting {} {value:?}", field.0));
        }
        if outside && (value.contains(POISON) || setting.setter.contains(POISON)) {
            wrong.push(format!("{name}'s setting {} of an outsider", field.0));
        }
    }
}

/// No host has the rank that only hostile servers give.
fn check_ranks(channel: &Channel, wrong: &mut Vec<String>) {
    for (id, flags) in channel.members() {
        if flags.byte() & MemberFlags::NONE.with_voice(true).byte() != 0 {
            wrong.push(format!("{id} with voice in {}", channel.name()));
        }
    }
}

/// Whether a user may set a field so (PROTOCOL section 9).
fn may_be_set(field: ChannelField, value: &str) -> bool {
    let printable = !value.chars().any(char::is_control);
    let words = || value.split(' ');
    let fits = match field {
        ChannelField::TOPIC => value.len() <= 390,
        ChannelField::KEY => value.len() <= 32 && !value.contains(' '),
        ChannelField::MODES => value.chars().all(|mode| mode.is_ascii_alphabetic()),
        ChannelField::LIMIT => value.is_empty() || value.parse::<u32>().is_ok(),
        ChannelField::BANS | ChannelField::EXCEPTIONS | ChannelField::INVITE_EXCEPTIONS => {
            words().count() <= 100 && words().all(|mask| mask.len() <= 128)
        }
        ChannelField::RENAMED_TO => {
            value.is_empty() || value.starts_with('#') && value.len() <= 64 + 1 + 255
        }
        ChannelField(8..=10) => words().count() <= 300 && value.len() <= 26_000,
        _ => value.len() <= 1024,
    };
    printable && fits
}
