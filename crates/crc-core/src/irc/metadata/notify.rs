//! What changes is told to the users that are subscribed to it.

use std::collections::BTreeMap;

use crc_machine::LinkId;
use crc_wire::HostId;

use super::{Batch, send_value};
use crate::context::{Context, Out};
use crate::irc::{find_user, links_sharing_channel, monitor, user_of};
use crate::network::ChannelEvent;
use crate::network::metadata::channel_entries;
use crate::work;

/// Whether the user of a link is subscribed to a key.
fn is_subscribed(cx: &Context, link: LinkId, key: &str) -> bool {
    find_user(cx, link).is_some_and(|user| user.metadata.subs.contains(key))
}

/// A user says something else of itself: tells the users that share a channel with it or
/// monitor it. The user itself has been answered.
pub(crate) fn on_user_metadata(cx: &Context, id: HostId, key: &str, value: &str, out: &mut Out) {
    if cx.network.names().is_none() {
        // This server has no users of IRC.
        return;
    }
    let own = user_of(cx, id).map(|(link, _)| link);
    let mut links = links_sharing_channel(cx, id, own);
    links.extend(monitor::links_monitoring(cx, id));
    links.retain(|link| Some(*link) != own && is_subscribed(cx, *link, key));
    links.sort_unstable();
    links.dedup();
    let nick = cx.nick_of(id);
    let value = Some(value).filter(|value| !value.is_empty());
    for link in links {
        cx.work.charge(work::LINK);
        send_value(cx, link, &Batch::NONE, (&nick, key, value), out);
    }
}

/// The setting of a channel with its keys and values has changed: tells the members. The one
/// that has made the change has been answered.
pub(crate) fn on_channel_metadata(
    cx: &Context,
    event: &ChannelEvent<'_>,
    before: &str,
    value: &str,
    out: &mut Out,
) {
    let Some(channel) = cx.network.channels().find(event.channel) else {
        return;
    };
    let (old, new): (BTreeMap<_, _>, BTreeMap<_, _>) = (
        channel_entries(before).collect(),
        channel_entries(value).collect(),
    );
    let removed = old.keys().filter(|key| !new.contains_key(*key));
    let removed = removed.map(|key| (*key, None));
    let set = new
        .iter()
        .filter(|(key, value)| old.get(*key) != Some(*value));
    let set = set.map(|(key, value)| (*key, Some(&**value)));
    let changes: Vec<_> = removed.chain(set).collect();
    let own = event.who.and_then(|id| user_of(cx, id));
    let own = own.map(|(link, _)| link);
    cx.work.charge(work::LINK * channel.links_len() as u64);
    let links = channel.links().filter(|link| Some(*link) != own);
    let links: Vec<LinkId> = links.collect();
    for link in links {
        for (key, value) in &changes {
            if is_subscribed(cx, link, key) {
                let change = (channel.name(), *key, *value);
                send_value(cx, link, &Batch::NONE, change, out);
            }
        }
    }
}
