//! Lines from legacy servers.

use crc_machine::{LinkId, Origin};
use crc_wire::{ChannelField, HostId, Text};
use irc_wire::Message as Line;
use irc_wire::legacy::{Content, Message, Middle, Trailing};

use super::registration::{self, is_nick};
use super::reply::{self, quit_text};
use super::user::chat_in;
use super::{Introduction, User, drop_line, peer_mut, uplink};
use crate::admission::{NAME_BYTES_MAX, admitted_info};
use crate::context::{Context, Out, guarded_quit_text};
use crate::network::{HostInfo, HostKind, MODES_UNSET, Network};
use crate::violation::Violation;

/// Handles a line of a dialled server that has not introduced itself.
pub(super) fn on_introduction(cx: &mut Context, link: LinkId, line: &Line<'_>, out: &mut Out) {
    match Message::from_message(line) {
        Ok(Message {
            content: Content::Server { name, info, .. },
            source,
        }) if source.is_none_or(|source| source == name) => {
            if registration::may_link_server(cx, link, name.as_str(), out) {
                let info = info.map_or("", Trailing::as_str).into();
                registration::add_server(
                    cx,
                    link,
                    name.as_str(),
                    Introduction { hops: 1, info },
                    out,
                );
                uplink::on_accepted(cx, link);
            }
        }
        Ok(Message {
            content: Content::Error { text },
            ..
        }) => log::warn!(
            "{} refused this server: {:?}",
            cx.describe_peer(link),
            text.as_str()
        ),
        _ => drop_line(cx, link, &"no server has introduced itself"),
    }
}

/// Handles a line of a registered server.
pub(super) fn on_server_line(cx: &mut Context, link: LinkId, line: &Line<'_>, out: &mut Out) {
    let Message { source, content } = match Message::from_message(line) {
        Ok(message) => message,
        Err(error) => {
            let peer = cx.describe_peer(link);
            log::info!("{peer}: {} ignored: {error}", line.command);
            cx.counters.dropped += 1;
            return;
        }
    };
    match content {
        Content::Server { name, hops, info } => {
            let info = info.map_or("", Trailing::as_str).into();
            return on_remote_server(cx, link, name.as_str(), Introduction { hops, info }, out);
        }
        Content::User {
            nick,
            host,
            server,
            real_name,
        } => {
            let user = User::new(host, server, real_name);
            return on_remote_user(cx, link, nick.as_str(), user, out);
        }
        Content::Squit { name, reason } => {
            let reason = reason.map_or("", Trailing::as_str);
            return on_squit(cx, link, name.as_str(), reason, out);
        }
        Content::Error { text } => {
            return log::warn!(
                "{} closes the link: {:?}",
                cx.describe_peer(link),
                text.as_str()
            );
        }
        Content::NoTopic { channel } => {
            return on_topic_burst(cx, link, channel.as_str(), "", out);
        }
        Content::TopicReply { channel, topic } => {
            return on_topic_burst(cx, link, channel.as_str(), topic.as_str(), out);
        }
        Content::NamesReply { channel, nicks } => {
            if let Some(channel) = channel {
                on_names_burst(cx, link, channel.as_str(), nicks.as_str(), out);
            }
            return;
        }
        _ => {}
    }
    let Some(id) = source_id(cx, link, source) else {
        return drop_line(cx, link, &"unknown source");
    };
    match content {
        Content::Quit { text } => {
            let text = text.map_or("", Trailing::as_str);
            let text = quit_text(&cx.legacy_nick_of(id), text).unwrap_or_default();
            let text = guarded_quit_text(text);
            cx.remove_host(id, &Text::truncated(&text), Some(link), out);
        }
        Content::Join { channel, key } => {
            let key = key.map_or("", Middle::as_str);
            on_join(cx, link, id, channel.as_str(), key, out);
        }
        Content::Part { channel } => {
            if reply::find_channel(cx, channel.as_str()).is_some() {
                cx.leave_channel(id, None, channel.as_str(), "", Some(link), out);
            }
        }
        Content::Topic { channel, topic } => {
            if let Some(topic) = topic {
                on_topic(cx, link, id, channel, topic.as_str(), out);
            }
        }
        Content::Privmsg { target, text } => {
            on_privmsg(cx, link, id, target.as_str(), text.as_str(), out);
        }
        _ => drop_line(cx, link, &"not for servers"),
    }
}

/// The user with this nick, if it is behind the link.
fn source_id(cx: &Context, link: LinkId, source: Option<Middle<'_>>) -> Option<HostId> {
    let id = reply::find_user(cx, source?.as_str())?;
    cx.network.is_behind(id, link).then_some(id)
}

// Hosts.

/// SERVER: there is another server behind the link. A name that the legacy network has
/// already is dropped; one that the binary protocol knows closes the link.
fn on_remote_server(
    cx: &mut Context,
    link: LinkId,
    name: &str,
    server: Introduction,
    out: &mut Out,
) {
    cx.finish_leaving_named(name, out);
    if let Some(known) = registration::find_server(cx, name) {
        let is_own = known == cx.config.id;
        let is_legacy = cx.legacy.servers.contains_key(&known);
        if is_own || is_legacy {
            return drop_line(cx, link, &format_args!("server {name} is known"));
        }
        return on_loop(cx, link, out);
    }
    if name.len() > NAME_BYTES_MAX {
        return drop_line(cx, link, &"server name too long");
    }
    if cx.network.directory().len() >= cx.config.limits.hosts_max {
        return cx.on_violation(link, Violation::DirectoryFull, out);
    }
    let info = admitted_info(&server.info);
    let id = cx.free_id();
    cx.legacy.servers.insert(id, server);
    let info = HostInfo::for_people(id, HostKind::Server, name, &info);
    cx.add_text_host(link, &info, out);
}

/// A server behind a legacy link is also known by the binary protocol, so every host
/// there would appear twice.
pub(crate) fn on_loop(cx: &mut Context, link: LinkId, out: &mut Out) {
    let why = "a server behind this link is known by another network: two networks are \
               linked twice, or two servers have one name";
    registration::refuse(cx, link, why, out);
}

/// USER: there is another user behind the link. A nick that is in use or not valid is
/// dropped, with a warning if another host has it.
fn on_remote_user(cx: &mut Context, link: LinkId, nick: &str, user: User, out: &mut Out) {
    if !is_nick(nick) {
        return drop_line(cx, link, &"invalid nick");
    }
    cx.finish_leaving_named(nick, out);
    let known = cx.network.names().and_then(|names| names.nicks.find(nick));
    if let Some(known) = known {
        let same = cx.network.is_behind(known, link) && cx.legacy_nick_of(known) == nick;
        if !same {
            log::warn!(
                "{}: user {nick:?} ignored: nick {:?} is in use",
                cx.describe_peer(link),
                cx.legacy_nick_of(known)
            );
        }
        return drop_line(cx, link, &"nick in use");
    }
    if cx.network.directory().len() >= cx.config.limits.hosts_max {
        return cx.on_violation(link, Violation::DirectoryFull, out);
    }
    let info = admitted_info(&user.real_name);
    let id = cx.free_id();
    cx.legacy.users.insert(id, user);
    let info = HostInfo::for_people(id, HostKind::Client, nick, &info);
    cx.add_text_host(link, &info, out);
}

/// SQUIT: a server behind the link has left, and all hosts behind it. The adjacent
/// server cannot be named.
fn on_squit(cx: &mut Context, link: LinkId, name: &str, reason: &str, out: &mut Out) {
    let adjacent = cx.network.neighbours().find(link).map(|n| n.host);
    match registration::find_server(cx, name) {
        Some(id) if cx.network.is_behind(id, link) && Some(id) != adjacent => {
            cx.remove_host(id, &Text::truncated(reason), Some(link), out);
        }
        _ => drop_line(cx, link, &"no such server behind this link"),
    }
}

// Channels.

/// A user behind a link has entered a channel. The key counts if the channel is new.
fn on_join(cx: &mut Context, link: LinkId, id: HostId, name: &str, key: &str, out: &mut Out) {
    let known = cx.network.channels().find(name);
    if known.is_some_and(|known| known.name() != name) {
        log::warn!(
            "{}: channel {name:?} ignored: known in another case",
            cx.describe_peer(link)
        );
        return drop_line(cx, link, &"channel name in use");
    }
    if cx.network.may_be_member(id, name).is_err() {
        return drop_line(cx, link, &"invalid channel, or too many channels");
    }
    // Its own server has let it in: a key that no user here could set is cut to one.
    let key = reply::key_of(key);
    cx.join_channel(id, name, &key, MODES_UNSET, out);
}

/// The topic of a channel in a burst.
fn on_topic_burst(cx: &mut Context, link: LinkId, name: &str, topic: &str, out: &mut Out) {
    if cx.network.channels().find(name).is_none() {
        if let Some(peer) = peer_mut(cx, link) {
            peer.burst_topic = Some((name.into(), topic.into()));
        }
        return;
    }
    // If both servers have a topic, that of the dialled server wins.
    let session = cx.links.find(link);
    let parent = session.is_some_and(|s| matches!(s.origin, Origin::Dialed { .. }));
    let free = reply::find_channel(cx, name).is_some_and(|known| known.topic().is_empty());
    if !topic.is_empty() && (parent || free) {
        set_topic(cx, link, name, None, topic, out);
    }
}

/// The members of a channel in a burst.
fn on_names_burst(cx: &mut Context, link: LinkId, name: &str, nicks: &str, out: &mut Out) {
    for nick in nicks.split(' ') {
        match Middle::new(nick) {
            Ok(word) => match source_id(cx, link, Some(word)) {
                Some(id) => on_join(cx, link, id, name, "", out),
                None => drop_line(cx, link, &"unknown member"),
            },
            Err(_) => continue,
        }
    }
    let burst_topic = peer_mut(cx, link).and_then(|peer| peer.burst_topic.take());
    if let Some((channel, topic)) = burst_topic
        && *channel == *name
        && !topic.is_empty()
    {
        set_topic(cx, link, name, None, &topic, out);
    }
}

/// Sets a topic that came over a link, with a new version, so that it overrides the
/// former one.
fn set_topic(
    cx: &mut Context,
    link: LinkId,
    name: &str,
    source: Option<HostId>,
    topic: &str,
    out: &mut Out,
) {
    if reply::find_channel(cx, name).is_none() {
        return drop_line(cx, link, &"no such channel");
    }
    let topic = reply::topic_of(topic);
    let setting = cx.new_setting(name, ChannelField::TOPIC, source, topic);
    cx.apply_setting(
        name,
        ChannelField::TOPIC,
        (source, setting),
        Some(link),
        out,
    );
}

/// TOPIC of a user behind the link. If the user may not set it here, its server gets the
/// topic that stands.
fn on_topic(
    cx: &mut Context,
    link: LinkId,
    id: HostId,
    channel: Middle<'_>,
    topic: &str,
    out: &mut Out,
) {
    let (name, field) = (channel.as_str(), ChannelField::TOPIC);
    if reply::find_channel(cx, name).is_some() && cx.network.may_set(id, name, field).is_err() {
        drop_line(cx, link, &"not an operator");
        let me = reply::own_name(cx);
        let known = cx.network.channels().find(name);
        let stands = known.map_or("", |known| known.topic());
        let line = out.store(|arena| reply::write_topic(arena, &me, channel, stands));
        return out.send_stored(link, line);
    }
    set_topic(cx, link, name, Some(id), topic, out);
}

/// PRIVMSG of a user behind the link, to a channel or a nick. What the user may not say
/// here is heard on its own side only.
fn on_privmsg(cx: &mut Context, link: LinkId, id: HostId, target: &str, text: &str, out: &mut Out) {
    if !target.starts_with('#') {
        return match reply::find_user(cx, target) {
            Some(to) => cx.relay_chat_text(id, to, text, out),
            None => drop_line(cx, link, &"no such nick"),
        };
    }
    let (Some(chat), Some(channel)) = (chat_in(id, target, text), reply::find_channel(cx, target))
    else {
        return drop_line(cx, link, &"no such channel");
    };
    let is_silenced = |channel: &_| cx.is_silenced(id, channel);
    match Network::may_say(id, channel, text, is_silenced) {
        Ok(()) => cx.say_in_channel(&chat, None, Some(link), out),
        Err(_) => drop_line(cx, link, &"may not speak in this channel"),
    }
}
