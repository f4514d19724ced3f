//! JOIN, PART, KICK, NAMES and TOPIC.

use std::sync::Arc;

use crc_machine::LinkId;
use crc_wire::{ChannelField, ChannelName, ChannelRequest, HostId, MemberFlags, RequestKind, Text};
use irc_wire::{Message, Numeric, lists, text};

use super::answer::{self, Part};
use super::reply::{self, prefixes};
use super::session::{Capability, NAMES};
use super::{
    LEAVE_BYTES_MAX, UserRef, cut, distinct_elements, find_user, find_user_mut, markread, metadata,
    source_of,
};
use crate::context::{Context, Out};
use crate::network::{
    Channel, EnterRefusal, Host, NEW_CHANNEL_MODES, Network, SetRefusal, TOPIC_BYTES_MAX,
};

/// The most bytes of the reason of a KICK (`KICKLEN`).
const KICK_BYTES_MAX: usize = 300;

/// How many members one KICK may name (`TARGMAX`).
const KICKS_MAX: usize = 4;

/// Answers that there is no such channel.
fn reply_no_such_channel(cx: &Context, link: LinkId, name: &str, out: &mut Out) {
    reply::reply_error(cx, link, Numeric::ERR_NOSUCHCHANNEL, &[name], out);
}

/// The channel, if the user is in it; otherwise the user gets an error.
fn joined_channel<'a>(
    cx: &'a Context,
    user_ref: UserRef,
    name: &str,
    out: &mut Out,
) -> Option<&'a Channel> {
    let Some(channel) = cx.network.channels().find(name) else {
        reply_no_such_channel(cx, user_ref.link, name, out);
        return None;
    };
    if channel.member(user_ref.id).is_none() {
        let words = [channel.name()];
        reply::reply_error(cx, user_ref.link, Numeric::ERR_NOTONCHANNEL, &words, out);
        return None;
    }
    Some(channel)
}

/// Answers that a user may not do something in a channel.
pub(super) fn refuse(cx: &Context, link: LinkId, name: &str, refusal: SetRefusal, out: &mut Out) {
    let shown = cx.network.channels().find(name).map(Channel::name);
    let numeric = match refusal {
        SetRefusal::NoSuchChannel => Numeric::ERR_NOSUCHCHANNEL,
        SetRefusal::NotMember => Numeric::ERR_NOTONCHANNEL,
        SetRefusal::NotOperator => Numeric::ERR_CHANOPRIVSNEEDED,
    };
    reply::reply_error(cx, link, numeric, &[shown.unwrap_or(name)], out);
}

// Joining and leaving.

/// JOIN (RFC 2812, 3.2.1). `JOIN 0` leaves all channels.
pub(super) fn join(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let wanted = message.params.get(0).unwrap_or_default();
    let keys = message.params.get(1).unwrap_or_default();
    if wanted == b"0" {
        let channels = cx.network.channels().of(user_ref.id);
        let leave = |channel: &Channel| Part::Leave {
            name: channel.name().into(),
            text: Arc::from(""),
        };
        let parts: Vec<_> = channels.map(leave).collect();
        return answer::start(cx, user_ref, "JOIN", parts, out);
    }
    let word = |word| Box::from(text::utf8_or_latin1(word));
    let joins = lists::with_keys(wanted, keys).map(|(name, key)| Part::Join {
        name: word(name),
        key: word(key.unwrap_or_default()),
    });
    let joins: Vec<_> = joins.collect();
    answer::start(cx, user_ref, "JOIN", joins, out);
}

/// Enters one channel, or answers with the numeric of the refusal. Sends the topic of a
/// channel that was entered, and returns the names as parts that follow. Does nothing
/// for a member.
pub(super) fn join_one(
    cx: &mut Context,
    user_ref: UserRef,
    name: &str,
    key: &str,
    out: &mut Out,
) -> Vec<Part> {
    let known = cx.network.channels().find(name);
    if known.is_some_and(|channel| channel.member(user_ref.id).is_some()) {
        return Vec::new();
    }
    let is_new = known.is_none();
    let mask = cx.ban_matcher(user_ref.id);
    if let Err(why) = cx.network.may_enter(user_ref.id, name, key, mask, cx.now) {
        let numeric = match why {
            EnterRefusal::Name if !NAMES.is_channel(name.as_bytes()) => Numeric::ERR_NOSUCHCHANNEL,
            EnterRefusal::Name => Numeric::ERR_BADCHANMASK,
            EnterRefusal::Key => Numeric::ERR_BADCHANNELKEY,
            EnterRefusal::InviteOnly => Numeric::ERR_INVITEONLYCHAN,
            EnterRefusal::Banned => Numeric::ERR_BANNEDFROMCHAN,
            EnterRefusal::Full => Numeric::ERR_CHANNELISFULL,
            EnterRefusal::TooMany => Numeric::ERR_TOOMANYCHANNELS,
        };
        reply::reply_error(cx, user_ref.link, numeric, &[name], out);
        return Vec::new();
    }
    // The key of a JOIN does not become the key of a new channel.
    let key = if is_new { "" } else { key };
    if let Some(user) = find_user_mut(cx, user_ref.link) {
        user.is_joining = true;
    }
    cx.join_channel(user_ref.id, name, key, NEW_CHANNEL_MODES, out);
    if let Some(user) = find_user_mut(cx, user_ref.link) {
        user.is_joining = false;
    }
    show(cx, user_ref.link, name, out)
}

/// Shows a channel to a user that has entered it: sends its topic, and returns the names as parts
/// that follow.
pub(super) fn show(cx: &Context, link: LinkId, name: &str, out: &mut Out) -> Vec<Part> {
    let Some(channel) = cx.network.channels().find(name) else {
        return Vec::new();
    };
    if !channel.topic().is_empty() {
        send_topic(cx, link, channel, out);
    }
    markread::send_after_join(cx, link, channel.name(), out);
    let mut parts = names_of(channel.name());
    parts.extend(metadata::of_channel(cx, link, channel.name()));
    parts
}

/// The names of a channel, and their end.
fn names_of(name: &str) -> Vec<Part> {
    let channel = Box::from(name);
    vec![
        Part::Names {
            channel,
            after: None,
        },
        Part::EndOfNames(name.into()),
    ]
}

/// PART (RFC 2812, 3.2.2), with a text or without.
pub(super) fn part(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let said = text::utf8_or_latin1(message.params.get(1).unwrap_or_default());
    let said: Arc<str> = cut(&said, LEAVE_BYTES_MAX).into();
    let names = lists::elements(message.params.get(0).unwrap_or_default());
    let parts = names.map(|name| Part::Leave {
        name: text::utf8_or_latin1(name).into(),
        text: said.clone(),
    });
    let parts: Vec<_> = parts.collect();
    answer::start(cx, user_ref, "PART", parts, out);
}

/// Leaves one channel, or answers why not.
pub(super) fn leave_one(
    cx: &mut Context,
    user_ref: UserRef,
    name: &str,
    text: &str,
    out: &mut Out,
) {
    if let Some(channel) = joined_channel(cx, user_ref, name, out) {
        let name = channel.name().to_owned();
        cx.leave_channel(user_ref.id, None, &name, text, None, out);
    }
}

/// KICK (RFC 2812, 3.2.8): asks the server of each named member to remove it. There is one
/// channel, or one for each nick. Without a text, the text is the nick of the sender.
pub(super) fn kick(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let list = |at| {
        let elements = lists::elements(message.params.get(at).unwrap_or_default());
        elements.map(text::utf8_or_latin1).collect::<Vec<_>>()
    };
    let (names, nicks) = (list(0), list(1));
    let said = text::utf8_or_latin1(message.params.get(2).unwrap_or_default());
    let own_nick = cx.nick_of(user_ref.id);
    let said = match &*said {
        "" => &own_nick,
        said => cut(said, KICK_BYTES_MAX),
    };
    if nicks.is_empty() || names.len() != 1 && names.len() != nicks.len() {
        let words = ["KICK"];
        return reply::reply_error(cx, user_ref.link, Numeric::ERR_NEEDMOREPARAMS, &words, out);
    }
    let mut refused = None;
    for (number, (name, nick)) in names.iter().cycle().zip(&nicks).enumerate() {
        if number == KICKS_MAX {
            let words = [&**nick];
            let numeric = Numeric::ERR_TOOMANYTARGETS;
            return reply::reply_error(cx, user_ref.link, numeric, &words, out);
        }
        if let Err(refusal) = cx.network.may_kick(user_ref.id, name) {
            // Once for a channel.
            if refused != Some(name) {
                refuse(cx, user_ref.link, name, refusal, out);
            }
            refused = Some(name);
            continue;
        }
        let Some(channel) = cx.network.channels().find(name) else {
            continue;
        };
        if let Some(id) = find_member(cx, user_ref.link, channel, nick, out) {
            let name = channel.name().to_owned();
            send_request(cx, user_ref, id, RequestKind::KICK, &name, said, out);
        }
    }
}

/// The member of a channel with this nick; if there is none, the user gets an error.
pub(super) fn find_member(
    cx: &Context,
    link: LinkId,
    channel: &Channel,
    nick: &str,
    out: &mut Out,
) -> Option<HostId> {
    let names = cx.network.names();
    let Some(id) = names.and_then(|names| names.nicks.find(nick)) else {
        reply::reply_error(cx, link, Numeric::ERR_NOSUCHNICK, &[nick], out);
        return None;
    };
    if channel.member(id).is_none() {
        let words = [nick, channel.name()];
        reply::reply_error(cx, link, Numeric::ERR_USERNOTINCHANNEL, &words, out);
        return None;
    }
    Some(id)
}

/// Sends a request about a host in a channel to the server of that host.
pub(super) fn send_request(
    cx: &mut Context,
    user_ref: UserRef,
    id: HostId,
    kind: RequestKind,
    channel: &str,
    text: &str,
    out: &mut Out,
) {
    if kind == RequestKind::KICK && cx.is_behind_text_server(id) {
        let text = format!(
            "{} can't be put out: its network has no word for it",
            cx.nick_of(id)
        );
        let words = [channel];
        let numeric = Numeric::ERR_CHANOPRIVSNEEDED;
        return reply::send_numeric(cx, user_ref.link, numeric, &words, Some(&text), out);
    }
    let Ok(name) = ChannelName::new(channel.to_owned()) else {
        return;
    };
    let request = ChannelRequest {
        source: user_ref.id,
        destination: Some(id),
        kind,
        channel: Some(name),
        text: Text::truncated(text),
    };
    cx.channel_request(&request, out);
}

// NAMES.

/// NAMES (RFC 2812, 3.2.5): of the named channels, or of all channels and of the users
/// that are in none.
pub(super) fn names(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let parts = match message.params.get(0) {
        Some(wanted) => {
            let wanted = distinct_elements(wanted);
            match wanted.is_empty() {
                true => vec![Part::EndOfNames("*".into())],
                false => wanted.iter().flat_map(|name| names_of(name)).collect(),
            }
        }
        None => vec![
            Part::AllNames { after: None },
            Part::Others { place: 0 },
            Part::EndOfNames("*".into()),
        ],
    };
    answer::start(cx, user_ref, "NAMES", parts, out);
}

/// A member as the list of names shows it.
pub(super) fn nick_in_channel(
    cx: &Context,
    link: LinkId,
    id: HostId,
    flags: MemberFlags,
) -> String {
    let user = find_user(cx, link);
    let has = |capability| user.is_some_and(|user| user.has(capability));
    let marks = prefixes(flags, has(Capability::MultiPrefix));
    match has(Capability::UserhostInNames) {
        true => format!("{marks}{}", source_of(cx, id)),
        false => format!("{marks}{}", cx.nick_of(id)),
    }
}

/// How RPL_NAMREPLY marks a channel: as secret, private, or neither.
pub(super) fn sign_of(channel: &Channel) -> &'static str {
    let has = |mode| channel.modes().contains(mode);
    match (has('s'), has('p')) {
        (true, _) => "@",
        (false, true) => "*",
        (false, false) => "=",
    }
}

/// Sends nicks in as many RPL_NAMREPLY lines as they need. `sign` is that of the channel,
/// or `*` for users in none. Without members, RPL_ENDOFNAMES is the whole answer.
pub(super) fn send_names(
    cx: &Context,
    link: LinkId,
    sign: &str,
    channel: &str,
    nicks: &[String],
    out: &mut Out,
) {
    if !nicks.is_empty() {
        let words = [sign, channel];
        reply::send_list(cx, link, Numeric::RPL_NAMREPLY, &words, nicks.iter(), out);
    }
}

/// Sends RPL_ENDOFNAMES.
pub(super) fn send_end_of_names(cx: &Context, link: LinkId, name: &str, out: &mut Out) {
    let text = Some("End of /NAMES list");
    reply::send_numeric(cx, link, Numeric::RPL_ENDOFNAMES, &[name], text, out);
}

// Topics.

/// TOPIC (RFC 2812, 3.2.4): shows the topic, or sets it, cut to [`TOPIC_BYTES_MAX`]. An
/// empty one removes it.
pub(super) fn topic(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let name = text::utf8_or_latin1(message.params.get(0).unwrap_or_default());
    let Some(topic) = message.params.get(1) else {
        let Some(channel) = cx.network.channels().find(&name) else {
            return reply_no_such_channel(cx, user_ref.link, &name, out);
        };
        if !Network::may_see(user_ref.id, channel) {
            let words = [channel.name()];
            let numeric = Numeric::ERR_NOTONCHANNEL;
            return reply::reply_error(cx, user_ref.link, numeric, &words, out);
        }
        if channel.topic().is_empty() {
            let (words, text) = ([channel.name()], Some("No topic is set"));
            return reply::send_numeric(cx, user_ref.link, Numeric::RPL_NOTOPIC, &words, text, out);
        }
        return send_topic(cx, user_ref.link, channel, out);
    };
    let may = cx.network.may_set(user_ref.id, &name, ChannelField::TOPIC);
    if let Err(refusal) = may {
        return refuse(cx, user_ref.link, &name, refusal, out);
    }
    let topic = text::utf8_or_latin1(topic);
    let topic = cut(&topic, TOPIC_BYTES_MAX);
    let known = cx.network.channels().find(&name);
    let name = known.map_or(&*name, Channel::name).to_owned();
    cx.set_channel(&name, ChannelField::TOPIC, Some(user_ref.id), topic, out);
}

/// Sends RPL_TOPIC, and RPL_TOPICWHOTIME if the setting is known.
fn send_topic(cx: &Context, link: LinkId, channel: &Channel, out: &mut Out) {
    let (name, topic) = (channel.name(), channel.topic());
    reply::send_numeric(cx, link, Numeric::RPL_TOPIC, &[name], Some(topic), out);
    let setting = channel.settings().find(ChannelField::TOPIC);
    if let Some(setting) = setting {
        let by = match &*setting.setter {
            "" => reply::own_name(cx),
            setter => setter,
        };
        let seconds = (cx.wall_ms_of(setting.version) / 1000).to_string();
        let words = [name, by, &seconds];
        reply::send_numeric(cx, link, Numeric::RPL_TOPICWHOTIME, &words, None, out);
    }
}

// Away.

/// Sends the RPL_AWAY of a host, if it is away.
pub(super) fn send_away(cx: &Context, link: LinkId, id: HostId, out: &mut Out) {
    if let Some(absence) = cx.network.absences().find(id) {
        let (nick, text) = (cx.nick_of(id), Some(&*absence.text));
        reply::send_numeric(cx, link, Numeric::RPL_AWAY, &[&nick], text, out);
    }
}

/// The name of a channel with the prefix of a member, as WHOIS shows it.
pub(super) fn prefixed_channel(id: HostId, channel: &Channel) -> String {
    let flags = channel.member(id).unwrap_or_default();
    format!("{}{}", prefixes(flags, true), channel.shown_name())
}

/// Whether a host is linked to this server.
pub(super) fn is_local(cx: &Context, host: &Host) -> bool {
    let neighbour = cx.network.neighbours().find(host.first_link());
    neighbour.is_some_and(|neighbour| neighbour.host == host.id())
}
