//! Renders changes of the network for legacy users and servers.

use crc_machine::LinkId;
use crc_wire::{ChannelField, HostId, Message};
use irc_wire::legacy::{Content, Middle, Trailing};

use super::reply::{
    self, channel_word, on_one_line, quit_text, write_host, write_join, write_line, write_privmsg,
    write_quit, write_topic,
};
use super::{is_legacy, link_of};
use crate::context::{Context, LinkTimer, Out, is_netsplit};
use crate::link::Phase;
use crate::network::{Channel, ChannelEvent, ChannelEventKind, Host, HostKind, Scope};
use crate::walk::Told;

/// Renders a chat for a legacy peer. Other messages are dropped: the protocol has none
/// for them.
pub(crate) fn render_message(cx: &mut Context, link: LinkId, message: &Message<'_>, out: &mut Out) {
    let Message::ClientChat(chat) = message else {
        return log::debug!(
            "{}: message dropped: kind={:?} does not exist in the legacy protocol",
            cx.describe_peer(link),
            message.kind()
        );
    };
    let Some(to) = chat.destination else {
        return;
    };
    let (nick, target) = (cx.legacy_nick_of(chat.source), cx.legacy_nick_of(to));
    if let Ok(target) = Middle::new(&target) {
        let lines = out.store(|arena| write_privmsg(arena, &nick, target, chat.text.as_str()));
        out.send_stored(link, lines);
    }
}

/// Sends the ERROR line that ends a link.
pub(crate) fn send_error(link: LinkId, text: &str, out: &mut Out) {
    let text = on_one_line(text);
    if let Ok(text) = Trailing::new(&text) {
        let line = out.store(|arena| write_line(arena, "", Content::Error { text }));
        out.send_stored(link, line);
    }
}

/// The links to the legacy servers that were told enough, as `takes` says, except `except`.
fn servers_that(
    cx: &Context,
    except: [Option<LinkId>; 2],
    takes: impl Fn(&Told) -> bool,
) -> Vec<LinkId> {
    let links = cx.legacy.synced_links.iter().copied();
    let takes = |link: &LinkId| cx.links.find(*link).is_some_and(|found| takes(&found.told));
    let links = links.filter(|link| !except.contains(&Some(*link)) && takes(link));
    links.collect()
}

/// Whether a server gets the changes of a host.
fn has_host(cx: &Context, id: HostId) -> impl Fn(&Told) -> bool {
    let place = cx.network.directory().place(id);
    move |told| place.is_some_and(|place| told.has_host(id, place))
}

/// Sends the lines that `write` appends to legacy servers.
fn send_to(links: &[LinkId], write: impl FnOnce(&mut Vec<u8>), out: &mut Out) {
    if links.is_empty() {
        return;
    }
    let lines = out.store(write);
    for link in links {
        out.send_stored(*link, lines);
    }
}

/// A host speaks to a legacy server whose burst is under way, alone or in a channel: the
/// server is told of it first.
pub(crate) fn announce_speaker(
    cx: &mut Context,
    link: LinkId,
    id: HostId,
    channel: Option<&str>,
    out: &mut Out,
) {
    let (me, nick) = (reply::own_name(cx), cx.legacy_nick_of(id));
    let directory = cx.network.directory();
    let (Some(host), Some(place), Some(found)) = (
        directory.find(id).filter(|host| host.first_link() != link),
        directory.place(id),
        cx.links.find_mut(link),
    ) else {
        return;
    };
    if !cx.legacy.synced_links.contains(&link) {
        return;
    }
    let is_new = !found.told.has_host(id, place);
    found.told.on_announced(id, place);
    let channel = channel.and_then(|name| cx.network.channels().find(name));
    let channel =
        channel.filter(|it| it.member(id).is_some() && !found.told.has_member(it.name(), id));
    if let Some(channel) = channel {
        found.told.on_member_announced(channel.name(), id);
    }
    let lines = out.store(|arena| {
        if is_new {
            write_host(cx, arena, &me, host);
        }
        if let Some(channel) = channel {
            write_join(arena, &nick, channel);
        }
    });
    out.send_stored(link, lines);
}

/// A host has joined the network.
pub(crate) fn on_host_joined(
    cx: &mut Context,
    id: HostId,
    from: LinkId,
    scope: Scope,
    out: &mut Out,
) {
    let Some(host) = cx.network.directory().find(id) else {
        return;
    };
    if let Some(link) = conflicting_link(cx, host) {
        cx.set_link_timer(link, LinkTimer::LegacyLoop, cx.now);
    }
    let Some(host) = cx
        .network
        .directory()
        .find(id)
        .filter(|_| scope == Scope::All)
    else {
        return;
    };
    let me = reply::own_name(cx);
    let except = [Some(from), Some(host.first_link())];
    let links = servers_that(cx, except, has_host(cx, id));
    send_to(&links, |arena| write_host(cx, arena, &me, host), out);
}

/// A host is about to get another id, which the legacy network does not see. The servers
/// whose burst is under way and that know it, and of which channels they know it as a
/// member.
pub(crate) fn before_renumbering(cx: &Context, id: HostId) -> Vec<(LinkId, Vec<Box<str>>)> {
    let known = has_host(cx, id);
    let links = servers_that(cx, [None; 2], |told| !told.is_all() && known(told));
    let channels = |link| {
        let found = cx.links.find(link);
        let is_known = |name: &&str| found.is_some_and(|it| it.told.has_member(name, id));
        let names = cx.network.channels().of(id).map(Channel::name);
        names.filter(is_known).map(Box::from).collect()
    };
    links
        .into_iter()
        .map(|link| (link, channels(link)))
        .collect()
}

/// A host has got another id, and with it perhaps another place in bursts that are under
/// way: servers are told what they would miss.
pub(crate) fn after_renumbering(
    cx: &mut Context,
    id: HostId,
    known: &[(LinkId, Vec<Box<str>>)],
    out: &mut Out,
) {
    let (me, nick) = (reply::own_name(cx), cx.legacy_nick_of(id));
    let first_link = link_of(cx, id);
    for link in servers_that(cx, [first_link, None], |told| !told.is_all()) {
        let directory = cx.network.directory();
        let (Some(host), Some(place), Some(found)) = (
            directory.find(id),
            directory.place(id),
            cx.links.find_mut(link),
        ) else {
            continue;
        };
        let before = known.iter().find(|(known, _)| *known == link);
        let is_new = before.is_none() && found.told.has_host(id, place);
        if before.is_some() {
            found.told.on_announced(id, place);
        }
        let names = before.map_or(&[][..], |(_, names)| names);
        let mut fresh = Vec::new();
        for channel in cx.network.channels().of(id) {
            let name = channel.name();
            let was_known = names.iter().any(|known| **known == *name);
            if was_known || found.told.has_channel(name) {
                found.told.on_member_announced(name, id);
            }
            if !was_known && found.told.has_channel(name) {
                fresh.push(channel);
            }
        }
        let lines = out.store(|arena| {
            if is_new {
                write_host(cx, arena, &me, host);
            }
            for channel in fresh {
                write_join(arena, &nick, channel);
            }
        });
        out.send_stored(link, lines);
    }
}

/// The legacy link with a server behind it that has the name of `host`, if `host` is a
/// server of the binary protocol.
fn conflicting_link(cx: &Context, host: &Host) -> Option<LinkId> {
    let servers = &cx.legacy.servers;
    if host.kind() != HostKind::Server || servers.contains_key(&host.id()) {
        return None;
    }
    let known = cx.network.names()?.servers.find_for_name(host.name())?;
    let is_legacy = known != host.id() && servers.contains_key(&known);
    is_legacy.then(|| link_of(cx, known)).flatten()
}

/// A host leaves the network.
pub(crate) fn on_host_left(
    cx: &mut Context,
    id: HostId,
    text: &str,
    from: Option<LinkId>,
    scope: Scope,
    out: &mut Out,
) {
    let Some(host) = cx.network.directory().find(id) else {
        return;
    };
    let (kind, link) = (host.kind(), host.first_link());
    if scope == Scope::AllButLegacy {
        cx.legacy.users.remove(&id);
        return;
    }
    let text = match kind {
        HostKind::Client => quit_text_for(cx, text, link, from),
        HostKind::Server => text,
    };
    if kind == HostKind::Client {
        on_user_quit(cx, id, text, out);
    }
    let links = servers_that(cx, [from, link_of(cx, id)], has_host(cx, id));
    match kind {
        HostKind::Client => {
            let nick = cx.legacy_nick_of(id);
            send_to(&links, |arena| write_quit(arena, &nick, text), out);
            cx.legacy.users.remove(&id);
        }
        HostKind::Server => {
            let (me, name) = (reply::own_name(cx), reply::server_name(cx, id));
            let text = on_one_line(text);
            let write = |arena: &mut Vec<u8>| {
                if let Ok(name) = Middle::new(&name) {
                    let reason = Trailing::new(&text).ok();
                    write_line(arena, &me, Content::Squit { name, reason });
                }
            };
            send_to(&links, write, out);
            cx.legacy.servers.remove(&id);
        }
    }
}

/// A client has another name: for the legacy protocol one user leaves, and another one
/// joins who is in the same channels.
pub(crate) fn on_host_renamed(
    cx: &mut Context,
    id: HostId,
    before: &str,
    from: LinkId,
    out: &mut Out,
) {
    let Some(host) = cx.network.directory().find(id) else {
        return;
    };
    let (me, nick) = (reply::own_name(cx), cx.legacy_nick_of(id));
    if nick == before {
        return;
    }
    // Where both nicks cannot exist at once, channels may end and begin anew.
    let first = nick.eq_ignore_ascii_case(before);
    for link in servers_that(cx, [Some(from), Some(host.first_link())], has_host(cx, id)) {
        let Some(told) = cx.links.find(link).map(|found| &found.told) else {
            continue;
        };
        let channels = cx.network.channels().of(id);
        let channels = channels.filter(|it| told.has_member(it.name(), id));
        let lines = out.store(|arena| {
            if first {
                write_quit(arena, before, "");
            }
            reply::write_user(cx, arena, &me, host);
            for channel in channels {
                write_join(arena, &nick, channel);
                if let Some(name) = channel_word(channel.name())
                    && first
                    && channel.members_len() == 1
                {
                    write_topic(arena, &me, name, channel.topic());
                }
            }
            if !first {
                write_quit(arena, before, "");
            }
        });
        out.send_stored(link, lines);
    }
}

/// A user leaves the network with a text: legacy users that share a channel get it.
fn on_user_quit(cx: &mut Context, id: HostId, text: &str, out: &mut Out) {
    let nick = cx.legacy_nick_of(id);
    if cx.network.names().is_none() || quit_text(&nick, text).is_none() {
        return;
    }
    let is_recipient = |link: &LinkId| {
        let neighbour = cx.network.neighbours().find(*link);
        neighbour.is_some_and(|n| n.kind == HostKind::Client && n.host != id)
            && is_legacy(cx, *link)
    };
    let mut links = cx.links_sharing_channel(id);
    links.retain(is_recipient);
    if !links.is_empty() {
        let line = out.store(|arena| write_quit(arena, &nick, text));
        for link in links {
            out.send_stored(link, line);
        }
    }
}

/// A host has entered a channel.
pub(crate) fn on_channel_joined(
    cx: &mut Context,
    id: HostId,
    channel: &str,
    from: Option<LinkId>,
    out: &mut Out,
) {
    if cx.legacy.synced_links.is_empty() {
        return;
    }
    let Some(channel) = cx.network.channels().find(channel) else {
        return;
    };
    let nick = cx.legacy_nick_of(id);
    let name = channel.name();
    let links = servers_that(cx, [from, link_of(cx, id)], |told| told.has_channel(name));
    send_to(&links, |arena| write_join(arena, &nick, channel), out);
    for link in links {
        if let Some(found) = cx.links.find_mut(link) {
            found.told.on_member_announced(name, id);
        }
    }
}

/// A host leaves a channel.
fn on_channel_left(
    cx: &mut Context,
    id: HostId,
    channel: &str,
    from: Option<LinkId>,
    out: &mut Out,
) {
    if cx.legacy.synced_links.is_empty() {
        return;
    }
    let Some(known) = cx.network.channels().find(channel) else {
        return;
    };
    let nick = cx.legacy_nick_of(id);
    let write = |arena: &mut Vec<u8>| {
        if let Some(channel) = channel_word(known.name()) {
            write_line(arena, &nick, Content::Part { channel });
        }
    };
    let name = known.name();
    let links = servers_that(cx, [from, link_of(cx, id)], |told| {
        told.has_member(name, id)
    });
    send_to(&links, write, out);
}

/// A setting of a channel has changed: legacy servers get topics, the only setting that
/// their protocol has.
fn on_channel_set(
    cx: &mut Context,
    channel: &str,
    source: Option<HostId>,
    field: ChannelField,
    value: &str,
    from: Option<LinkId>,
    out: &mut Out,
) {
    if cx.legacy.synced_links.is_empty() {
        return;
    }
    let Some(known) = cx.network.channels().find(channel) else {
        return;
    };
    if field != ChannelField::TOPIC {
        return;
    }
    let me = reply::own_name(cx);
    let by = source.filter(|id| cx.network.directory().find(*id).is_some());
    let source_link = by.and_then(|id| link_of(cx, id));
    let nick = by.map(|id| cx.legacy_nick_of(id));
    let topic = on_one_line(value);
    let write = |arena: &mut Vec<u8>| {
        let Some(channel) = channel_word(known.name()) else {
            return;
        };
        match &nick {
            Some(nick) => {
                let topic = Trailing::new(&topic).ok();
                write_line(arena, nick, Content::Topic { channel, topic });
            }
            None => write_topic(arena, &me, channel, &topic),
        }
    };
    let name = known.name();
    let links = servers_that(cx, [from, source_link], |told| told.has_channel(name));
    send_to(&links, write, out);
}

/// A host speaks in a channel: legacy servers with members behind them get it.
#[inline]
pub(crate) fn on_channel_chat(
    cx: &mut Context,
    event: &ChannelEvent<'_>,
    text: &str,
    from: Option<LinkId>,
    refused: &[LinkId],
    out: &mut Out,
) {
    if !cx.legacy.synced_links.is_empty() {
        send_channel_chat(cx, event, text, from, refused, out);
    }
}

/// The same where there are legacy servers, out of line: most servers have none.
#[inline(never)]
fn send_channel_chat(
    cx: &mut Context,
    event: &ChannelEvent<'_>,
    text: &str,
    from: Option<LinkId>,
    refused: &[LinkId],
    out: &mut Out,
) {
    let (Some(known), Some(who)) = (cx.network.channels().find(event.channel), event.who) else {
        return;
    };
    let source_link = link_of(cx, who);
    let members = known.links();
    let is_recipient = |link: &LinkId| {
        Some(*link) != from
            && Some(*link) != source_link
            && cx.legacy.synced_links.contains(link)
            && !refused.contains(link)
    };
    let links: Vec<_> = members.filter(is_recipient).collect();
    if let Some(name) = channel_word(known.name())
        && !links.is_empty()
    {
        let nick = cx.legacy_nick_of(who);
        let lines = out.store(|arena| write_privmsg(arena, &nick, name, text));
        for link in links {
            out.send_stored(link, lines);
        }
    }
}

/// Writes an event of a channel for legacy users.
pub(crate) fn write_event(cx: &Context, event: &ChannelEvent<'_>, arena: &mut Vec<u8>) {
    let Some(channel) = channel_word(event.channel) else {
        return;
    };
    match event.kind {
        ChannelEventKind::Said { text, .. } => {
            if let Some(who) = event.who {
                write_privmsg(arena, &cx.legacy_nick_of(who), channel, text);
            }
        }
        ChannelEventKind::Set {
            field: ChannelField::TOPIC,
            value,
            ..
        } if event.scope != Scope::AllButLegacy => {
            write_topic(arena, &reply::own_name(cx), channel, value)
        }
        // Members are listed on request only.
        _ => {}
    }
}

/// The quit text for the legacy protocol: a lost link has none, here or further away.
fn quit_text_for<'a>(cx: &Context, text: &'a str, link: LinkId, from: Option<LinkId>) -> &'a str {
    let session = cx.links.find(link);
    let server = session.is_some_and(|session| session.phase == Phase::Server);
    let lost_here = from.is_none() && (server || is_legacy(cx, link) || cx.is_leaving(link));
    if lost_here || is_netsplit(text) {
        return "";
    }
    text
}

/// Renders an event of a channel for legacy servers: members and topics.
pub(crate) fn on_channel_event(
    cx: &mut Context,
    event: &ChannelEvent<'_>,
    from: Option<LinkId>,
    out: &mut Out,
) {
    if event.scope == Scope::AllButLegacy {
        return;
    }
    match (event.kind, event.who) {
        (ChannelEventKind::Entered { .. }, Some(id)) => {
            on_channel_joined(cx, id, event.channel, from, out);
        }
        (ChannelEventKind::Left { .. }, Some(id)) => {
            on_channel_left(cx, id, event.channel, from, out);
        }
        (ChannelEventKind::Set { field, value, .. }, source) => {
            on_channel_set(cx, event.channel, source, field, value, from, out);
        }
        _ => {}
    }
}
