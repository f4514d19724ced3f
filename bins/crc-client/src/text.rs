//! Events as lines for people. Foreign text is escaped here, so that no peer can send
//! terminal control sequences.

use std::fmt::Write;
use std::time::Duration;

use crc_core::{
    ChannelMember, Client, ClientFailure, ClientNotice, DisconnectReason, Escaped, HostRef,
    RemoteClient,
};
use crc_wire::{ChannelField, ChatKind, HostId, MemberFlags};

use crate::command::COMMANDS;
use crate::event::OutputEvent;
use crate::palette::{Palette, Style};

/// A chat. An action of an IRC user (`/me`) has no brackets around the name.
fn chat_line(id: HostId, who: &str, kind: ChatKind, text: &str, palette: Palette) -> String {
    let action = text.strip_prefix("\u{1}ACTION ");
    if let Some(action) = action {
        let action = action.strip_suffix('\u{1}').unwrap_or(action);
        let who = palette.paint(Style::Name(id), who);
        return format!("* {who} {}", Escaped(action));
    }
    let who = match kind {
        ChatKind::Message => format!("<{who}>"),
        ChatKind::Notice => format!("-{who}-"),
    };
    let who = palette.paint(Style::Name(id), who);
    format!("{who} {}", Escaped(text))
}

/// The lines of an event, without the last line break; `None` for errors, which
/// [`error`] describes.
pub(crate) fn lines(event: &OutputEvent, palette: Palette) -> Option<String> {
    let event_line = |text: String| Some(palette.paint(Style::Event, format_args!("* {text}")));
    let warning = |text: String| Some(palette.paint(Style::Error, format_args!("! {text}")));
    let notice = match event {
        OutputEvent::Client(notice) => notice,
        OutputEvent::Roster(clients) => return event_line(roster(clients)),
        OutputEvent::Channel {
            channel,
            members,
            topic,
        } => {
            let (members, topic) = (member_lines(members), after_topic(topic));
            return event_line(format!("{}{topic}\n{members}", Escaped(channel)));
        }
        OutputEvent::Topic { channel, topic } => return event_line(topic_of(channel, topic)),
        OutputEvent::Channels(channels) => return event_line(channel_list(channels)),
        OutputEvent::TargetChanged { target: Some(to) } => {
            return event_line(format!("talking to {}", Escaped(&to.to_string())));
        }
        OutputEvent::TargetChanged { target: None } => {
            return event_line("talking to nobody".to_owned());
        }
        OutputEvent::Help => return Some(COMMANDS.to_owned()),
        OutputEvent::CommandFailed(_) | OutputEvent::LineHandled | OutputEvent::GaveUp { .. } => {
            return None;
        }
    };
    match notice {
        ClientNotice::Connected { server } => event_line(format!("connected to {server}")),
        ClientNotice::Unreachable {
            server,
            why,
            retry_in,
        } => event_line(format!(
            "can't reach {server}: {why}; {}",
            retry_text(*retry_in)
        )),
        ClientNotice::Welcome { id, text } => {
            event_line(format!("{} (your id is {id})", Escaped(text)))
        }
        ClientNotice::Joined {
            id,
            name,
            info,
            previous_name,
        } => event_line(match previous_name {
            None => format!("{} is here{}", host(*id, name), after_colon(info)),
            Some(was) if was == name => {
                format!("{} says now{}", host(*id, name), after_colon(info))
            }
            Some(was) => format!(
                "{} is now {}{}",
                host(*id, was),
                Escaped(name),
                after_colon(info)
            ),
        }),
        ClientNotice::Left { id, name, text } => {
            event_line(format!("{} left{}", host(*id, name), after_colon(text)))
        }
        ClientNotice::Chat {
            from,
            from_name,
            text,
            ..
        } => {
            let from_name = match from_name {
                Some(name) => host(*from, name),
                None => from.to_string(),
            };
            Some(chat_line(
                *from,
                &from_name,
                ChatKind::Message,
                text,
                palette,
            ))
        }
        ClientNotice::Status { code, text, .. } => {
            warning(format!("{} (status {code})", Escaped(text)))
        }
        ClientNotice::ChannelEntered {
            channel,
            members,
            topic,
            rejoined,
        } => {
            let again = if *rejoined { " again" } else { "" };
            let (channel, topic, members) =
                (Escaped(channel), after_topic(topic), member_lines(members));
            event_line(format!("you are in {channel}{again}{topic}\n{members}"))
        }
        ClientNotice::ChannelJoined { channel, member } => {
            let flags = flags(member.flags);
            event_line(format!(
                "{}: {}{flags} is here",
                Escaped(channel),
                host_ref(&member.who)
            ))
        }
        ClientNotice::ChannelLeft {
            channel,
            who,
            by,
            text,
        } => {
            let (channel, who, text) = (Escaped(channel), host_ref(who), after_colon(text));
            event_line(match by {
                None => format!("{channel}: {who} left{text}"),
                Some(by) => format!("{channel}: {} put {who} out{text}", host_ref(by)),
            })
        }
        ClientNotice::ChannelFlags {
            channel,
            member,
            by,
        } => {
            let (channel, who) = (Escaped(channel), host_ref(&member.who));
            let what = match (member.flags.operator, member.flags.voice) {
                (true, true) => "an operator, with a voice",
                (true, false) => "an operator",
                (false, true) => "a member with a voice",
                (false, false) => "a member",
            };
            event_line(format!(
                "{channel}: {who} is now {what}{}",
                by_whom(by.as_ref())
            ))
        }
        ClientNotice::ChannelChat {
            channel,
            from,
            kind,
            text,
        } => {
            let channel = palette.paint(Style::Channel, Escaped(channel));
            let chat = chat_line(from.id, &host_ref(from), *kind, text, palette);
            Some(format!("{channel} {chat}"))
        }
        ClientNotice::ChannelSet {
            channel,
            field,
            value,
            by,
        } => {
            let by = by_whom(by.as_ref());
            event_line(match (field_name(*field), &**value) {
                (Some("topic"), topic) => format!("{}{by}", topic_of(channel, topic)),
                (Some(field), "") => format!("{}: no {field}{by}", Escaped(channel)),
                (Some(field), value) => {
                    format!("{}: {field} is {}{by}", Escaped(channel), Escaped(value))
                }
                (None, _) => format!("{}: set otherwise{by}", Escaped(channel)),
            })
        }
        ClientNotice::ChannelRefused { channel, text } => warning(match channel {
            Some(channel) => format!("{}: {}", Escaped(channel), Escaped(text)),
            None => Escaped(text).to_string(),
        }),
        ClientNotice::ChannelNames { channel, names } => {
            event_line(format!("in {}: {}", Escaped(channel), Escaped(names)))
        }
        ClientNotice::Invited { channel, by } => {
            let (channel, by) = (Escaped(channel), host_ref(by));
            event_line(format!("{by} invites you to {channel}: /join {channel}"))
        }
        ClientNotice::Disconnected { reason, retry_in } => event_line(match (reason, retry_in) {
            (DisconnectReason::Quit, _) => "disconnected".to_owned(),
            (reason, None) => format!("disconnected: {reason}"),
            (reason, Some(pause)) => format!("disconnected: {reason}; {}", retry_text(*pause)),
        }),
        ClientNotice::NotSent { .. }
        | ClientNotice::ChannelNotSent { .. }
        | ClientNotice::FrameDropped { .. }
        | ClientNotice::Failed { .. } => None,
    }
}

/// The description of an error event.
pub(crate) fn error(event: &OutputEvent, client: &Client) -> Option<String> {
    Some(match event {
        OutputEvent::CommandFailed(error) => error.to_string(),
        OutputEvent::Client(ClientNotice::NotSent { to, why }) => {
            format!("nothing was sent to {to}: {why}")
        }
        OutputEvent::Client(ClientNotice::ChannelNotSent { channel, why }) => {
            format!("nothing was sent to {channel}: {why}")
        }
        OutputEvent::Client(ClientNotice::Failed {
            why: ClientFailure::IdTaken(id),
        }) => format!("the id {id} is taken; choose another one, or leave --id out to get any"),
        OutputEvent::GaveUp { unsent } => {
            let server = client.server();
            let unsent = match unsent {
                0 => String::new(),
                1 => "; 1 message was not sent".to_owned(),
                _ => format!("; {unsent} messages were not sent"),
            };
            format!(
                "no server at {server} has taken us{unsent}; start one there (crc-server), \
                 or name another with --server HOST:PORT"
            )
        }
        _ => return None,
    })
}

/// An error as it is displayed.
pub(crate) fn error_line(error: &str, palette: Palette) -> String {
    palette.paint(Style::Error, format_args!("! {}", Escaped(error)))
}

fn host(id: HostId, name: &str) -> String {
    format!("{} ({id})", Escaped(name))
}

/// A host, with its name if it is known.
fn host_ref(host_ref: &HostRef) -> String {
    match &host_ref.name {
        Some(name) => host(host_ref.id, name),
        None => host_ref.id.to_string(),
    }
}

fn by_whom(by: Option<&HostRef>) -> String {
    by.map_or_else(String::new, |by| format!(", by {}", host_ref(by)))
}

fn flags(flags: MemberFlags) -> &'static str {
    match (flags.operator, flags.voice) {
        (true, true) => ", an operator with a voice,",
        (true, false) => ", an operator,",
        (false, true) => ", with a voice,",
        (false, false) => "",
    }
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
        _ => return None,
    })
}

fn topic_of(channel: &str, topic: &str) -> String {
    match topic {
        "" => format!("{}: no topic", Escaped(channel)),
        topic => format!("{}: the topic is: {}", Escaped(channel), Escaped(topic)),
    }
}

fn after_topic(topic: &str) -> String {
    match topic {
        "" => String::new(),
        topic => format!("; the topic is: {}", Escaped(topic)),
    }
}

/// The members of a channel, one per line.
fn member_lines(members: &[ChannelMember]) -> String {
    let line = |member: &ChannelMember| {
        let name = member.who.name.as_deref().unwrap_or("?");
        let sign = match (member.flags.operator, member.flags.voice) {
            (true, _) => "@",
            (false, true) => "+",
            (false, false) => "",
        };
        format!("{:>12}  {sign}{}", member.who.id, Escaped(name))
    };
    let lines: Vec<String> = members.iter().map(line).collect();
    lines.join("\n")
}

fn channel_list(channels: &[(String, usize)]) -> String {
    let mut text = match channels {
        [] => "you are in no channel".to_owned(),
        _ => "you are in:".to_owned(),
    };
    for (channel, members) in channels {
        let channel = Escaped(channel);
        write!(text, "\n{members:>12}  {channel}").expect("a string takes everything");
    }
    text
}

fn after_colon(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {}", Escaped(text))
    }
}

fn retry_text(pause: Duration) -> String {
    format!("trying again in {:.1} s", pause.as_secs_f64())
}

fn roster(clients: &[(HostId, RemoteClient)]) -> String {
    let mut text = match clients.len() {
        0 => "nobody else is here".to_owned(),
        1 => "1 other is here:".to_owned(),
        count => format!("{count} others are here:"),
    };
    for (id, client) in clients {
        let (name, info) = (Escaped(&client.name), after_colon(&client.info));
        write!(text, "\n{id:>12}  {name}{info}").expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_no_brackets() {
        let id = HostId::new(7).expect("not 0");
        let tell = |text| chat_line(id, "ann (7)", ChatKind::Message, text, Palette::Plain);
        assert_eq!(tell("hello"), "<ann (7)> hello");
        assert_eq!(tell("\u{1}ACTION waves\u{1}"), "* ann (7) waves");
        assert_eq!(tell("\u{1}ACTION \u{1b}[2J"), "* ann (7) ␛[2J");
        assert_ne!(tell("\u{1}VERSION\u{1}"), "* ann (7) VERSION");
    }
}
