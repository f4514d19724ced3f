//! RENAME (IRCv3 channel-rename), and the names under which users of IRC know channels.
//!
//! A channel that was renamed has its first name everywhere but here: lines that users send
//! have it put in place of the new one, and what is written for them the other way round.

use std::borrow::Cow;

use crc_machine::{ByteRange, LinkId};
use irc_wire::{Command, Message, Numeric, Params, Verb, lists, text};

use super::channel::refuse;
use super::reply::{self, Line, own_name};
use super::session::{Capability, NAMES};
use super::tagged::{shown_target, split_target};
use super::{UserRef, answer, cut, event, find_user, has, source_of, tags};
use crate::context::{Context, Out};
use crate::network::{Network, RENAME_REASON_BYTES_MAX, RenameRefusal, Renamed};
use crate::work;

/// RENAME of a channel by one of its operators, with a reason or without.
pub(super) fn rename(cx: &mut Context, user_ref: UserRef, message: &Message<'_>, out: &mut Out) {
    let link = user_ref.link;
    let param = |at| text::utf8_or_latin1(message.params.get(at).unwrap_or_default());
    let [name, new, why] = [0, 1, 2].map(param);
    let why: String = why.chars().filter(|c| !c.is_control()).collect();
    let why = cut(&why, RENAME_REASON_BYTES_MAX);
    let times = (cx.now, cx.network_ms());
    // No channel has an empty name.
    let wanted = match NAMES.is_channel(new.as_bytes()) {
        true => &*new,
        false => "",
    };
    let may = cx.network.may_rename(user_ref.id, &name, wanted, times);
    let (code, words) = match may {
        Ok(()) => return cx.rename_channel(user_ref.id, &name, &new, why, out),
        Err(RenameRefusal::Set(refusal)) => return refuse(cx, link, &name, refusal, out),
        Err(RenameRefusal::Name) => ("CANNOT_RENAME", "No channel can have this name"),
        Err(RenameRefusal::InUse) => ("CHANNEL_NAME_IN_USE", "There is a channel with this name"),
        Err(RenameRefusal::Recent) => (
            "CANNOT_RENAME",
            "This channel was renamed less than a minute ago, and has many members",
        ),
    };
    // The new name is the user's word, also where it is a former name of some channel.
    let context = ["RENAME", code, shown(cx, &name), &new];
    reply::send_line(link, own_name(cx), "FAIL", &context, Some(words), out);
}

/// A channel has another name for users of IRC: tells those who are in it. A client without the
/// capability sees its user leave the former one and enter the other.
pub(crate) fn on_channel_renamed(cx: &mut Context, renamed: &Renamed, out: &mut Out) {
    let Some(channel) = cx.network.channels().find(&renamed.channel) else {
        return;
    };
    cx.work.charge(work::LINK * channel.links_len() as u64);
    let by = renamed
        .by
        .filter(|id| cx.network.directory().find(*id).is_some());
    let source = by.map_or(Cow::Borrowed(own_name(cx)), |id| source_of(cx, id));
    let mut lines: [Option<ByteRange>; tags::KINDS] = [None; tags::KINDS];
    let mut others = Vec::new();
    for link in channel.links() {
        let Some(user) = find_user(cx, link) else {
            continue;
        };
        if !user.has(Capability::ChannelRename) {
            others.push(link);
            continue;
        }
        let kind = tags::kind_of(user);
        let line = *lines[kind].get_or_insert_with(|| {
            out.store(|arena| {
                let line = Line::new(arena, &tags::of_kind(cx, kind, by), &source, "RENAME");
                line.word(&renamed.before)
                    .word(&renamed.after)
                    .text(&renamed.why)
                    .end();
            })
        });
        out.send_stored(link, line);
    }
    // The same name in another case is nothing to them.
    if !renamed.before.eq_ignore_ascii_case(&renamed.after) {
        for link in others {
            move_to(cx, link, renamed, out);
        }
    }
}

/// Shows a user a renamed channel as another one.
fn move_to(cx: &mut Context, link: LinkId, renamed: &Renamed, out: &mut Out) {
    let Some(id) = cx.network.neighbours().find(link).map(|n| n.host) else {
        return;
    };
    let user_ref = UserRef { link, id };
    cx.work.charge(2 * work::LINE);
    let (tags, who) = (tags::of_line(cx, link, Some(id)), source_of(cx, id));
    let range = out.store(|arena| {
        let line = Line::new(arena, &tags, &who, "PART").word(&renamed.before);
        match &*renamed.why {
            "" => line.end(),
            why => line.text(why).end(),
        }
        let line = Line::new(arena, &tags, &who, "JOIN").word(&renamed.after);
        event::end_join(cx, line, Some(id), has(cx, link, Capability::ExtendedJoin));
    });
    out.send_stored(link, range);
    answer::show_soon(cx, user_ref, &renamed.channel, out);
}

/// A user wants to enter a channel under this name. Returns its first name, or `None` if the
/// client was told that the channel was renamed.
pub(super) fn first_name_to_join(
    cx: &Context,
    UserRef { link, id }: UserRef,
    name: &str,
    out: &mut Out,
) -> Option<Box<str>> {
    let channels = cx.network.channels();
    let known = channels.find_shown(name).filter(|_| channels.has_aliases());
    let Some(channel) = known else {
        return Some(name.into());
    };
    // Who may not see a hidden channel is not told of its new name either.
    if channel.is_former_name(name) && Network::may_see(id, channel) {
        let context = [name, channel.shown_name()];
        let text = "The channel was renamed";
        if has(cx, link, Capability::ChannelRename) {
            let context = [&["JOIN", "CHANNEL_RENAMED"], &context[..]].concat();
            reply::send_line(link, own_name(cx), "FAIL", &context, Some(text), out);
            return None;
        }
        let words = [&[reply::target_of(cx, link)], &context[..]].concat();
        let numeric = Numeric::ERR_LINKCHANNEL.digits();
        reply::send_line(link, own_name(cx), numeric, &words, Some(text), out);
    }
    Some(channel.name().into())
}

/// How users of IRC know a channel with this first name.
pub(super) fn shown<'a>(cx: &'a Context, name: &'a str) -> &'a str {
    cx.network.channels().shown_name(name)
}

/// The words of a line for a user as they are written: a channel under the name that users know,
/// unless it is hidden from this one. It is the first word that begins as a channel does.
pub(super) fn shown_words<'a>(
    cx: &'a Context,
    link: LinkId,
    words: &'a [&'a str],
) -> Cow<'a, [&'a str]> {
    let channels = cx.network.channels();
    if !channels.has_aliases() {
        return Cow::Borrowed(words);
    }
    let at = words.iter().position(|word| word.starts_with('#'));
    let reader = cx.network.neighbours().find(link).map(|n| n.host);
    let (Some(at), Some(reader)) = (at, reader) else {
        return Cow::Borrowed(words);
    };
    let mut words = words.to_vec();
    let channel = channels.find(words[at]);
    if channel.is_some_and(|channel| Network::may_see(reader, channel)) {
        words[at] = shown(cx, words[at]);
    }
    Cow::Owned(words)
}

/// Which parameter of a command names channels. JOIN has [`first_name_to_join`].
const fn channels_at(verb: Verb) -> Option<usize> {
    match verb {
        Verb::Kick
        | Verb::List
        | Verb::Markread
        | Verb::Metadata
        | Verb::Mode
        | Verb::Names
        | Verb::Notice
        | Verb::Part
        | Verb::Privmsg
        | Verb::Redact
        | Verb::Rename
        | Verb::Tagmsg
        | Verb::Topic
        | Verb::Who => Some(0),
        Verb::Invite => Some(1),
        Verb::Batch => Some(2),
        _ => None,
    }
}

/// The parameter of a user's line that names channels, with their first names in place of those
/// that the user knows; `None` if it stays as it is.
pub(super) fn first_names(cx: &Context, message: &Message<'_>) -> Option<(usize, Vec<u8>)> {
    let channels = cx.network.channels();
    let Command::Verb(verb) = message.command else {
        return None;
    };
    if !channels.has_aliases() {
        return None;
    }
    let at = channels_at(verb)?;
    let mut is_changed = false;
    let names = lists::elements(message.params.get(at)?).map(|element| {
        let target = text::utf8_or_latin1(element);
        let (audience, name) = split_target(&target);
        match channels.find_shown(name).map(|channel| channel.name()) {
            Some(first) if !first.eq_ignore_ascii_case(name) => {
                is_changed = true;
                shown_target(audience, first).into_owned().into_bytes()
            }
            _ => element.to_vec(),
        }
    });
    let names = names.collect::<Vec<_>>().join(&b',');
    is_changed.then_some((at, names))
}

/// A message with another parameter in place of one.
pub(super) fn with_param<'a>(message: &Message<'a>, at: usize, value: &'a [u8]) -> Message<'a> {
    let mut params = Params::new();
    for (number, param) in message.params.iter().enumerate() {
        let param = if number == at { value } else { param };
        if params.push(param).is_err() {
            return *message;
        }
    }
    Message { params, ..*message }
}
