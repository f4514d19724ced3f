//! What users of IRC say: to somebody, or to a channel.

use crc_wire::{ChannelChat, ChannelName, ChannelRequest, HostId, Text, Tone, Verb};
use irc_wire::{Message, Numeric, lists, text};

use super::super::{Out, Server};
use super::Asker;
use super::user::{Capability, NAMES};
use super::words::write_said;
use crate::link::LinkId;
use crate::machine::Range;
use crate::relay::Channel;

/// How many recipients a message may have.
const TARGETS_MAX: usize = 4;

impl Server {
    /// PRIVMSG or NOTICE. The latter is never answered.
    pub(super) fn irc_says(
        &mut self,
        asker: Asker,
        tone: Tone,
        message: &Message<'_>,
        out: &mut Out,
    ) {
        let answers = tone == Tone::Message;
        let params = &message.params;
        let targets = params.get(0).filter(|targets| !targets.is_empty());
        let said = params.get(1).filter(|text| !text.is_empty());
        let (Some(targets), Some(said)) = (targets, said) else {
            if answers && targets.is_none() {
                let text = Some("No recipient given (PRIVMSG)");
                self.numeric(asker.link, Numeric::ERR_NORECIPIENT, &[], text, out);
            } else if answers {
                self.complain(asker.link, Numeric::ERR_NOTEXTTOSEND, &[], out);
            }
            return;
        };
        let now = self.now;
        if let Some(user) = self.irc_user_mut(asker.link) {
            user.spoke_at = now;
        }
        let said = text::utf8_or_latin1(said);
        for (number, target) in lists::elements(targets).enumerate() {
            let target = &*text::utf8_or_latin1(target);
            if number == TARGETS_MAX {
                if answers {
                    self.complain(asker.link, Numeric::ERR_TOOMANYTARGETS, &[target], out);
                }
                return;
            }
            if NAMES.is_channel(target.as_bytes()) {
                self.irc_says_in_channel(asker, tone, target, &said, out);
            } else {
                self.irc_says_to(asker, tone, target, &said, out);
            }
        }
    }

    fn irc_says_in_channel(
        &mut self,
        asker: Asker,
        tone: Tone,
        target: &str,
        said: &str,
        out: &mut Out,
    ) {
        let answers = tone == Tone::Message;
        let Some(channel) = self.relay.channels().find(target) else {
            if answers {
                self.complain(asker.link, Numeric::ERR_NOSUCHCHANNEL, &[target], out);
            }
            return;
        };
        if !self.irc_may_speak(asker.id, channel) {
            if answers {
                let words = [channel.name()];
                self.complain(asker.link, Numeric::ERR_CANNOTSENDTOCHAN, &words, out);
            }
            return;
        }
        let Ok(name) = ChannelName::new(target) else {
            return;
        };
        let chat = ChannelChat {
            source: asker.id,
            tone,
            channel: name,
            text: Text::cut(said),
        };
        let outside = channel.member(asker.id).is_none();
        let shown = outside.then(|| channel.name().to_owned());
        self.say_in_channel(&chat, None, None, out);
        if let Some(shown) = shown {
            // Members have their echo with the others.
            self.irc_echo(asker, tone, &shown, said, out);
        }
    }

    /// Whether somebody is heard in a channel.
    fn irc_may_speak(&self, id: HostId, channel: &Channel) -> bool {
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

    fn irc_says_to(&mut self, asker: Asker, tone: Tone, target: &str, said: &str, out: &mut Out) {
        let answers = tone == Tone::Message;
        let names = self.names.as_ref();
        let Some(id) = names.and_then(|names| names.nicks.find(target)) else {
            if answers {
                self.complain(asker.link, Numeric::ERR_NOSUCHNICK, &[target], out);
            }
            return;
        };
        if let Some((link, _)) = self.irc_user_of(id) {
            self.irc_tell_said(link, asker.id, tone, said, out);
            self.counters.chats_relayed += 1;
            if answers {
                self.irc_tell_away(asker.link, id, out);
            }
        } else if answers {
            self.say(asker.id, id, said, out);
        } else {
            let request = ChannelRequest {
                source: asker.id,
                destination: Some(id),
                verb: Verb::NOTICE,
                channel: None,
                text: Text::cut(said),
            };
            self.channel_request(&request, out);
        }
        self.irc_echo(asker, tone, target, said, out);
    }

    /// Shows a user its own words, if it wants to see them.
    fn irc_echo(&self, asker: Asker, tone: Tone, target: &str, said: &str, out: &mut Out) {
        let user = self.irc_user(asker.link);
        if user.is_some_and(|user| user.has(Capability::EchoMessage)) {
            let range = self.write_words(asker.link, asker.id, tone, target, said, out);
            out.send_stored(asker.link, range);
        }
    }

    /// Something is said to a user.
    pub(super) fn irc_tell_said(
        &self,
        link: LinkId,
        source: HostId,
        tone: Tone,
        said: &str,
        out: &mut Out,
    ) {
        let range = self.write_words(link, source, tone, self.irc_target(link), said, out);
        out.send_stored(link, range);
    }

    fn write_words(
        &self,
        reader: LinkId,
        source: HostId,
        tone: Tone,
        target: &str,
        said: &str,
        out: &mut Out,
    ) -> Range {
        let user = self.irc_user(reader);
        let timed = user.is_some_and(|user| user.has(Capability::ServerTime));
        let tags = self.time_tag(timed);
        let source = self.irc_source(source);
        out.store(|arena| write_said(arena, &tags, &source, tone, target, said))
    }
}
