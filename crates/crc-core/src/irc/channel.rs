//! Who comes into channels and who goes, who is in them, and what they are about.

use crc_wire::{ChannelField, ChannelRequest, HostId, RequestKind, Text};
use irc_wire::{Message, Numeric, lists, text};

use super::reply::prefixes;
use super::session::{Capability, NAMES};
use super::{UserRef, cut};
use crate::admission::is_channel_name;
use crate::context::{Context, Out};
use crate::crc::channel::NotAdmitted;
use crate::network::{Channel, Host};
use crc_machine::LinkId;

/// The most bytes of a topic that is set by a user of IRC (`TOPICLEN`).
const TOPIC_BYTES_MAX: usize = 390;

/// The most bytes of why somebody is put out (`KICKLEN`).
const KICK_BYTES_MAX: usize = 300;

/// How many are put out by one command (`TARGMAX`).
const KICKS_MAX: usize = 4;

/// How much is answered at most to one question.
pub(crate) const ANSWER_BYTES_MAX: usize = 128 * 1024;

/// How many hosts are looked at to answer one question.
pub(crate) const LOOKED_AT_MAX: usize = 20_000;

/// How many bytes of nicks stand in one line.
const NICKS_BYTES_MAX: usize = 400;

impl Context {
    /// Complains that a name is not that of a channel we know.
    pub(crate) fn irc_no_channel(&self, link: LinkId, name: &str, out: &mut Out) {
        self.reply_error(link, Numeric::ERR_NOSUCHCHANNEL, &[name], out);
    }

    /// The channel that a user is in, or complains.
    pub(crate) fn irc_own_channel(
        &self,
        user_ref: UserRef,
        name: &str,
        out: &mut Out,
    ) -> Option<&Channel> {
        let Some(channel) = self.network.channels().find(name) else {
            self.irc_no_channel(user_ref.link, name, out);
            return None;
        };
        if channel.member(user_ref.id).is_none() {
            let words = [channel.name()];
            self.reply_error(user_ref.link, Numeric::ERR_NOTONCHANNEL, &words, out);
            return None;
        }
        Some(channel)
    }

    /// Whether a user runs a channel that it is in, or complains.
    pub(crate) fn require_operator(
        &self,
        user_ref: UserRef,
        channel: &Channel,
        out: &mut Out,
    ) -> bool {
        let flags = channel.member(user_ref.id);
        let runs = flags.is_some_and(|flags| flags.operator);
        if !runs {
            let words = [channel.name()];
            self.reply_error(user_ref.link, Numeric::ERR_CHANOPRIVSNEEDED, &words, out);
        }
        runs
    }

    // Coming and going.

    pub(crate) fn irc_join(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let wanted = message.params.get(0).unwrap_or_default();
        let keys = message.params.get(1).unwrap_or_default();
        if wanted == b"0" {
            let channels = self.network.channels().of(user_ref.id);
            let names: Vec<_> = channels.map(|channel| channel.name().to_owned()).collect();
            for name in names {
                self.leave_channel(user_ref.id, None, &name, "", None, out);
            }
            return;
        }
        for (name, key) in lists::with_keys(wanted, keys) {
            let name = text::utf8_or_latin1(name);
            let key = text::utf8_or_latin1(key.unwrap_or_default());
            self.irc_join_one(user_ref, &name, &key, out);
        }
    }

    pub(crate) fn irc_join_one(&mut self, user_ref: UserRef, name: &str, key: &str, out: &mut Out) {
        let known = self.network.channels().find(name);
        if known.is_some_and(|channel| channel.member(user_ref.id).is_some()) {
            return;
        }
        let is_new = known.is_none();
        let user = self.irc_user(user_ref.link);
        let invited = user.is_some_and(|user| user.is_invited(name));
        let mask = self.masks(user_ref.id);
        if let Err(why) = self.may_enter(user_ref.id, name, key, invited, mask) {
            let numeric = match why {
                NotAdmitted::Name if !NAMES.is_channel(name.as_bytes()) => {
                    Numeric::ERR_NOSUCHCHANNEL
                }
                NotAdmitted::Name => Numeric::ERR_BADCHANMASK,
                NotAdmitted::Key => Numeric::ERR_BADCHANNELKEY,
                NotAdmitted::InviteOnly => Numeric::ERR_INVITEONLYCHAN,
                NotAdmitted::Banned => Numeric::ERR_BANNEDFROMCHAN,
                NotAdmitted::Full => Numeric::ERR_CHANNELISFULL,
                NotAdmitted::TooMany => Numeric::ERR_TOOMANYCHANNELS,
            };
            return self.reply_error(user_ref.link, numeric, &[name], out);
        }
        // A key opens a channel; it does not lock a new one.
        let key = if is_new { "" } else { key };
        if let Some(user) = self.irc_user_mut(user_ref.link) {
            user.uninvite(name);
            user.enters = true;
        }
        self.join_channel(user_ref.id, name, key, "nt", out);
        if let Some(user) = self.irc_user_mut(user_ref.link) {
            user.enters = false;
        }
        if let Some(channel) = self.network.channels().find(name) {
            if !channel.topic().is_empty() {
                self.irc_tell_topic(user_ref.link, channel, out);
            }
            self.irc_tell_names(user_ref.link, channel, out);
            self.irc_end_of_names(user_ref.link, channel.name(), out);
        }
    }

    pub(crate) fn irc_part(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let said = text::utf8_or_latin1(message.params.get(1).unwrap_or_default());
        for name in lists::elements(message.params.get(0).unwrap_or_default()) {
            let name = text::utf8_or_latin1(name);
            if let Some(channel) = self.irc_own_channel(user_ref, &name, out) {
                let name = channel.name().to_owned();
                self.leave_channel(user_ref.id, None, &name, &said, None, out);
            }
        }
    }

    pub(crate) fn irc_kick(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let name = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
        let nicks = message.params.get(1).unwrap_or_default();
        let said = text::utf8_or_latin1(message.params.get(2).unwrap_or_default());
        let own_nick = self.nick_of(user_ref.id);
        let said = match &*said {
            "" => &own_nick,
            said => cut(said, KICK_BYTES_MAX),
        };
        for nick in lists::elements(nicks).take(KICKS_MAX) {
            let nick = text::utf8_or_latin1(nick);
            let Some(channel) = self.irc_own_channel(user_ref, &name, out) else {
                return;
            };
            if !self.require_operator(user_ref, channel, out) {
                return;
            }
            if let Some(id) = self.irc_member(user_ref.link, channel, &nick, out) {
                let name = channel.name().to_owned();
                self.irc_asks(user_ref, id, RequestKind::KICK, &name, said, out);
            }
        }
    }

    /// The member of a channel who is called so, or complains.
    pub(crate) fn irc_member(
        &self,
        link: LinkId,
        channel: &Channel,
        nick: &str,
        out: &mut Out,
    ) -> Option<HostId> {
        let names = self.names.as_ref();
        let Some(id) = names.and_then(|names| names.nicks.find(nick)) else {
            self.reply_error(link, Numeric::ERR_NOSUCHNICK, &[nick], out);
            return None;
        };
        if channel.member(id).is_none() {
            let words = [nick, channel.name()];
            self.reply_error(link, Numeric::ERR_USERNOTINCHANNEL, &words, out);
            return None;
        }
        Some(id)
    }

    /// Asks the server of a host to do something with it in a channel.
    pub(crate) fn irc_asks(
        &mut self,
        user_ref: UserRef,
        id: HostId,
        kind: RequestKind,
        channel: &str,
        text: &str,
        out: &mut Out,
    ) {
        if kind == RequestKind::KICK && self.is_behind_text_server(id) {
            let text = format!(
                "{} can't be put out: its network has no word for it",
                self.nick_of(id)
            );
            let words = [channel];
            let numeric = Numeric::ERR_CHANOPRIVSNEEDED;
            return self.reply(user_ref.link, numeric, &words, Some(&text), out);
        }
        let Ok(name) = crc_wire::ChannelName::new(channel.to_owned()) else {
            return;
        };
        let request = ChannelRequest {
            source: user_ref.id,
            destination: Some(id),
            kind,
            channel: Some(name),
            text: Text::truncated(text),
        };
        self.channel_request(&request, out);
    }

    pub(crate) fn irc_invite(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let link = user_ref.link;
        let nick = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
        let name = text::utf8_or_latin1(message.params.get(1).unwrap_or_default());
        let names = self.names.as_ref();
        let Some(id) = names.and_then(|names| names.nicks.find(&nick)) else {
            return self.reply_error(link, Numeric::ERR_NOSUCHNICK, &[&nick], out);
        };
        let shown = match self.network.channels().find(&name) {
            None if !is_channel_name(&name) => return self.irc_no_channel(link, &name, out),
            None => name.as_ref().to_owned(),
            Some(_) => {
                let Some(channel) = self.irc_own_channel(user_ref, &name, out) else {
                    return;
                };
                if channel.member(id).is_some() {
                    let words = [&nick, channel.name()];
                    return self.reply_error(link, Numeric::ERR_USERONCHANNEL, &words, out);
                }
                if channel.modes().contains('i') && !self.require_operator(user_ref, channel, out) {
                    return;
                }
                channel.name().to_owned()
            }
        };
        self.reply(link, Numeric::RPL_INVITING, &[&nick, &shown], None, out);
        self.irc_tell_away(link, id, out);
        self.irc_asks(user_ref, id, RequestKind::INVITE, &shown, "", out);
    }

    // Who is in a channel.

    pub(crate) fn irc_names(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let link = user_ref.link;
        let Some(wanted) = message.params.get(0) else {
            return self.irc_all_names(link, out);
        };
        for name in lists::elements(wanted) {
            let name = text::utf8_or_latin1(name);
            match self.network.channels().find(&name) {
                Some(channel) => {
                    self.irc_tell_names(link, channel, out);
                    self.irc_end_of_names(link, channel.name(), out);
                }
                None => self.irc_end_of_names(link, &name, out),
            }
        }
    }

    /// All channels, and then those who are in none.
    pub(crate) fn irc_all_names(&self, link: LinkId, out: &mut Out) {
        let start = out.arena_len();
        for channel in self.network.channels().iter() {
            if out.arena_len() - start > ANSWER_BYTES_MAX {
                return self.irc_too_much(link, "NAMES", out);
            }
            self.irc_tell_names(link, channel, out);
        }
        let channels = self.network.channels();
        let clients = self.network.directory().clients().take(LOOKED_AT_MAX);
        let others = clients.filter(|host| channels.of(host.id()).next().is_none());
        let others = others.filter(|host| {
            let user = self.irc_user_of(host.id());
            user.is_none_or(|(_, user)| !user.invisible)
        });
        let others = others.map(|host| self.nick_of(host.id()));
        self.irc_names_lines(link, "*", "*", others, out);
        self.irc_end_of_names(link, "*", out);
    }

    /// The answer has become too long.
    pub(crate) fn irc_too_much(&self, link: LinkId, command: &str, out: &mut Out) {
        if let Some(numeric) = Numeric::new(416) {
            let text = Some("Too many lines in the answer, the rest is left out");
            self.reply(link, numeric, &[command], text, out);
        }
    }

    pub(crate) fn irc_tell_names(&self, link: LinkId, channel: &Channel, out: &mut Out) {
        let user = self.irc_user(link);
        let has = |capability| user.is_some_and(|user| user.has(capability));
        let all = has(Capability::MultiPrefix);
        let hosts = has(Capability::UserhostInNames);
        let members = channel.members().map(|(id, flags)| {
            let marks = prefixes(flags, all);
            match hosts {
                true => format!("{marks}{}", self.irc_source(id)),
                false => format!("{marks}{}", self.nick_of(id)),
            }
        });
        self.irc_names_lines(link, "=", channel.name(), members, out);
    }

    pub(crate) fn irc_names_lines(
        &self,
        link: LinkId,
        sign: &str,
        channel: &str,
        nicks: impl Iterator<Item = String>,
        out: &mut Out,
    ) {
        let mut listed = String::new();
        let mut total = 0;
        for nick in nicks {
            if !listed.is_empty() && listed.len() + nick.len() >= self.irc_room(link, channel) {
                total += listed.len();
                self.irc_names_line(link, sign, channel, &listed, out);
                listed.clear();
                if total > ANSWER_BYTES_MAX {
                    return self.irc_too_much(link, "NAMES", out);
                }
            }
            if !listed.is_empty() {
                listed.push(' ');
            }
            listed.push_str(&nick);
        }
        if !listed.is_empty() {
            self.irc_names_line(link, sign, channel, &listed, out);
        }
    }

    /// How many bytes of nicks have room in a line.
    pub(crate) fn irc_room(&self, link: LinkId, channel: &str) -> usize {
        let others = self.irc_own_name().len() + self.irc_target(link).len() + channel.len();
        // `:`, ` 353 `, ` = ` and ` :`.
        NICKS_BYTES_MAX.min(510_usize.saturating_sub(others + 11))
    }

    pub(crate) fn irc_names_line(
        &self,
        link: LinkId,
        sign: &str,
        channel: &str,
        listed: &str,
        out: &mut Out,
    ) {
        let words = [sign, channel];
        self.reply(link, Numeric::RPL_NAMREPLY, &words, Some(listed), out);
    }

    pub(crate) fn irc_end_of_names(&self, link: LinkId, name: &str, out: &mut Out) {
        let text = Some("End of /NAMES list");
        self.reply(link, Numeric::RPL_ENDOFNAMES, &[name], text, out);
    }

    pub(crate) fn irc_list(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let link = user_ref.link;
        let wanted = message.params.get(0);
        let wanted = wanted.filter(|wanted| NAMES.is_channel(wanted));
        let text = Some("Users  Name");
        self.reply(link, Numeric::RPL_LISTSTART, &["Channel"], text, out);
        match wanted {
            Some(wanted) => {
                for name in lists::elements(wanted) {
                    let name = text::utf8_or_latin1(name);
                    if let Some(channel) = self.network.channels().find(&name) {
                        self.irc_list_one(link, channel, out);
                    }
                }
            }
            None => {
                let start = out.arena_len();
                for channel in self.network.channels().iter() {
                    if out.arena_len() - start > ANSWER_BYTES_MAX {
                        self.irc_too_much(link, "LIST", out);
                        break;
                    }
                    self.irc_list_one(link, channel, out);
                }
            }
        }
        let text = Some("End of /LIST");
        self.reply(link, Numeric::RPL_LISTEND, &[], text, out);
    }

    pub(crate) fn irc_list_one(&self, link: LinkId, channel: &Channel, out: &mut Out) {
        let members = channel.members_len().to_string();
        let (words, text) = ([channel.name(), &members], Some(channel.topic()));
        self.reply(link, Numeric::RPL_LIST, &words, text, out);
    }

    // Topics.

    pub(crate) fn irc_topic(&mut self, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
        let name = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
        let Some(topic) = message.params.get(1) else {
            let Some(channel) = self.network.channels().find(&name) else {
                return self.irc_no_channel(user_ref.link, &name, out);
            };
            if channel.topic().is_empty() {
                let (words, text) = ([channel.name()], Some("No topic is set"));
                return self.reply(user_ref.link, Numeric::RPL_NOTOPIC, &words, text, out);
            }
            return self.irc_tell_topic(user_ref.link, channel, out);
        };
        let Some(channel) = self.irc_own_channel(user_ref, &name, out) else {
            return;
        };
        if channel.modes().contains('t') && !self.require_operator(user_ref, channel, out) {
            return;
        }
        let topic = text::utf8_or_latin1(topic);
        let topic = cut(&topic, TOPIC_BYTES_MAX);
        let name = channel.name().to_owned();
        self.set_channel(&name, ChannelField::TOPIC, Some(user_ref.id), topic, out);
    }

    pub(crate) fn irc_tell_topic(&self, link: LinkId, channel: &Channel, out: &mut Out) {
        let (name, topic) = (channel.name(), channel.topic());
        self.reply(link, Numeric::RPL_TOPIC, &[name], Some(topic), out);
        let setting = channel.settings().find(ChannelField::TOPIC);
        if let Some(setting) = setting {
            let by = match setting.source {
                Some(by) => self.irc_source(by),
                None => self.irc_own_name().into(),
            };
            let seconds = (setting.version / 1000).to_string();
            let words = [name, &by, &seconds];
            self.reply(link, Numeric::RPL_TOPICWHOTIME, &words, None, out);
        }
    }

    // Being away.

    pub(crate) fn irc_tell_away(&self, link: LinkId, id: HostId, out: &mut Out) {
        if let Some((_, user)) = self.irc_user_of(id)
            && let Some(text) = &user.away
        {
            let nick = self.nick_of(id);
            self.reply(link, Numeric::RPL_AWAY, &[&nick], Some(text), out);
        }
    }

    /// What a host is called, as one of its channel's members.
    pub(crate) fn irc_marked_channel(&self, id: HostId, channel: &Channel) -> String {
        let flags = channel.member(id).unwrap_or_default();
        format!("{}{}", prefixes(flags, true), channel.name())
    }

    /// Where a host is.
    pub(crate) fn irc_is_local(&self, host: &Host) -> bool {
        let neighbour = self.network.neighbours().find(host.first_link());
        neighbour.is_some_and(|neighbour| neighbour.host == host.id())
    }
}
