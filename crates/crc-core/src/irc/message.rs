//! PRIVMSG, NOTICE and TAGMSG, to a user, a channel or some of its members.

use std::borrow::Cow;

use crc_machine::{ByteRange, LinkId};
use crc_wire::{
    Audience, ChannelChat, ChannelName, ChannelRequest, ChatKind, HostId, RequestKind, TaggedChat,
    TaggedKind, Tags, Text,
};
use irc_wire::{FastPrivmsg, Line, Message, Numeric, Verb, text};

use super::channel::send_away;
use super::label;
use super::multiline;
use super::reply::{self, LINE_BYTES_MAX, message_head_len, split_ctcp, write_privmsg};
use super::session::{Capability, LastTarget, NAMES};
use super::tagged::{self, kind_of_text, shown_target, split_target};
use super::{
    UserRef, cut, distinct_elements, find_user, find_user_mut, has, source_of, tags, user_of,
};
use crate::context::{Context, Out};
use crate::network::{Channel, Network};
use crate::work;

/// How many recipients a message may have.
const TARGETS_MAX: usize = 4;

/// Whether the user of a link is away.
#[inline]
fn is_away(cx: &Context, link: LinkId) -> bool {
    let absences = cx.network.absences();
    if absences.is_empty() {
        return false;
    }
    let user = cx.network.neighbours().find(link);
    user.is_some_and(|user| absences.find(user.host).is_some())
}

/// Relays the most frequent kind of line without the full parser: a text without tags, to one
/// target. Returns whether it did.
pub(super) fn relay_privmsg_fast(
    cx: &mut Context,
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
    let (Ok(target), Ok(text)) = (str::from_utf8(target), str::from_utf8(text)) else {
        return false;
    };
    let Some(id) = cx.network.neighbours().find(link).map(|n| n.host) else {
        return false;
    };
    let is_channel = NAMES.is_channel(target.as_bytes());
    if is_channel && cx.network.channels().has_aliases() {
        return false;
    }
    let now = cx.now;
    let Some(user) = find_user_mut(cx, link) else {
        return false;
    };
    user.spoke_at = now;
    let has_tags = user.has(Capability::MessageTags);
    let (verb, kind) = match notice {
        true => (Verb::Notice, TaggedKind::Notice),
        false => (Verb::Privmsg, TaggedKind::Message),
    };
    cx.count_command(verb);
    if !has_tags && !is_channel && relay_plain(cx, link, verb, target, text, out) {
        return true;
    }
    cx.work.charge(work::MESSAGE + work::units_of(text.len()));
    let speech = Speech {
        kind,
        tags: has_tags.then_some(""),
        text,
        joins: None,
    };
    let user_ref = UserRef { link, id };
    match is_channel {
        true => channel_message(cx, user_ref, &speech, (Audience::All, target), out),
        false => say_to(cx, user_ref, &speech, target, out),
    }
    true
}

/// Relays a line to one user of IRC on this server, where the sender wants no echo and the
/// reader no tags. Returns whether it did.
#[inline]
fn relay_plain(
    cx: &mut Context,
    link: LinkId,
    verb: Verb,
    target: &str,
    text: &str,
    out: &mut Out,
) -> bool {
    let (Some(names), Some(speaker)) = (cx.network.names(), find_user(cx, link)) else {
        return false;
    };
    let changes = names.nicks.changes();
    let known = speaker.last_target.as_ref();
    let known = known.filter(|to| to.changes == changes && *to.nick == *target);
    let reader = match known {
        Some(to) => to.link,
        None => match names.nicks.find(target).and_then(|id| user_of(cx, id)) {
            Some((reader, _)) => reader,
            None => return false,
        },
    };
    let known = known.is_some();
    let Some(listener) = find_user(cx, reader) else {
        return false;
    };
    let nick_len = memchr::memchr(b'!', listener.source.as_bytes());
    let reader_nick = nick_len.map_or(&*listener.source, |len| &listener.source[..len]);
    let plain = !speaker.has(Capability::EchoMessage)
        && tags::kind_of(listener) == tags::NONE
        && !is_away(cx, reader);
    let command = verb.as_str();
    // The colons, the blanks and the line's end are seven bytes.
    let len = speaker.source.len() + command.len() + reader_nick.len() + text.len() + 7;
    if !plain || reader_nick.is_empty() || len > LINE_BYTES_MAX + 2 {
        return false;
    }
    let range = out.store(|arena| {
        for part in [
            ":",
            &speaker.source,
            " ",
            command,
            " ",
            reader_nick,
            " :",
            text,
            "\r\n",
        ] {
            arena.extend_from_slice(part.as_bytes());
        }
    });
    out.send_stored(reader, range);
    cx.counters.chats_relayed += 1;
    if !known && let Some(user) = find_user_mut(cx, link) {
        user.last_target = Some(LastTarget {
            nick: target.into(),
            link: reader,
            changes,
        });
    }
    true
}

/// What a user sends.
pub(super) struct Speech<'a> {
    pub(super) kind: TaggedKind,
    /// The client-only tags, if the client has enabled message-tags; then it goes out with tags.
    pub(super) tags: Option<&'a str>,
    pub(super) text: &'a str,
    /// Of a text of several lines: where lines were cut, which is not to be seen in the text.
    pub(super) joins: Option<&'a [usize]>,
}

impl Speech<'_> {
    /// Whether errors are answered: a NOTICE never is.
    fn is_answered(&self) -> bool {
        self.kind != TaggedKind::Notice
    }

    /// Whether an ordinary chat to all cannot say it.
    fn needs_tags(&self) -> bool {
        self.tags.is_some() || self.joins.is_some_and(|joins| !joins.is_empty())
    }

    /// The text as far as it fits into one line, unless it may have several.
    fn fitting(&self, cx: &Context, sender: LinkId, target: &str) -> Cow<'_, str> {
        match self.joins {
            Some(_) => Cow::Borrowed(self.text),
            None => one_line(cx, sender, kind_of_text(self.kind), target, self.text),
        }
    }
}

/// PRIVMSG or NOTICE. A NOTICE is never answered.
pub(super) fn privmsg(
    cx: &mut Context,
    user_ref: UserRef,
    kind: TaggedKind,
    message: &Message<'_>,
    out: &mut Out,
) {
    if multiline::take_line(cx, user_ref, kind, message, out) {
        return;
    }
    let answers = kind == TaggedKind::Message;
    let params = &message.params;
    let targets = distinct_elements(params.get(0).unwrap_or_default());
    let said = params.get(1).filter(|text| !text.is_empty());
    let (false, Some(said)) = (targets.is_empty(), said) else {
        if answers && targets.is_empty() {
            let text = Some("No recipient given (PRIVMSG)");
            reply::send_numeric(cx, user_ref.link, Numeric::ERR_NORECIPIENT, &[], text, out);
        } else if answers {
            reply::reply_error(cx, user_ref.link, Numeric::ERR_NOTEXTTOSEND, &[], out);
        }
        return;
    };
    let tags = tagged::enabled_client_tags(cx, user_ref.link, message);
    let said = text::utf8_or_latin1(said);
    let speech = Speech {
        kind,
        tags: tags.as_deref(),
        text: &said,
        joins: None,
    };
    speak(cx, user_ref, &targets, &speech, out);
}

/// TAGMSG (IRCv3 message-tags): tags alone. Without client-only tags, or from a client that has
/// not enabled message-tags, it says nothing, and is ignored.
pub(super) fn tagmsg(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let targets = distinct_elements(message.params.get(0).unwrap_or_default());
    if targets.is_empty() {
        let words = ["TAGMSG"];
        return reply::reply_error(cx, user_ref.link, Numeric::ERR_NEEDMOREPARAMS, &words, out);
    }
    let tags = tagged::enabled_client_tags(cx, user_ref.link, message);
    let Some(tags) = tags.filter(|tags| !tags.is_empty()) else {
        return;
    };
    let speech = Speech {
        kind: TaggedKind::TagsOnly,
        tags: Some(&tags),
        text: "",
        joins: None,
    };
    speak(cx, user_ref, &targets, &speech, out);
}

/// Sends a message to each of its targets.
pub(super) fn speak(
    cx: &mut Context,
    user_ref: UserRef,
    targets: &[Cow<'_, str>],
    speech: &Speech<'_>,
    out: &mut Out,
) {
    let now = cx.now;
    if let Some(user) = find_user_mut(cx, user_ref.link)
        && speech.kind != TaggedKind::TagsOnly
    {
        user.spoke_at = now;
    }
    for (number, target) in targets.iter().enumerate() {
        if number == TARGETS_MAX {
            if speech.is_answered() {
                let (numeric, words) = (Numeric::ERR_TOOMANYTARGETS, [&**target]);
                reply::reply_error(cx, user_ref.link, numeric, &words, out);
            }
            return;
        }
        say_to(cx, user_ref, speech, target, out);
    }
}

/// Sends a message to one target.
fn say_to(cx: &mut Context, user_ref: UserRef, speech: &Speech<'_>, target: &str, out: &mut Out) {
    let (audience, name) = split_target(target);
    if NAMES.is_channel(name.as_bytes()) {
        channel_message(cx, user_ref, speech, (audience, name), out);
    } else {
        private_message(cx, user_ref, speech, target, out);
    }
}

/// Sends a message to a channel or some of its members, if the user may speak there. The error
/// is not answered to a NOTICE.
fn channel_message(
    cx: &mut Context,
    user_ref: UserRef,
    speech: &Speech<'_>,
    (audience, target): (Audience, &str),
    out: &mut Out,
) {
    let answers = speech.is_answered();
    let Some(channel) = cx.network.channels().find(target) else {
        if answers {
            let words = [target];
            reply::reply_error(cx, user_ref.link, Numeric::ERR_NOSUCHCHANNEL, &words, out);
        }
        return;
    };
    let is_silenced = |channel: &_| cx.is_silenced(user_ref.id, channel);
    let may = Network::may_say(user_ref.id, channel, speech.text, is_silenced);
    if may.is_err() {
        if answers {
            let (numeric, words) = (Numeric::ERR_CANNOTSENDTOCHAN, [channel.name()]);
            reply::reply_error(cx, user_ref.link, numeric, &words, out);
        }
        return;
    }
    let Ok(name) = ChannelName::new(target) else {
        return;
    };
    // A member gets its echo with the other members.
    let echoes_apart =
        has(cx, user_ref.link, Capability::EchoMessage) && channel.member(user_ref.id).is_none();
    let shown = echoes_apart.then(|| channel.shown_name().to_owned());
    let kind = kind_of_text(speech.kind);
    if speech.needs_tags() || audience != Audience::All {
        return tagged_channel_message(cx, user_ref, speech, (audience, name), shown, out);
    }
    let said = &*speech.fitting(cx, user_ref.link, channel.longer_name());
    let chat = ChannelChat {
        source: user_ref.id,
        kind,
        channel: name,
        text: Text::truncated(said),
    };
    cx.say_in_channel(&chat, None, None, out);
    if let Some(shown) = shown {
        echo(cx, user_ref, kind, &shown, said, out);
    }
}

/// Sends a message to a channel with tags, or to some of its members. `shown`: the channel, if
/// the user is no member and gets an echo. It is kept out of line: plain messages are frequent.
#[inline(never)]
fn tagged_channel_message(
    cx: &mut Context,
    user_ref: UserRef,
    speech: &Speech<'_>,
    (audience, name): (Audience, ChannelName<'_>),
    shown: Option<String>,
    out: &mut Out,
) {
    let channel = cx.network.channels().find(name.as_str());
    let target = channel.map_or(name.as_str(), Channel::longer_name);
    let said = speech.fitting(cx, user_ref.link, &shown_target(audience, target));
    let tags = tags_of(cx, speech);
    let chat = TaggedChat {
        source: user_ref.id,
        destination: None,
        kind: speech.kind,
        audience,
        channel: Some(name.borrowed()),
        tags: Tags::new(&*tags).unwrap_or_default(),
        text: Text::truncated(&said),
    };
    tagged::say_in_channel(cx, user_ref.link, &chat, shown.as_deref(), out);
}

/// The tags with which a message goes out.
fn tags_of(cx: &mut Context, speech: &Speech<'_>) -> String {
    tagged::new_tags(cx, speech.tags, speech.joins.unwrap_or_default())
}

/// Sends a message to a host: directly to a user of IRC on this server, otherwise as a
/// chat, or a NOTICE as a request. A PRIVMSG to a user that is away is answered with
/// its text.
fn private_message(
    cx: &mut Context,
    user_ref: UserRef,
    speech: &Speech<'_>,
    target: &str,
    out: &mut Out,
) {
    let names = cx.network.names();
    let Some(id) = names.and_then(|names| names.nicks.find(target)) else {
        if speech.is_answered() {
            reply::reply_error(cx, user_ref.link, Numeric::ERR_NOSUCHNICK, &[target], out);
        }
        return;
    };
    let kind = kind_of_text(speech.kind);
    if speech.needs_tags() {
        let said = speech.fitting(cx, user_ref.link, target);
        let tags = tags_of(cx, speech);
        let chat = TaggedChat {
            source: user_ref.id,
            destination: Some(id),
            kind: speech.kind,
            audience: Audience::All,
            channel: None,
            tags: Tags::new(&*tags).unwrap_or_default(),
            text: Text::truncated(&said),
        };
        cx.tagged_message(&chat, user_ref.link, out);
        if speech.kind == TaggedKind::Message {
            send_away(cx, user_ref.link, id, out);
        }
        return tagged::echo(cx, user_ref.link, &chat, target, out);
    }
    let said = &*speech.fitting(cx, user_ref.link, target);
    if let Some((link, _)) = user_of(cx, id) {
        deliver(cx, link, user_ref.id, kind, said, out);
        cx.counters.chats_relayed += 1;
        if kind == ChatKind::Message {
            send_away(cx, user_ref.link, id, out);
        }
    } else if kind == ChatKind::Message {
        cx.relay_chat_text(user_ref.id, id, said, out);
        send_away(cx, user_ref.link, id, out);
    } else {
        let request = ChannelRequest {
            source: user_ref.id,
            destination: Some(id),
            kind: RequestKind::NOTICE,
            channel: None,
            text: Text::truncated(said),
        };
        cx.channel_request(&request, out);
    }
    echo(cx, user_ref, kind, target, said, out);
}

/// A text as far as it fits into one line behind the prefix of its sender: what users of IRC
/// send as one line arrives as one. A CTCP message keeps its end.
#[inline]
pub(super) fn one_line<'t>(
    cx: &Context,
    sender: LinkId,
    kind: ChatKind,
    target: &str,
    said: &'t str,
) -> Cow<'t, str> {
    let source = find_user(cx, sender).map_or(0, |user| user.source.len());
    let room = LINE_BYTES_MAX.saturating_sub(message_head_len(source, kind, target.len()));
    match said.len() <= room {
        true => Cow::Borrowed(said),
        false => cut_to_line(said, room),
    }
}

/// As much of a text as fits into `room` bytes.
#[cold]
fn cut_to_line(said: &str, room: usize) -> Cow<'_, str> {
    let (opening, body, closing) = split_ctcp(said);
    let room = room.saturating_sub(opening.len() + closing.len());
    match closing {
        "" => Cow::Borrowed(cut(said, room)),
        _ => Cow::Owned([opening, cut(body, room), closing].concat()),
    }
}

/// Sends a user its own message, if it wants an echo.
fn echo(cx: &Context, user_ref: UserRef, kind: ChatKind, target: &str, said: &str, out: &mut Out) {
    if has(cx, user_ref.link, Capability::EchoMessage) {
        let range = write_message(cx, user_ref.link, user_ref.id, kind, target, said, out);
        out.send_stored(user_ref.link, range);
    }
}

/// Delivers a message to a user.
pub(super) fn deliver(
    cx: &mut Context,
    link: LinkId,
    source: HostId,
    kind: ChatKind,
    said: &str,
    out: &mut Out,
) {
    let range = write_message(
        cx,
        link,
        source,
        kind,
        reply::target_of(cx, link),
        said,
        out,
    );
    label::send_message(cx, link, range, out);
}

/// Stores a message as its reader gets it: with a time tag if its client has asked for
/// it.
fn write_message(
    cx: &Context,
    reader: LinkId,
    source: HostId,
    kind: ChatKind,
    target: &str,
    said: &str,
    out: &mut Out,
) -> ByteRange {
    let tags = tags::of_line(cx, reader, Some(source));
    let source = source_of(cx, source);
    let user = find_user(cx, reader);
    let whole = multiline::is_multiline(said) && user.is_some_and(multiline::is_enabled);
    out.store(|arena| match whole {
        true => {
            let tags = [&*tags, ""];
            multiline::write(arena, true, tags, &source, kind, target, said, "");
        }
        false => write_privmsg(arena, &tags, &source, kind, target, said),
    })
}
