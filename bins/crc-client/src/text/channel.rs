//! Lines about channels.

use std::fmt::Write;

use crc_core::{ChannelMember, ClientNotice, Escaped, ListRest, ListedChannel};
use crc_wire::{ChannelField, MemberFlags};

use super::{Wording, after_colon, chat, event_line, warning_line};
use crate::palette::Style;
use crate::shown::shown;

/// How many members are named when the user enters a channel.
const MEMBERS_SHOWN_MAX: usize = 20;

/// The lines of a notice about a channel; `None` for other notices.
pub(super) fn notice_lines(notice: &ClientNotice, wording: Wording<'_>) -> Option<String> {
    let text = match notice {
        ClientNotice::ChannelChat {
            channel,
            from,
            kind,
            text,
        } => {
            let channel = wording.palette.paint(Style::Channel, Escaped(channel));
            let chat = chat(&wording.host(from), *kind, text, wording);
            return Some(format!("{channel} {chat}"));
        }
        ClientNotice::ChannelRefused { channel, text, .. } => {
            let text = match channel {
                Some(channel) => format!("{}: {}", Escaped(channel), Escaped(text)),
                None => Escaped(text).to_string(),
            };
            return Some(warning_line(&text, wording));
        }
        ClientNotice::ChannelEntered {
            channel,
            members,
            topic,
            rejoined,
        } => {
            if wording.is_for_people() {
                people_entered(channel, members, topic, *rejoined, wording)
            } else {
                let again = if *rejoined { " again" } else { "" };
                let (channel, topic) = (Escaped(channel), after_topic(topic));
                let members = member_lines(members);
                format!("you are in {channel}{again}{topic}{members}")
            }
        }
        ClientNotice::ChannelJoined { channel, member } => {
            let flags = as_rank(member.flags);
            let who = wording.host(&member.client);
            format!("{}: {who} joined{flags}", Escaped(channel))
        }
        ClientNotice::ChannelLeft {
            channel,
            client,
            by,
            text,
        } => {
            let (channel, who) = (Escaped(channel), wording.host(client));
            let text = after_colon(text, wording);
            match by {
                None => format!("{channel}: {who} left{text}"),
                Some(by) => format!("{channel}: {} kicked {who}{text}", wording.host(by)),
            }
        }
        ClientNotice::ChannelFlags {
            channel,
            member,
            by,
        } => {
            let (who, by) = (wording.host(&member.client), by.as_ref());
            let change = rank_change(&who, member.flags, by.map(|by| wording.host(by)));
            format!("{}: {change}", Escaped(channel))
        }
        ClientNotice::ChannelSet {
            channel,
            field,
            value,
            by,
        } => {
            let by = by.as_ref().map(|by| wording.host(by));
            setting(channel, *field, value, by, wording)
        }
        ClientNotice::ChannelNames { channel, names } => {
            format!("members of {}: {}", Escaped(channel), Escaped(names))
        }
        ClientNotice::Invited { channel, by } => {
            let (channel, by) = (Escaped(channel), wording.host(by));
            format!("{by} invites you to {channel}. Use /join {channel}")
        }
        _ => return None,
    };
    Some(event_line(&text, wording))
}

/// A channel with its topic and members.
pub(super) fn listing(
    channel: &str,
    members: &[ChannelMember],
    topic: &str,
    wording: Wording<'_>,
) -> String {
    let channel = Escaped(channel);
    let topic = match topic {
        "" => String::new(),
        topic => format!("; topic: {}", wording.foreign(topic)),
    };
    format!("{channel}{topic}{}", member_lines(members))
}

/// The user is in a channel, which has so many members.
pub(crate) fn entered(channel: &str, count: usize, rejoined: bool) -> String {
    let again = if rejoined { " again" } else { "" };
    let plural = if count == 1 { "" } else { "s" };
    format!(
        "you are in {}{again}: {count} member{plural}",
        shown(channel)
    )
}

/// The same with a few of the members, for those who see no list of them.
fn people_entered(
    channel: &str,
    members: &[ChannelMember],
    topic: &str,
    rejoined: bool,
    wording: Wording<'_>,
) -> String {
    let mut text = entered(channel, members.len(), rejoined);
    if rejoined {
        return text;
    }
    let mut ranked: Vec<&ChannelMember> = members.iter().collect();
    ranked.sort_by_key(|member| (!member.flags.operator, !member.flags.voice));
    let shown = ranked.iter().take(MEMBERS_SHOWN_MAX);
    let names: Vec<_> = shown
        .map(|it| format!("{}{}", prefix(it.flags), wording.host(&it.client)))
        .collect();
    write!(text, ": {}", names.join(" ")).expect("writing to a string does not fail");
    if let Some(more @ 1..) = members.len().checked_sub(MEMBERS_SHOWN_MAX) {
        write!(
            text,
            " and {more} more. /who {} lists them",
            Escaped(channel)
        )
        .expect("writing to a string does not fail");
    }
    if !topic.is_empty() {
        write!(text, "\ntopic: {}", wording.foreign(topic))
            .expect("writing to a string does not fail");
    }
    text
}

/// The topic of a channel.
pub(super) fn topic(channel: &str, topic: &str, wording: Wording<'_>) -> String {
    setting(channel, ChannelField::TOPIC, topic, None, wording)
}

/// The modes of a channel.
pub(super) fn modes(channel: &str, lines: &[String]) -> String {
    let mut text = match lines.is_empty() {
        true => format!("{}: no modes", Escaped(channel)),
        false => format!("modes of {}:", Escaped(channel)),
    };
    for line in lines {
        write!(text, "\n  {}", Escaped(line)).expect("writing to a string does not fail");
    }
    text
}

/// A part of the list of the network's channels; `None` if it is empty and not the last one.
pub(super) fn network_list(channels: &[ListedChannel], rest: ListRest) -> Option<String> {
    let lines = channels.iter().map(|listed| {
        let (name, topic) = (Escaped(&listed.channel), Escaped(&listed.topic));
        let members = match listed.member_count {
            1 => "1 member".to_owned(),
            count => format!("{count} members"),
        };
        let colon = if listed.topic.is_empty() { "" } else { ": " };
        format!("{name} ({members}){colon}{topic}")
    });
    let end = match rest {
        ListRest::End => Some("end of the list".to_owned()),
        ListRest::LeftOut => {
            Some("others are left out. Use /list MASK, such as /list #re*".to_owned())
        }
        _ => None,
    };
    let lines: Vec<_> = lines.chain(end).collect();
    (!lines.is_empty()).then(|| lines.join("\n  "))
}

/// Channels with the numbers of their members.
pub(super) fn list(channels: &[(String, usize)]) -> String {
    let mut text = match channels.len() {
        0 => return "you are not in a channel. Use /join #CHANNEL".to_owned(),
        1 => "you are in 1 channel:".to_owned(),
        count => format!("you are in {count} channels:"),
    };
    for (channel, members) in channels {
        let channel = Escaped(channel);
        let plural = if *members == 1 { "" } else { "s" };
        write!(text, "\n  {channel} ({members} member{plural})")
            .expect("writing to a string does not fail");
    }
    text
}

/// The name of a setting, if it has one.
pub(crate) fn field_name(field: ChannelField) -> Option<&'static str> {
    Some(match field {
        ChannelField::TOPIC => "topic",
        ChannelField::KEY => "key",
        ChannelField::MODES => "modes",
        ChannelField::LIMIT => "limit",
        ChannelField::BANS => "bans",
        ChannelField::NAME => "name",
        ChannelField::EXCEPTIONS => "exceptions",
        ChannelField::INVITE_EXCEPTIONS => "invite-exceptions",
        ChannelField::RENAMED_TO => "renamed-to",
        _ => return None,
    })
}

fn setting(
    channel: &str,
    field: ChannelField,
    value: &str,
    by: Option<String>,
    wording: Wording<'_>,
) -> String {
    let change = match (
        setting_change(field, &wording.foreign(value), by.as_deref()),
        by,
    ) {
        (Some(change), _) => change,
        (None, None) => "a setting has changed".to_owned(),
        (None, Some(by)) => format!("{by} changed a setting"),
    };
    format!("{}: {change}", Escaped(channel))
}

/// The change of a setting that has a name. `value` is shown as it is.
pub(crate) fn setting_change(field: ChannelField, value: &str, by: Option<&str>) -> Option<String> {
    if field == ChannelField::RENAMED_TO && !value.is_empty() {
        // It stays what it is here.
        let (name, why) = value.split_once(' ').unwrap_or((value, ""));
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(" ({why})")
        };
        return Some(match by {
            None => format!("users of IRC know it as {name}{why}"),
            Some(by) => format!("{by} renamed it for users of IRC to {name}{why}"),
        });
    }
    let field = field_name(field)?;
    Some(match (value, by) {
        ("", None) => format!("no {field}"),
        ("", Some(by)) => format!("{by} removed the {field}"),
        (value, None) => format!("{field}: {value}"),
        (value, Some(by)) => format!("{by} set the {field}: {value}"),
    })
}

/// The change of a member's rank.
pub(crate) fn rank_change(who: &str, flags: MemberFlags, by: Option<String>) -> String {
    let rank = flag_names(flags).unwrap_or("a plain member");
    match by {
        None => format!("{who} is now {rank}"),
        Some(by) => format!("{by} made {who} {rank}"),
    }
}

fn after_topic(topic: &str) -> String {
    match topic {
        "" => String::new(),
        topic => format!("; topic: {}", Escaped(topic)),
    }
}

fn flag_names(flags: MemberFlags) -> Option<&'static str> {
    match (flags.operator, flags.voice) {
        (true, true) => Some("an operator with voice"),
        (true, false) => Some("an operator"),
        (false, true) => Some("a member with voice"),
        (false, false) => None,
    }
}

/// As what a client joins, if not as a plain member.
pub(crate) fn as_rank(flags: MemberFlags) -> String {
    flag_names(flags).map_or_else(String::new, |rank| format!(" as {rank}"))
}

/// The members of a channel, one per line.
fn member_lines(members: &[ChannelMember]) -> String {
    let mut text = String::new();
    for member in members {
        let name = member.client.name.as_deref().unwrap_or("?");
        let prefix = prefix(member.flags);
        write!(
            text,
            "\n{:>12}  {prefix}{}",
            member.client.id,
            Escaped(name)
        )
        .expect("writing to a string does not fail");
    }
    text
}

/// What stands before the name of a member.
const fn prefix(flags: MemberFlags) -> &'static str {
    match (flags.operator, flags.voice) {
        (true, _) => "@",
        (false, true) => "+",
        (false, false) => "",
    }
}
