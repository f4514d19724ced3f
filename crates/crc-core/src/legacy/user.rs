//! What users of the dialect who are linked to us say, and what follows.

use crc_wire::{ChannelChat, ChannelField, ChannelName, ChatKind, HostId, Kind, Text};
use irc_wire::legacy::{Content, LegacyError, Message, Middle, Trailing};
use irc_wire::{Command, Message as Line, Verb};

use super::reply::{put, put_names, put_topic, quit_text};
use crate::context::Context;
use crate::context::Out;
use crate::crc::channel::NotAdmitted;
use crate::violation::Violation;
use crc_machine::CloseWhen;
use crc_machine::{LinkDown, LinkId};

/// The most bytes of a key: it is told in one line with a nick and a channel.
const KEY_BYTES_MAX: usize = 1024;

/// What is said in a channel, as frames have it.
pub(crate) fn chat_in<'a>(
    source: HostId,
    channel: &'a str,
    text: &'a str,
) -> Option<ChannelChat<'a>> {
    Some(ChannelChat {
        source,
        kind: ChatKind::Message,
        channel: ChannelName::new(channel).ok()?,
        text: Text::truncated(text),
    })
}

impl Context {
    /// A registered user says something.
    pub(crate) fn legacy_user_says(&mut self, link: LinkId, line: &Line<'_>, out: &mut Out) {
        let Some(id) = self.network.neighbours().find(link).map(|n| n.host) else {
            return;
        };
        // Whatever a user calls itself there.
        let line = Line {
            prefix: None,
            ..*line
        };
        let command = line.command.as_str();
        match line.command {
            Command::Verb(Verb::User | Verb::Server) => {
                return self.legacy_answer(link, Content::AlreadyRegistered, out);
            }
            Command::Verb(
                Verb::Quit | Verb::Join | Verb::Part | Verb::Topic | Verb::Names | Verb::Privmsg,
            ) => {}
            _ => {
                if let Ok(command) = Middle::new(command) {
                    self.legacy_answer(link, Content::UnknownCommand { command }, out);
                }
                return;
            }
        }
        let content = match Message::from_message(&line) {
            Ok(message) => message.content,
            Err(error @ LegacyError::NotUtf8) => return self.legacy_drops(link, &error),
            Err(_) => return self.legacy_needs_more(link, command, out),
        };
        match content {
            Content::Quit { text } => {
                let text = text.map_or("", Trailing::as_str);
                self.legacy_user_leaves(link, id, text, out);
            }
            Content::Join { channel, key } => self.legacy_joins(link, id, channel, key, out),
            Content::Part { channel } => self.legacy_parts(link, id, channel, out),
            Content::Topic { channel, topic } => {
                self.legacy_topic(link, id, channel, topic, out);
            }
            Content::Names { channel } => self.legacy_names(link, channel, out),
            Content::Privmsg { target, text } => {
                self.legacy_privmsg(link, id, target, text.as_str(), out);
            }
            _ => {}
        }
    }

    pub(crate) fn legacy_user_leaves(
        &mut self,
        link: LinkId,
        id: HostId,
        text: &str,
        out: &mut Out,
    ) {
        log::info!("{} quits: {text:?}", self.describe_peer(link));
        let text = quit_text(&self.nick_of(id), text).unwrap_or_default();
        self.network.neighbours_mut().remove(link);
        self.remove(id, &Text::truncated(text), Some(link), out);
        self.close(link, CloseWhen::Flushed, "quit", out);
    }

    pub(crate) fn legacy_joins(
        &mut self,
        link: LinkId,
        id: HostId,
        channel: Middle<'_>,
        key: Option<Middle<'_>>,
        out: &mut Out,
    ) {
        let name = channel.as_str();
        let known = self.network.channels().find(name);
        if known.is_some_and(|known| known.name() != name) {
            // It differs only in capitals, which users of IRC can't tell apart.
            return self.legacy_answer(link, Content::NoSuchChannel { channel }, out);
        }
        if known.is_some_and(|known| known.member(id).is_some()) {
            return;
        }
        let key = key.map_or("", Middle::as_str);
        if key.len() > KEY_BYTES_MAX {
            return self.legacy_answer(link, Content::BadChannelKey { channel }, out);
        }
        let mask = self.masks(id);
        if let Err(why) = self.may_enter(id, name, key, false, mask) {
            let answer = match why {
                NotAdmitted::Name => Content::NoSuchChannel { channel },
                NotAdmitted::Key => Content::BadChannelKey { channel },
                NotAdmitted::InviteOnly => Content::InviteOnly { channel },
                NotAdmitted::Banned => Content::Banned { channel },
                NotAdmitted::Full => Content::ChannelIsFull { channel },
                NotAdmitted::TooMany => Content::TooManyChannels { channel },
            };
            return self.legacy_answer(link, answer, out);
        }
        self.join_channel(id, name, key, "n", out);
        self.legacy_shows_topic(link, channel, out);
    }

    pub(crate) fn legacy_parts(
        &mut self,
        link: LinkId,
        id: HostId,
        channel: Middle<'_>,
        out: &mut Out,
    ) {
        if self.legacy_is_in(link, id, channel, out) {
            self.leave_channel(id, None, channel.as_str(), "", None, out);
        }
    }

    /// Whether a user is in a channel; if not, the user is told so.
    pub(crate) fn legacy_is_in(
        &mut self,
        link: LinkId,
        id: HostId,
        channel: Middle<'_>,
        out: &mut Out,
    ) -> bool {
        let answer = match self.legacy_channel(channel.as_str()) {
            None => Content::NoSuchChannel { channel },
            Some(known) if known.member(id).is_none() => Content::NotOnChannel { channel },
            Some(_) => return true,
        };
        self.legacy_answer(link, answer, out);
        false
    }

    pub(crate) fn legacy_shows_topic(&mut self, link: LinkId, channel: Middle<'_>, out: &mut Out) {
        let me = self.legacy_name();
        let known = self.network.channels().find(channel.as_str());
        let topic = known.map_or("", |known| known.topic());
        let line = out.store(|arena| put_topic(arena, &me, channel, topic));
        out.send_stored(link, line);
    }

    pub(crate) fn legacy_topic(
        &mut self,
        link: LinkId,
        id: HostId,
        channel: Middle<'_>,
        topic: Option<Trailing<'_>>,
        out: &mut Out,
    ) {
        if !self.legacy_is_in(link, id, channel, out) {
            return;
        }
        let Some(topic) = topic else {
            return self.legacy_shows_topic(link, channel, out);
        };
        let known = self.network.channels().find(channel.as_str());
        let operator = known
            .and_then(|known| known.member(id))
            .is_some_and(|f| f.operator);
        if known.is_some_and(|known| known.modes().contains('t')) && !operator {
            return self.legacy_answer(link, Content::NotOperator { channel }, out);
        }
        self.set_channel(
            channel.as_str(),
            ChannelField::TOPIC,
            Some(id),
            topic.as_str(),
            out,
        );
    }

    pub(crate) fn legacy_names(
        &mut self,
        link: LinkId,
        channel: Option<Middle<'_>>,
        out: &mut Out,
    ) {
        let me = self.legacy_name();
        let asked = match channel {
            None => self.legacy_channels(),
            Some(name) => match self.legacy_channel(name.as_str()) {
                Some(known) => vec![known],
                None => {
                    let answer = Content::NoSuchChannel { channel: name };
                    return self.legacy_answer(link, answer, out);
                }
            },
        };
        let directory = self.network.directory();
        let names = out.store(|arena| {
            for known in asked {
                let nicks = self.legacy_nicks(known.members().map(|(id, _)| id));
                let nicks: Vec<_> = nicks.iter().map(|nick| &**nick).collect();
                if let Some(name) = super::reply::channel_word(known.name()) {
                    put_names(arena, &me, Some(name), &nicks);
                }
            }
            if channel.is_none() {
                let alone = |id: &HostId| self.network.channels().of(*id).next().is_none();
                let clients = directory.clients().map(|host| host.id());
                let nicks = self.legacy_nicks(clients.filter(alone));
                let nicks: Vec<_> = nicks.iter().map(|nick| &**nick).collect();
                put_names(arena, &me, None, &nicks);
            }
            put(arena, &me, Content::EndOfNames);
        });
        // One answer may be as long as it is. Of more at once only as many are kept as
        // may wait.
        let bytes_max = self.config.limits.client_queue_bytes_max;
        out.bound(link, bytes_max.saturating_add(names.len()));
        out.send_stored(link, names);
        let Some(peer) = self.legacy_peer(link) else {
            return;
        };
        peer.names_bytes = peer.names_bytes.saturating_add(names.len());
        if peer.names_bytes > bytes_max.saturating_add(names.len()) {
            self.counters.slow_consumers += 1;
            log::warn!(
                "{}: closed: {}",
                self.describe_peer(link),
                LinkDown::SlowConsumer
            );
            self.close(link, CloseWhen::Now, "too slow", out);
        }
    }

    pub(crate) fn legacy_privmsg(
        &mut self,
        link: LinkId,
        id: HostId,
        target: Middle<'_>,
        text: &str,
        out: &mut Out,
    ) {
        let per_second = self.config.limits.client_chats_per_second;
        if let Some(session) = self.sessions.find_mut(link)
            && !session.chats.try_acquire(self.now, per_second)
        {
            return self.violation(link, Violation::TooFast(Kind::ClientChat), out);
        }
        let name = target.as_str();
        if !name.starts_with('#') {
            return match self.legacy_user(name) {
                Some(to) => self.relay_chat_text(id, to, text, out),
                None => self.legacy_answer(link, Content::NoSuchNick { nick: target }, out),
            };
        }
        let Some(channel) = self.legacy_channel(name) else {
            return self.legacy_answer(link, Content::NoSuchChannel { channel: target }, out);
        };
        let banned = || channel.bans().next().is_some() && channel.bans().any(self.masks(id));
        let heard = channel.member(id).is_some_and(|flags| {
            let silent = channel.modes().contains('m') || banned();
            flags.operator || flags.voice || !silent
        });
        match chat_in(id, name, text) {
            Some(chat) if heard => self.say_in_channel(&chat, None, None, out),
            _ => self.legacy_answer(link, Content::CannotSend { channel: target }, out),
        }
    }
}
