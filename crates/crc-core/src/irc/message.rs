//! What users of IRC say: to somebody, or to a channel.

use crc_wire::{ChannelChat, ChannelName, ChannelRequest, ChatKind, HostId, RequestKind, Text};
use irc_wire::{FastPrivmsg, Line, Message, Numeric, lists, text};

use super::UserRef;
use super::reply::{LINE_BYTES_MAX, write_said};
use super::session::{Capability, LastTarget, NAMES};
use crate::context::{Context, Out};
use crate::network::Channel;
use crc_machine::ByteRange;
use crc_machine::LinkId;

/// How many recipients a message may have.
const TARGETS_MAX: usize = 4;

impl Context {
    /// Most of what is said: one line to one user of IRC here, or to one channel, from
    /// somebody who wants no echo to somebody who wants no tags. Whether it was that,
    /// and is dealt with.
    pub(crate) fn relay_privmsg_fast(
        &mut self,
        link: LinkId,
        line: Line<'_>,
        out: &mut Out,
    ) -> bool {
        let said = line.whole().ok().and_then(FastPrivmsg::parse);
        let Some(FastPrivmsg {
            notice,
            target,
            text,
            ..
        }) = said
        else {
            return false;
        };
        let (Ok(name), Ok(text)) = (str::from_utf8(target), str::from_utf8(text)) else {
            return false;
        };
        let Some(id) = self.network.neighbours().find(link).map(|n| n.host) else {
            return false;
        };
        let kind = if notice {
            ChatKind::Notice
        } else {
            ChatKind::Message
        };
        if NAMES.is_channel(target) {
            let now = self.now;
            if let Some(user) = self.irc_user_mut(link) {
                user.spoke_at = now;
            }
            self.irc_says_in_channel(UserRef { link, id }, kind, name, text, out);
            return true;
        }
        let (Some(names), Some(speaker)) = (&self.names, self.irc_user(link)) else {
            return false;
        };
        let changes = names.nicks.changes();
        let known = speaker.last_target.as_ref();
        let known = known.filter(|to| to.changes == changes && *to.nick == *target);
        let reader = match known {
            Some(to) => to.link,
            None => match names.nicks.find(name).and_then(|id| self.irc_user_of(id)) {
                Some((reader, _)) => reader,
                None => return false,
            },
        };
        let known = known.is_some();
        let Some(listener) = self.irc_user(reader) else {
            return false;
        };
        let called = listener.source.split('!').next().unwrap_or_default();
        let plain = !speaker.has(Capability::EchoMessage)
            && !listener.has(Capability::ServerTime)
            && listener.away.is_none();
        let command = if notice { " NOTICE " } else { " PRIVMSG " };
        // The colons, a blank and the line's end are five bytes.
        let len = speaker.source.len() + command.len() + called.len() + text.len() + 5;
        if !plain || called.is_empty() || len > LINE_BYTES_MAX + 2 {
            return false;
        }
        let range = out.store(|arena| {
            for part in [":", &speaker.source, command, called, " :", text, "\r\n"] {
                arena.extend_from_slice(part.as_bytes());
            }
        });
        out.send_stored(reader, range);
        self.counters.chats_relayed += 1;
        let now = self.now;
        if let Some(user) = self.irc_user_mut(link) {
            user.spoke_at = now;
            if !known {
                user.last_target = Some(LastTarget {
                    nick: target.into(),
                    link: reader,
                    changes,
                });
            }
        }
        true
    }

    /// PRIVMSG or NOTICE. The latter is never answered.
    pub(crate) fn privmsg(
        &mut self,
        user_ref: UserRef,
        kind: ChatKind,
        message: &Message<'_>,
        out: &mut Out,
    ) {
        let answers = kind == ChatKind::Message;
        let params = &message.params;
        let targets = params.get(0).filter(|targets| !targets.is_empty());
        let said = params.get(1).filter(|text| !text.is_empty());
        let (Some(targets), Some(said)) = (targets, said) else {
            if answers && targets.is_none() {
                let text = Some("No recipient given (PRIVMSG)");
                self.reply(user_ref.link, Numeric::ERR_NORECIPIENT, &[], text, out);
            } else if answers {
                self.reply_error(user_ref.link, Numeric::ERR_NOTEXTTOSEND, &[], out);
            }
            return;
        };
        let now = self.now;
        if let Some(user) = self.irc_user_mut(user_ref.link) {
            user.spoke_at = now;
        }
        let said = text::utf8_or_latin1(said);
        for (number, target) in lists::elements(targets).enumerate() {
            let target = &*text::utf8_or_latin1(target);
            if number == TARGETS_MAX {
                if answers {
                    self.reply_error(user_ref.link, Numeric::ERR_TOOMANYTARGETS, &[target], out);
                }
                return;
            }
            if NAMES.is_channel(target.as_bytes()) {
                self.irc_says_in_channel(user_ref, kind, target, &said, out);
            } else {
                self.irc_says_to(user_ref, kind, target, &said, out);
            }
        }
    }

    pub(crate) fn irc_says_in_channel(
        &mut self,
        user_ref: UserRef,
        kind: ChatKind,
        target: &str,
        said: &str,
        out: &mut Out,
    ) {
        let answers = kind == ChatKind::Message;
        let Some(channel) = self.network.channels().find(target) else {
            if answers {
                self.reply_error(user_ref.link, Numeric::ERR_NOSUCHCHANNEL, &[target], out);
            }
            return;
        };
        if !self.irc_may_speak(user_ref.id, channel) {
            if answers {
                let words = [channel.name()];
                self.reply_error(user_ref.link, Numeric::ERR_CANNOTSENDTOCHAN, &words, out);
            }
            return;
        }
        let Ok(name) = ChannelName::new(target) else {
            return;
        };
        let chat = ChannelChat {
            source: user_ref.id,
            kind,
            channel: name,
            text: Text::truncated(said),
        };
        let outside = channel.member(user_ref.id).is_none();
        let shown = outside.then(|| channel.name().to_owned());
        self.say_in_channel(&chat, None, None, out);
        if let Some(shown) = shown {
            // Members have their echo with the others.
            self.irc_echo(user_ref, kind, &shown, said, out);
        }
    }

    /// Whether somebody is heard in a channel.
    pub(crate) fn irc_may_speak(&self, id: HostId, channel: &Channel) -> bool {
        let modes = channel.modes();
        let ranked = match channel.member(id) {
            Some(flags) => flags.operator || flags.voice,
            None if modes.contains('n') => return false,
            None => false,
        };
        if ranked {
            return true;
        }
        let banned = || channel.bans().next().is_some() && channel.bans().any(self.masks(id));
        !modes.contains('m') && !banned()
    }

    pub(crate) fn irc_says_to(
        &mut self,
        user_ref: UserRef,
        kind: ChatKind,
        target: &str,
        said: &str,
        out: &mut Out,
    ) {
        let answers = kind == ChatKind::Message;
        let names = self.names.as_ref();
        let Some(id) = names.and_then(|names| names.nicks.find(target)) else {
            if answers {
                self.reply_error(user_ref.link, Numeric::ERR_NOSUCHNICK, &[target], out);
            }
            return;
        };
        if let Some((link, _)) = self.irc_user_of(id) {
            self.irc_tell_said(link, user_ref.id, kind, said, out);
            self.counters.chats_relayed += 1;
            if answers {
                self.irc_tell_away(user_ref.link, id, out);
            }
        } else if answers {
            self.relay_chat_text(user_ref.id, id, said, out);
        } else {
            let request = ChannelRequest {
                source: user_ref.id,
                destination: Some(id),
                kind: RequestKind::NOTICE,
                channel: None,
                text: Text::truncated(said),
            };
            self.channel_request(&request, out);
        }
        self.irc_echo(user_ref, kind, target, said, out);
    }

    /// Shows a user its own words, if it wants to see them.
    pub(crate) fn irc_echo(
        &self,
        user_ref: UserRef,
        kind: ChatKind,
        target: &str,
        said: &str,
        out: &mut Out,
    ) {
        let user = self.irc_user(user_ref.link);
        if user.is_some_and(|user| user.has(Capability::EchoMessage)) {
            let range = self.write_words(user_ref.link, user_ref.id, kind, target, said, out);
            out.send_stored(user_ref.link, range);
        }
    }

    /// Something is said to a user.
    pub(crate) fn irc_tell_said(
        &self,
        link: LinkId,
        source: HostId,
        kind: ChatKind,
        said: &str,
        out: &mut Out,
    ) {
        let range = self.write_words(link, source, kind, self.irc_target(link), said, out);
        out.send_stored(link, range);
    }

    pub(crate) fn write_words(
        &self,
        reader: LinkId,
        source: HostId,
        kind: ChatKind,
        target: &str,
        said: &str,
        out: &mut Out,
    ) -> ByteRange {
        let user = self.irc_user(reader);
        let timed = user.is_some_and(|user| user.has(Capability::ServerTime));
        let tags = self.time_tag(timed);
        let source = self.irc_source(source);
        out.store(|arena| write_said(arena, &tags, &source, kind, target, said))
    }
}
