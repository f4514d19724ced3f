//! What the users and servers of the dialect hear of what happens in the network.

use std::collections::BTreeSet;

use crc_wire::{ChannelField, HostId, Message};
use irc_wire::legacy::{Content, Middle, Trailing};

use super::reply::{
    channel_word, on_one_line, put, put_join, put_privmsg, put_quit, put_topic, quit_text,
};
use crate::context::Context;
use crate::context::{Out, Timer};
use crate::crc::channel::{ChannelEvent, ChannelEventKind};
use crate::crc::session::Phase;
use crate::network::{Host, HostKind};
use crc_machine::LinkId;

impl Context {
    /// Something is to be told to somebody on a link: a chat, or an answer that the
    /// dialect has no words for.
    pub(crate) fn legacy_told(&mut self, link: LinkId, message: &Message<'_>, out: &mut Out) {
        let Message::ClientChat(chat) = message else {
            return log::debug!("{}: untold: {:?}", self.describe_peer(link), message.kind());
        };
        let Some(to) = chat.destination else {
            return;
        };
        let (nick, target) = (self.nick_of(chat.source), self.nick_of(to));
        if let Ok(target) = Middle::new(&target) {
            let lines = out.store(|arena| put_privmsg(arena, &nick, target, chat.text.as_str()));
            out.send_stored(link, lines);
        }
    }

    /// The last words on a link that we close.
    pub(crate) fn legacy_closes(&mut self, link: LinkId, text: &str, out: &mut Out) {
        let text = on_one_line(text);
        if let Ok(text) = Trailing::new(&text) {
            let line = out.store(|arena| put(arena, "", Content::Error { text }));
            out.send_stored(link, line);
        }
    }

    /// Tells the servers of the dialect, but for those on two links.
    pub(crate) fn tell_legacy_servers(
        &self,
        but: [Option<LinkId>; 2],
        write: impl FnOnce(&mut Vec<u8>),
        out: &mut Out,
    ) {
        let told = self
            .legacy
            .synced_links
            .iter()
            .filter(|link| !but.contains(&Some(**link)));
        let told: Vec<_> = told.collect();
        if self.legacy.hushed || told.is_empty() {
            return;
        }
        let lines = out.store(write);
        for link in told {
            out.send_stored(*link, lines);
        }
    }

    /// A host has joined the network.
    pub(crate) fn legacy_host_joined(&mut self, id: HostId, from: LinkId, out: &mut Out) {
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        if let Some(link) = self.legacy_link_to_another(host) {
            self.timers.set(Timer::LegacyLoop(link), self.now);
        }
        let me = self.legacy_name();
        let but = [Some(from), Some(host.first_link())];
        let write = |arena: &mut Vec<u8>| match host.kind() {
            HostKind::Client => self.put_legacy_user(arena, &me, host),
            HostKind::Server => self.put_legacy_server(arena, &me, host),
        };
        self.tell_legacy_servers(but, write, out);
    }

    /// The link behind which the dialect has a server that is called as this one is,
    /// which is none of the dialect.
    pub(crate) fn legacy_link_to_another(&self, host: &Host) -> Option<LinkId> {
        let servers = &self.legacy.servers;
        if host.kind() != HostKind::Server || servers.contains_key(&host.id()) {
            return None;
        }
        let known = self.names.as_ref()?.servers.find_for_name(host.name())?;
        let of_legacy = known != host.id() && servers.contains_key(&known);
        of_legacy.then(|| self.legacy_link_of(known)).flatten()
    }

    /// A host is about to be forgotten.
    pub(crate) fn legacy_host_left(
        &mut self,
        id: HostId,
        kind: HostKind,
        text: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        let but = [from, self.legacy_link_of(id)];
        match kind {
            HostKind::Client => {
                let nick = self.nick_of(id);
                self.tell_legacy_servers(but, |arena| put_quit(arena, &nick, text), out);
                self.legacy.users.remove(&id);
            }
            HostKind::Server => {
                let (me, name) = (self.legacy_name(), self.legacy_server_name(id));
                let text = on_one_line(text);
                let write = |arena: &mut Vec<u8>| {
                    if let Ok(name) = Middle::new(&name) {
                        let reason = Trailing::new(&text).ok();
                        put(arena, &me, Content::Squit { name, reason });
                    }
                };
                self.tell_legacy_servers(but, write, out);
                self.legacy.servers.remove(&id);
            }
        }
    }

    /// A client has another name now: for the dialect one user leaves and another one
    /// comes, who is in the same channels.
    pub(crate) fn legacy_host_renamed(
        &mut self,
        id: HostId,
        before: &str,
        from: LinkId,
        out: &mut Out,
    ) {
        let Some(host) = self.network.directory().find(id) else {
            return;
        };
        let (me, nick) = (self.legacy_name(), self.nick_of(id));
        if nick == before {
            return;
        }
        // Where two nicks can't be there at once, channels may end and begin anew.
        let first = nick.eq_ignore_ascii_case(before);
        let write = |arena: &mut Vec<u8>| {
            if first {
                put_quit(arena, before, "");
            }
            self.put_legacy_user(arena, &me, host);
            for channel in self.network.channels().of(id) {
                put_join(arena, &nick, channel);
                if let Some(name) = channel_word(channel.name())
                    && first
                    && channel.members_len() == 1
                {
                    put_topic(arena, &me, name, channel.topic());
                }
            }
            if !first {
                put_quit(arena, before, "");
            }
        };
        self.tell_legacy_servers([Some(from), Some(host.first_link())], write, out);
    }

    /// Somebody leaves the network: with words, those users hear them who share a
    /// channel.
    pub(crate) fn legacy_user_quits(&mut self, id: HostId, text: &str, out: &mut Out) {
        let nick = self.nick_of(id);
        if self.legacy.hushed || quit_text(&nick, text).is_none() {
            return;
        }
        let mut links = BTreeSet::new();
        for channel in self.network.channels().of(id) {
            links.extend(channel.links());
        }
        let hears = |link: &LinkId| {
            let neighbour = self.network.neighbours().find(*link);
            neighbour.is_some_and(|n| n.kind == HostKind::Client && n.host != id)
                && self.is_legacy(*link)
        };
        let links: Vec<_> = links.into_iter().filter(hears).collect();
        if !links.is_empty() {
            let line = out.store(|arena| put_quit(arena, &nick, text));
            for link in links {
                out.send_stored(link, line);
            }
        }
    }

    /// A host is in a channel now.
    pub(crate) fn legacy_channel_joined(
        &mut self,
        id: HostId,
        channel: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        if self.legacy.synced_links.is_empty() {
            return;
        }
        let Some(channel) = self.network.channels().find(channel) else {
            return;
        };
        let nick = self.nick_of(id);
        let but = [from, self.legacy_link_of(id)];
        self.tell_legacy_servers(but, |arena| put_join(arena, &nick, channel), out);
    }

    /// A host leaves a channel.
    pub(crate) fn legacy_channel_left(
        &mut self,
        id: HostId,
        channel: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        if self.legacy.synced_links.is_empty() {
            return;
        }
        let Some(known) = self.network.channels().find(channel) else {
            return;
        };
        let nick = self.nick_of(id);
        let write = |arena: &mut Vec<u8>| {
            if let Some(channel) = channel_word(known.name()) {
                put(arena, &nick, Content::Part { channel });
            }
        };
        self.tell_legacy_servers([from, self.legacy_link_of(id)], write, out);
    }

    /// A channel is set otherwise: of its settings the dialect tells of the topic.
    pub(crate) fn legacy_channel_set(
        &mut self,
        channel: &str,
        source: Option<HostId>,
        field: ChannelField,
        value: &str,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        if self.legacy.synced_links.is_empty() {
            return;
        }
        let Some(known) = self.network.channels().find(channel) else {
            return;
        };
        if field != ChannelField::TOPIC {
            return;
        }
        let me = self.legacy_name();
        let by = source.filter(|id| self.network.directory().find(*id).is_some());
        let way = by.and_then(|id| self.legacy_link_of(id));
        let nick = by.map(|id| self.nick_of(id));
        let topic = on_one_line(value);
        let write = |arena: &mut Vec<u8>| {
            let Some(channel) = channel_word(known.name()) else {
                return;
            };
            match &nick {
                Some(nick) => {
                    let topic = Trailing::new(&topic).ok();
                    put(arena, nick, Content::Topic { channel, topic });
                }
                None => put_topic(arena, &me, channel, &topic),
            }
        };
        self.tell_legacy_servers([from, way], write, out);
    }

    /// Something is said in a channel: the servers hear it behind which members are.
    pub(crate) fn legacy_channel_said(
        &mut self,
        channel: &str,
        who: Option<HostId>,
        what: ChannelEventKind<'_>,
        from: Option<LinkId>,
        out: &mut Out,
    ) {
        if self.legacy.synced_links.is_empty() {
            return;
        }
        let (Some(known), Some(who), ChannelEventKind::Said { text, .. }) =
            (self.network.channels().find(channel), who, what)
        else {
            return;
        };
        let way = self.legacy_link_of(who);
        let members = known.links();
        let hears = |link: &LinkId| {
            Some(*link) != from && Some(*link) != way && self.legacy.synced_links.contains(link)
        };
        let links: Vec<_> = members.filter(hears).collect();
        if let Some(name) = channel_word(known.name())
            && !links.is_empty()
        {
            let nick = self.nick_of(who);
            let lines = out.store(|arena| put_privmsg(arena, &nick, name, text));
            for link in links {
                out.send_stored(link, lines);
            }
        }
    }

    /// What a user of the dialect is told of what happens in a channel.
    pub(crate) fn write_legacy(&self, event: &ChannelEvent<'_>, arena: &mut Vec<u8>) {
        let Some(channel) = channel_word(event.channel) else {
            return;
        };
        match event.what {
            ChannelEventKind::Said { text, .. } => {
                if let Some(who) = event.who {
                    put_privmsg(arena, &self.nick_of(who), channel, text);
                }
            }
            ChannelEventKind::Set {
                field: ChannelField::TOPIC,
                value,
                ..
            } if !self.legacy.hushed => put_topic(arena, &self.legacy_name(), channel, value),
            // Who is there is told to those who ask.
            _ => {}
        }
    }

    /// The words with which somebody leaves, as the dialect takes them: a link that is
    /// lost says nothing.
    pub(crate) fn legacy_quit_text<'a>(
        &self,
        text: &'a str,
        link: LinkId,
        from: Option<LinkId>,
    ) -> &'a str {
        let session = self.sessions.find(link);
        let server = session.is_some_and(|session| session.phase == Phase::Server);
        if from.is_none() && (server || self.is_legacy(link)) {
            return "";
        }
        text
    }
}
