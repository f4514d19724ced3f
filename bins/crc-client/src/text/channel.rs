//! Lines about channels.

use std::fmt::Write;

use crc_core::{ChannelMember, ClientNotice, Escaped, HostRef, ListRest, ListedChannel};
use crc_wire::{ChannelField, MemberFlags};

use super::{after_colon, chat, event_line, host, warning_line};
use crate::palette::{Palette, Style};

/// The lines of a notice about a channel; `None` for other notices.
pub(super) fn notice_lines(notice: &ClientNotice, palette: Palette) -> Option<String> {
    let text = match notice {
        ClientNotice::ChannelChat {
            channel,
            from,
            kind,
            text,
        } => {
            let channel = palette.paint(Style::Channel, Escaped(channel));
            let chat = chat(from.id, &host_ref(from), *kind, text, palette);
            return Some(format!("{channel} {chat}"));
        }
        ClientNotice::ChannelRefused { channel, text, .. } => {
            let text = match channel {
                Some(channel) => format!("{}: {}", Escaped(channel), Escaped(text)),
                None => Escaped(text).to_string(),
            };
            return Some(warning_line(&text, palette));
        }
        ClientNotice::ChannelEntered {
            channel,
            members,
            topic,
            rejoined,
        } => {
            let again = if *rejoined { " again" } else { "" };
            let (channel, topic) = (Escaped(channel), after_topic(topic));
            format!(
                "you are in {channel}{again}{topic}{}",
                member_lines(members)
            )
        }
        ClientNotice::ChannelJoined { channel, member } => {
            let flags = match flag_names(member.flags) {
                None => String::new(),
                Some(flags) => format!(" as {flags}"),
            };
            let who = host_ref(&member.client);
            format!("{}: {who} joined{flags}", Escaped(channel))
        }
        ClientNotice::ChannelLeft {
            channel,
            client,
            by,
            text,
        } => {
            let (channel, who, text) = (Escaped(channel), host_ref(client), after_colon(text));
            match by {
                None => format!("{channel}: {who} left{text}"),
                Some(by) => format!("{channel}: {} kicked {who}{text}", host_ref(by)),
            }
        }
        ClientNotice::ChannelFlags {
            channel,
            member,
            by,
        } => {
            let (channel, who) = (Escaped(channel), host_ref(&member.client));
            let flags = flag_names(member.flags).unwrap_or("a plain member");
            match by {
                None => format!("{channel}: {who} is now {flags}"),
                Some(by) => format!("{channel}: {} made {who} {flags}", host_ref(by)),
            }
        }
        ClientNotice::ChannelSet {
            channel,
            field,
            value,
            by,
        } => setting(channel, *field, value, by.as_ref()),
        ClientNotice::ChannelNames { channel, names } => {
            format!("members of {}: {}", Escaped(channel), Escaped(names))
        }
        ClientNotice::Invited { channel, by } => {
            let (channel, by) = (Escaped(channel), host_ref(by));
            format!("{by} invites you to {channel}. Use /join {channel}")
        }
        _ => return None,
    };
    Some(event_line(&text, palette))
}

/// A channel with its topic and members.
pub(super) fn listing(channel: &str, members: &[ChannelMember], topic: &str) -> String {
    let (channel, topic) = (Escaped(channel), after_topic(topic));
    format!("{channel}{topic}{}", member_lines(members))
}

/// The topic of a channel.
pub(super) fn topic(channel: &str, topic: &str) -> String {
    setting(channel, ChannelField::TOPIC, topic, None)
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
        _ => return None,
    })
}

fn setting(channel: &str, field: ChannelField, value: &str, by: Option<&HostRef>) -> String {
    let (channel, by) = (Escaped(channel), by.map(host_ref));
    match (field_name(field), value, by) {
        (Some(field), "", None) => format!("{channel}: no {field}"),
        (Some(field), "", Some(by)) => format!("{channel}: {by} removed the {field}"),
        (Some(field), value, None) => format!("{channel}: {field}: {}", Escaped(value)),
        (Some(field), value, Some(by)) => {
            format!("{channel}: {by} set the {field}: {}", Escaped(value))
        }
        (None, _, None) => format!("{channel}: a setting has changed"),
        (None, _, Some(by)) => format!("{channel}: {by} changed a setting"),
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

/// The members of a channel, one per line.
fn member_lines(members: &[ChannelMember]) -> String {
    let mut text = String::new();
    for member in members {
        let name = member.client.name.as_deref().unwrap_or("?");
        let prefix = match (member.flags.operator, member.flags.voice) {
            (true, _) => "@",
            (false, true) => "+",
            (false, false) => "",
        };
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

/// A host, with its name if it is known.
pub(super) fn host_ref(host_ref: &HostRef) -> String {
    match &host_ref.name {
        Some(name) => host(host_ref.id, name),
        None => host_ref.id.to_string(),
    }
}
