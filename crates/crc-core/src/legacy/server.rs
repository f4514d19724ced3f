//! What servers of the dialect say, and what follows.

use crc_wire::{ChannelField, HostId, Text};
use irc_wire::Message as Line;
use irc_wire::legacy::{Content, Message, Middle, Trailing};

use super::registration::is_nick;
use super::reply::{info_of, quit_text};
use super::user::chat_in;
use super::{Introduction, User};
use crate::admission::NAME_BYTES_MAX;
use crate::admission::is_channel_name;
use crate::context::Context;
use crate::context::Out;
use crate::crc::channel::CHANNELS_MAX;
use crate::network::{HostKind, Setting};
use crate::violation::Violation;
use crc_machine::{LinkId, Origin};

impl Context {
    /// The server that we have dialled says something, and has not said who it is.
    pub(crate) fn legacy_introduced(&mut self, link: LinkId, line: &Line<'_>, out: &mut Out) {
        match Message::from_message(line) {
            Ok(Message {
                content: Content::Server { name, info, .. },
                source,
            }) if source.is_none_or(|source| source == name) => {
                if self.legacy_admits_server(link, name.as_str(), out) {
                    let info = info.map_or("", Trailing::as_str).into();
                    self.legacy_takes_server(
                        link,
                        name.as_str(),
                        Introduction { hops: 1, info },
                        out,
                    );
                    self.legacy_dial_taken(link);
                }
            }
            Ok(Message {
                content: Content::Error { text },
                ..
            }) => log::warn!(
                "{} does not take us: {:?}",
                self.describe_peer(link),
                text.as_str()
            ),
            _ => self.legacy_drops(link, &"nobody has introduced itself yet"),
        }
    }

    /// A registered server says something.
    pub(crate) fn legacy_server_says(&mut self, link: LinkId, line: &Line<'_>, out: &mut Out) {
        let Message { source, content } = match Message::from_message(line) {
            Ok(message) => message,
            Err(error) => {
                let who = self.describe_peer(link);
                log::info!("{who}: {} is ignored: {error}", line.command);
                self.counters.dropped += 1;
                return;
            }
        };
        match content {
            Content::Server { name, hops, info } => {
                let info = info.map_or("", Trailing::as_str).into();
                return self.legacy_told_of_server(
                    link,
                    name.as_str(),
                    Introduction { hops, info },
                    out,
                );
            }
            Content::User {
                nick,
                host,
                server,
                real_name,
            } => {
                let user = User::new(host, server, real_name);
                return self.legacy_told_of_user(link, nick.as_str(), user, out);
            }
            Content::Squit { name, reason } => {
                let reason = reason.map_or("", Trailing::as_str);
                return self.legacy_server_gone(link, name.as_str(), reason, out);
            }
            Content::Error { text } => {
                return log::warn!(
                    "{} closes the link: {:?}",
                    self.describe_peer(link),
                    text.as_str()
                );
            }
            Content::NoTopic { channel } => {
                return self.legacy_listed(link, channel.as_str(), "", out);
            }
            Content::TopicReply { channel, topic } => {
                return self.legacy_listed(link, channel.as_str(), topic.as_str(), out);
            }
            Content::NamesReply { channel, nicks } => {
                if let Some(channel) = channel {
                    self.legacy_members(link, channel.as_str(), nicks.as_str(), out);
                }
                return;
            }
            _ => {}
        }
        let Some(id) = self.legacy_source(link, source) else {
            return self.legacy_drops(link, &"its source is not there");
        };
        match content {
            Content::Quit { text } => {
                let text = text.map_or("", Trailing::as_str);
                let text = quit_text(&self.nick_of(id), text).unwrap_or_default();
                self.remove(id, &Text::truncated(text), Some(link), out);
            }
            Content::Join { channel, key } => {
                let key = key.map_or("", Middle::as_str);
                self.legacy_enters(link, id, channel.as_str(), key, out);
            }
            Content::Part { channel } => {
                if self.legacy_channel(channel.as_str()).is_some() {
                    self.leave_channel(id, None, channel.as_str(), "", Some(link), out);
                }
            }
            Content::Topic { channel, topic } => {
                if let Some(topic) = topic {
                    let source = Some(id);
                    self.legacy_sets_topic(link, channel.as_str(), source, topic.as_str(), out);
                }
            }
            Content::Privmsg { target, text } => {
                self.legacy_speaks(link, id, target.as_str(), text.as_str(), out);
            }
            _ => self.legacy_drops(link, &"servers have no use for it"),
        }
    }

    /// The user on the other side of a link who is called so.
    pub(crate) fn legacy_source(&self, link: LinkId, source: Option<Middle<'_>>) -> Option<HostId> {
        let id = self.legacy_user(source?.as_str())?;
        self.network.is_behind(id, link).then_some(id)
    }

    // Who is there.

    pub(crate) fn legacy_told_of_server(
        &mut self,
        link: LinkId,
        name: &str,
        server: Introduction,
        out: &mut Out,
    ) {
        if let Some(known) = self.legacy_server(name) {
            let ours = known == self.config.id;
            let of_legacy = self.legacy.servers.contains_key(&known);
            if ours || of_legacy {
                return self.legacy_drops(link, &format_args!("server {name} is known"));
            }
            return self.legacy_loops(link, out);
        }
        if name.len() > NAME_BYTES_MAX {
            return self.legacy_drops(link, &"the name of a server is too long");
        }
        if self.network.directory().len() >= self.config.limits.hosts_max {
            return self.violation(link, Violation::DirectoryFull, out);
        }
        let info = info_of(&server.info);
        let id = self.free_id();
        self.legacy.servers.insert(id, server);
        self.add_text_host(link, id, HostKind::Server, name, &info, out);
    }

    /// A server on the other side of a link is known by frames, so that whoever is there
    /// would be there twice.
    pub(crate) fn legacy_loops(&mut self, link: LinkId, out: &mut Out) {
        let why = "a server behind this link is known by another network: two networks are \
                   linked twice, or two servers have one name";
        self.legacy_refuses(link, why, out);
    }

    pub(crate) fn legacy_told_of_user(
        &mut self,
        link: LinkId,
        nick: &str,
        user: User,
        out: &mut Out,
    ) {
        if !is_nick(nick) {
            return self.legacy_drops(link, &"nobody can be called so");
        }
        let known = self.names.as_ref().and_then(|names| names.nicks.find(nick));
        if let Some(known) = known {
            let same = self.network.is_behind(known, link) && self.nick_of(known) == nick;
            if !same {
                log::warn!(
                    "{}: user {nick:?} is left out: somebody is called {:?}",
                    self.describe_peer(link),
                    self.nick_of(known)
                );
            }
            return self.legacy_drops(link, &"the nick is taken");
        }
        if self.network.directory().len() >= self.config.limits.hosts_max {
            return self.violation(link, Violation::DirectoryFull, out);
        }
        let info = info_of(&user.real_name);
        let id = self.free_id();
        self.legacy.users.insert(id, user);
        self.add_text_host(link, id, HostKind::Client, nick, &info, out);
    }

    pub(crate) fn legacy_server_gone(
        &mut self,
        link: LinkId,
        name: &str,
        reason: &str,
        out: &mut Out,
    ) {
        let adjacent = self.network.neighbours().find(link).map(|n| n.host);
        match self.legacy_server(name) {
            Some(id) if self.network.is_behind(id, link) && Some(id) != adjacent => {
                self.remove(id, &Text::truncated(reason), Some(link), out);
            }
            _ => self.legacy_drops(link, &"no such server is behind it"),
        }
    }

    // Channels.

    /// A user on the other side of a link has entered a channel. The key counts if
    /// that is a new one.
    pub(crate) fn legacy_enters(
        &mut self,
        link: LinkId,
        id: HostId,
        name: &str,
        key: &str,
        out: &mut Out,
    ) {
        let known = self.network.channels().find(name);
        if known.is_some_and(|known| known.name() != name) {
            log::warn!(
                "{}: {name:?} is left out: it is known in other capitals",
                self.describe_peer(link)
            );
            return self.legacy_drops(link, &"the name of a channel is taken");
        }
        if !is_channel_name(name) || self.network.channels().of(id).count() >= CHANNELS_MAX {
            return self.legacy_drops(link, &"no such channel can be entered");
        }
        self.join_channel(id, name, key, "n", out);
    }

    /// A channel is listed: first its topic.
    pub(crate) fn legacy_listed(&mut self, link: LinkId, name: &str, topic: &str, out: &mut Out) {
        if self.network.channels().find(name).is_none() {
            if let Some(peer) = self.legacy_peer(link) {
                peer.listed = Some((name.into(), topic.into()));
            }
            return;
        }
        // Of two topics that of the server stands that was linked to.
        let session = self.sessions.find(link);
        let parent = session.is_some_and(|s| matches!(s.origin, Origin::Dialed { .. }));
        let free = self
            .legacy_channel(name)
            .is_some_and(|known| known.topic().is_empty());
        if !topic.is_empty() && (parent || free) {
            self.legacy_sets_topic(link, name, None, topic, out);
        }
    }

    /// A channel is listed: those who are in it.
    pub(crate) fn legacy_members(&mut self, link: LinkId, name: &str, nicks: &str, out: &mut Out) {
        for nick in nicks.split(' ') {
            match Middle::new(nick) {
                Ok(word) => match self.legacy_source(link, Some(word)) {
                    Some(id) => self.legacy_enters(link, id, name, "", out),
                    None => self.legacy_drops(link, &"a member is not there"),
                },
                Err(_) => continue,
            }
        }
        let listed = self.legacy_peer(link).and_then(|peer| peer.listed.take());
        if let Some((listed, topic)) = listed
            && *listed == *name
            && !topic.is_empty()
        {
            self.legacy_sets_topic(link, name, None, &topic, out);
        }
    }

    pub(crate) fn legacy_sets_topic(
        &mut self,
        link: LinkId,
        name: &str,
        source: Option<HostId>,
        topic: &str,
        out: &mut Out,
    ) {
        if self.legacy_channel(name).is_none() {
            return self.legacy_drops(link, &"there is no such channel");
        }
        let channels = self.network.channels();
        let version = channels.next_version(name, ChannelField::TOPIC, self.unix_ms());
        let setting = Setting {
            value: topic.into(),
            version,
            source,
        };
        self.apply_setting(name, ChannelField::TOPIC, setting, Some(link), out);
    }

    pub(crate) fn legacy_speaks(
        &mut self,
        link: LinkId,
        id: HostId,
        target: &str,
        text: &str,
        out: &mut Out,
    ) {
        if !target.starts_with('#') {
            return match self.legacy_user(target) {
                Some(to) => self.relay_chat_text(id, to, text, out),
                None => self.legacy_drops(link, &"nobody is called so"),
            };
        }
        match chat_in(id, target, text) {
            Some(chat) if self.legacy_channel(target).is_some() => {
                self.say_in_channel(&chat, None, Some(link), out);
            }
            _ => self.legacy_drops(link, &"there is no such channel"),
        }
    }
}
