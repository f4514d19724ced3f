//! Writes events in channels as lines, once for each variant that users of IRC ask for.

use core::cell::OnceCell;
use std::borrow::Cow;
use std::collections::BTreeSet;

use crc_wire::{ChannelField, HostId, MemberFlags};
use irc_wire::{ModeChange, Sign, modes, text};

use super::multiline;
use super::rename::shown;
use super::reply::{LINE_BYTES_MAX, Line, own_name, write_privmsg};
use super::session::{Capabilities, Capability, User};
use super::{source_of, tags};
use crate::context::Context;
use crate::network::{ChannelEvent, ChannelEventKind, MaskList};

/// The most changes of modes in one line.
const CHANGES_MAX: usize = 6;

/// The number of variants of an event.
pub(crate) const VARIANTS: usize = 2 * LONG;

/// The variant that only some capabilities permit: a JOIN with the real name, and a chat in which
/// several lines are one message. The lower bits are the kind of the reader.
const LONG: usize = tags::KINDS;

/// Chooses the variant of an event for each member of a channel. What is the same for all members
/// is found out once.
pub(crate) struct Variants {
    /// The capabilities that a user needs for the long variant, if there may be one.
    long: Option<Capabilities>,
    /// Whether there is one: found out for the first user with the capabilities.
    has_long: OnceCell<bool>,
}

impl Variants {
    /// The variants of an event; `None` if no user of IRC gets it as a member.
    pub(crate) fn of(event: &ChannelEvent<'_>) -> Option<Variants> {
        let long = match event.kind {
            ChannelEventKind::Entered { .. } => Some(JOINS),
            ChannelEventKind::Said { .. } => Some(multiline::CAPABILITIES),
            // Each user gets what it is subscribed to.
            ChannelEventKind::Set {
                field: ChannelField::METADATA,
                ..
            } => return None,
            _ => None,
        };
        Some(Variants {
            long,
            has_long: OnceCell::new(),
        })
    }

    /// In which variant a user gets the event; `None` if the user does not get it. `own` says
    /// that the event is about this user.
    #[inline]
    pub(crate) fn choose(&self, user: &User, own: bool, event: &ChannelEvent<'_>) -> Option<usize> {
        if own && !is_told_of_itself(user, event) {
            return None;
        }
        let is_long = self.long.is_some_and(|needs| user.has_all(needs))
            && *self.has_long.get_or_init(|| has_long_variant(event));
        Some(tags::kind_of(user) | (usize::from(is_long) * LONG))
    }
}

/// The capability with which a JOIN has the real name.
const JOINS: Capabilities = Capabilities::of(&[Capability::ExtendedJoin]);

/// Whether an event has a long variant, where the kind of event may have one.
fn has_long_variant(event: &ChannelEvent<'_>) -> bool {
    match event.kind {
        ChannelEventKind::Said { text, .. } => multiline::is_multiline(text),
        _ => true,
    }
}

/// Whether a user gets an event that is about itself.
fn is_told_of_itself(user: &User, event: &ChannelEvent<'_>) -> bool {
    match event.kind {
        ChannelEventKind::Said { .. } => user.has(Capability::EchoMessage),
        // A user that this server puts into a channel again is in it already.
        ChannelEventKind::Entered { .. } => user.is_joining,
        _ => true,
    }
}

/// Writes an event as lines. It is kept out of the loop over links that calls it once or twice.
#[inline(never)]
pub(crate) fn write_event(
    cx: &Context,
    event: &ChannelEvent<'_>,
    variant: usize,
    arena: &mut Vec<u8>,
) {
    let tags_from = |source| tags::of_kind(cx, variant % LONG, source);
    let tags = tags_from(event.who);
    let channel = shown(cx, event.channel);
    let who = source_or_server(cx, event.who);
    match event.kind {
        ChannelEventKind::Entered { flags } => {
            let line = Line::new(arena, &tags, &who, "JOIN").word(channel);
            end_join(cx, line, event.who, variant & LONG != 0);
            // A member that enters with a rank is shown with it: it had that rank
            // before, or at another server. The first member sees its rank in the list
            // of names.
            let known = cx.network.channels().find(event.channel);
            if known.is_some_and(|known| known.members_len() > 1) {
                let before = MemberFlags::default();
                write_ranks(cx, event, None, before, flags, &tags_from(None), arena);
            }
        }
        ChannelEventKind::Flags { by, before, after } => {
            write_ranks(cx, event, by, before, after, &tags_from(by), arena);
        }
        ChannelEventKind::Left { by, text } => match by {
            Some(by) => {
                let nick = event.who.map(|id| cx.nick_of(id)).unwrap_or_default();
                let (tags, by) = (tags_from(Some(by)), source_of(cx, by));
                let line = Line::new(arena, &tags, &by, "KICK").word(channel);
                line.word(&nick).text(text).end();
            }
            None => {
                let line = Line::new(arena, &tags, &who, "PART").word(channel);
                match text {
                    "" => line.end(),
                    _ => line.text(text).end(),
                }
            }
        },
        ChannelEventKind::Said { kind, text } if variant & LONG != 0 => {
            multiline::write(arena, true, [&tags, ""], &who, kind, channel, text, "");
        }
        ChannelEventKind::Said { kind, text } => {
            write_privmsg(arena, &tags, &who, kind, channel, text)
        }
        ChannelEventKind::Set {
            field: ChannelField::TOPIC,
            value,
            ..
        } => {
            let line = Line::new(arena, &tags, &who, "TOPIC").word(channel);
            line.text(value).end();
        }
        ChannelEventKind::Set {
            field,
            before,
            value,
            ..
        } => {
            let changes = changes(field, before, value);
            write_modes(arena, &tags, &who, channel, &changes);
        }
    }
}

/// Ends a JOIN of a host: the long form has the real name.
pub(super) fn end_join(cx: &Context, line: Line<'_>, who: Option<HostId>, is_long: bool) {
    if !is_long {
        return line.end();
    }
    let host = who.and_then(|id| cx.network.directory().find(id));
    let info = host.map_or("", |host| host.info());
    line.word("*").text(info).end();
}

/// Writes the MODE lines that change the rank of the member of `event` from `before` to
/// `after`; none if both are equal.
fn write_ranks(
    cx: &Context,
    event: &ChannelEvent<'_>,
    by: Option<HostId>,
    before: MemberFlags,
    after: MemberFlags,
    tags: &str,
    arena: &mut Vec<u8>,
) {
    let Some(id) = event.who else {
        return;
    };
    let nick = cx.nick_of(id);
    let mut changes = Vec::new();
    for (letter, before, after) in [
        (b'o', before.operator, after.operator),
        (b'v', before.voice, after.voice),
    ] {
        let sign = if after { Sign::Plus } else { Sign::Minus };
        if before != after {
            changes.push(change(sign, letter, Some(&nick)));
        }
    }
    let by = source_or_server(cx, by);
    write_modes(arena, tags, &by, shown(cx, event.channel), &changes);
}

/// The source of a host, or with `None` the name of this server.
fn source_or_server(cx: &Context, who: Option<HostId>) -> Cow<'_, str> {
    match who {
        Some(id) => source_of(cx, id),
        None => own_name(cx).into(),
    }
}

/// Changes of modes, in as many lines as are needed.
fn write_modes(
    arena: &mut Vec<u8>,
    tags: &str,
    source: &str,
    channel: &str,
    changes: &[ModeChange<'_>],
) {
    // A sign and a letter, and the parameter with its blank.
    let len_of = |change: &ModeChange<'_>| 2 + change.param.map_or(0, |param| param.len() + 1);
    let head = source.len() + channel.len() + ": MODE  ".len();
    let mut rest = changes;
    while !rest.is_empty() {
        let mut len = head;
        let fit = rest.iter().take(CHANGES_MAX).take_while(|change| {
            len += len_of(change);
            len <= LINE_BYTES_MAX
        });
        let (now, later) = rest.split_at(fit.count().max(1));
        rest = later;
        let (letters, params) = modes::join(now.iter().copied());
        let mut line = Line::new(arena, tags, source, "MODE").word(channel);
        line = line.word(&text::lossy(&letters));
        for param in params {
            line = line.word(&text::lossy(param));
        }
        line.end();
    }
}

/// A change of one mode.
const fn change<'a>(sign: Sign, letter: u8, param: Option<&'a str>) -> ModeChange<'a> {
    ModeChange {
        sign,
        letter,
        param: match param {
            Some(param) => Some(param.as_bytes()),
            None => None,
        },
    }
}

/// The changes of modes that a changed setting amounts to.
fn changes<'a>(field: ChannelField, before: &'a str, value: &'a str) -> Vec<ModeChange<'a>> {
    let set = |letter| match value {
        "" => change(Sign::Minus, letter, None),
        _ => change(Sign::Plus, letter, Some(value)),
    };
    let mut changes = Vec::new();
    match field {
        ChannelField::KEY if value.is_empty() => {
            changes.push(change(Sign::Minus, b'k', Some(before)));
        }
        ChannelField::KEY => changes.push(set(b'k')),
        ChannelField::LIMIT => changes.push(set(b'l')),
        ChannelField::MODES => {
            let is_mode = |letter: &u8| letter.is_ascii_alphabetic();
            let removed = before.bytes().filter(|l| !value.as_bytes().contains(l));
            let added = value.bytes().filter(|l| !before.as_bytes().contains(l));
            let removed = removed.filter(is_mode);
            let added = added.filter(is_mode);
            changes.extend(removed.map(|letter| change(Sign::Minus, letter, None)));
            changes.extend(added.map(|letter| change(Sign::Plus, letter, None)));
        }
        _ => {
            let Some(&MaskList { letter, .. }) = MaskList::of_field(field) else {
                return changes;
            };
            let masks = |list: &'a str| list.split_ascii_whitespace();
            let set_of = |list| masks(list).collect::<BTreeSet<_>>();
            let (old, new) = (set_of(before), set_of(value));
            let removed = masks(before).filter(|mask| !new.contains(mask));
            let added = masks(value).filter(|mask| !old.contains(mask));
            changes.extend(removed.map(|mask| change(Sign::Minus, letter, Some(mask))));
            changes.extend(added.map(|mask| change(Sign::Plus, letter, Some(mask))));
        }
    }
    changes
}
