//! What users of text protocols were told of their channels is what their servers know
//! (K4).

use std::collections::{BTreeMap, BTreeSet};

use crc_core::{Channel, Snapshot};
use crc_wire::ChannelField;

use super::Found;
use crate::foreign::channel_view::{ChannelView, Rank};
use crate::foreign::{IrcUser, LegacyUser};
use crate::invariant::Invariant;
use crate::network::Network;
use crate::people::{home, host_id, irc_user, legacy_server, legacy_user};

/// Compares what each user was told with what its server knows.
pub(crate) fn check_told(network: &Network) -> Vec<Found> {
    let mut found = legacy_servers_differ(network);
    for node in 0..network.nodes.len() {
        let Some(home) = home(network, node) else {
            continue;
        };
        let Some(server) = network.server(home) else {
            continue;
        };
        let Some(id) = host_id(network, node) else {
            let who = network.describe(node);
            let text = format!("{who} is not registered with {}", network.describe(home));
            found.push((Invariant::D1, text));
            continue;
        };
        let snapshot = server.snapshot();
        let channels = snapshot.channels().of(id);
        let channels: BTreeMap<_, _> = channels
            .map(|channel| (channel.name().to_ascii_lowercase(), channel))
            .collect();
        let wrong = match (irc_user(network, node), legacy_user(network, node)) {
            (Some(user), _) => irc_differs(user, &snapshot, &channels),
            (_, Some(user)) => legacy_differs(user, &channels),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let text = format!("{} was told {wrong}", network.describe(node));
            found.push((Invariant::K4, text));
        }
    }
    found
}

/// A server of legacy IRC has the members of all channels that the server has that it is
/// linked to. Topics that are set at both sides at once cross.
fn legacy_servers_differ(network: &Network) -> Vec<Found> {
    let mut found = Vec::new();
    for node in 0..network.nodes.len() {
        let Some((legacy, gateway)) = legacy_server(network, node) else {
            continue;
        };
        let Some(server) = network.server(gateway) else {
            continue;
        };
        let snapshot = server.snapshot();
        let nick = |id| {
            snapshot
                .nicks()
                .and_then(|nicks| nicks.alias_of(id))
                .unwrap_or("?")
        };
        let channels = snapshot.channels().iter();
        let channels: BTreeMap<&str, BTreeSet<&str>> = channels
            .map(|channel| {
                (
                    channel.name(),
                    channel.members().map(|(id, _)| nick(id)).collect(),
                )
            })
            .collect();
        let told = legacy.channels.iter();
        let told: BTreeMap<&str, BTreeSet<&str>> = told
            .map(|(name, known)| (&**name, known.members.iter().map(String::as_str).collect()))
            .collect();
        if told != channels {
            let who = network.describe(node);
            let text = format!("{who} was told of {told:?}, and there are {channels:?}");
            found.push((Invariant::K4, text));
        }
    }
    found
}

fn irc_differs(
    user: &IrcUser,
    snapshot: &Snapshot<'_>,
    channels: &BTreeMap<String, &Channel>,
) -> Option<String> {
    if !user.channels.keys().eq(channels.keys()) {
        let (told, are) = (user.channels.keys(), channels.keys());
        return Some(format!("that it is in {told:?}, and it is in {are:?}"));
    }
    for (name, channel) in channels {
        let told = user.channels.get(name)?;
        let nicks = snapshot.nicks()?;
        let members = channel.members().map(|(id, flags)| {
            let nick = nicks.of(id).unwrap_or("?").to_owned();
            let rank = Rank {
                operator: flags.operator,
                voice: flags.voice,
            };
            (nick, rank)
        });
        let members: BTreeMap<String, Rank> = members.collect();
        if let Some(what) = view_differs(user, told, channel, &members) {
            return Some(format!("of {name} {what}"));
        }
    }
    None
}

fn view_differs(
    user: &IrcUser,
    told: &ChannelView,
    channel: &Channel,
    members: &BTreeMap<String, Rank>,
) -> Option<String> {
    if !told.shown.eq_ignore_ascii_case(channel.shown_name()) {
        let (told, is) = (&told.shown, channel.shown_name());
        return Some(format!("the name {told:?}, and it is {is:?}"));
    }
    if !told.is_listed || !told.knows_modes || !told.knows_masks {
        return Some("only a part".to_owned());
    }
    // Without all ranks in the list it may not know who has voice beside the rank.
    let same = |one: &Rank, other: &Rank| match user.sees_all_ranks {
        true => one == other,
        false => one.operator == other.operator,
    };
    let pairs = told.members.iter().zip(members);
    let all_same = told.members.len() == members.len();
    let mut pairs = pairs.filter(|(told, is)| told.0 != is.0 || !same(told.1, is.1));
    if !all_same || pairs.next().is_some() {
        return Some(format!(
            "the members {:?}, and they are {members:?}",
            told.members
        ));
    }
    let modes: BTreeSet<char> = channel.modes().chars().collect();
    let lists = [
        ('b', ChannelField::BANS),
        ('e', ChannelField::EXCEPTIONS),
        ('I', ChannelField::INVITE_EXCEPTIONS),
    ];
    let lists = lists.into_iter();
    let masks = lists.flat_map(|(letter, list)| {
        let masks = channel.masks(list);
        masks.map(move |mask| format!("{letter} {mask}"))
    });
    let masks: BTreeSet<String> = masks.collect();
    let (key, limit) = (channel.key(), channel.value(ChannelField::LIMIT));
    let settings = (
        &told.modes,
        &told.masks,
        &*told.key,
        &*told.limit,
        &*told.topic,
    );
    let are = (&modes, &masks, key, limit, channel.topic());
    (settings != are).then(|| format!("the settings {settings:?}, and they are {are:?}"))
}

/// Nothing tells a user of legacy IRC that it was kicked, nor who else is there.
fn legacy_differs(user: &LegacyUser, channels: &BTreeMap<String, &Channel>) -> Option<String> {
    for channel in channels.values() {
        let Some(topic) = user.channels.get(channel.name()) else {
            return Some(format!("nothing of {}", channel.name()));
        };
        if topic != channel.topic() {
            let (name, is) = (channel.name(), channel.topic());
            return Some(format!("of {name} the topic {topic:?}, and it is {is:?}"));
        }
    }
    None
}
