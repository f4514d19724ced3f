//! News as lines for people. Whatever came from outside is made visible here:
//! nobody may paint on another's terminal.

use std::fmt::{self, Write};
use std::time::Duration;

use crc_core::{
    ChannelMember, ClientFailure, ClientNotice, DisconnectReason, Escaped, HostRef, RemoteClient,
};
use crc_wire::{ChannelField, ChatKind, HostId, MemberFlags};

use crate::desk::{Desk, News};
use crate::line::COMMANDS;

/// Whether, and how, lines are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    Plain,
    Colours,
}

#[derive(Debug, Clone, Copy)]
enum Shade {
    /// What happens in the network.
    Event,
    /// What goes wrong.
    Trouble,
    /// Somebody's name.
    Name(HostId),
    /// The name of a channel in which something is said.
    Channel,
    /// What stands before the line that is being edited.
    Prompt,
}

impl Palette {
    /// The prompt of a line that is being edited; as wide as it is without colours.
    pub(crate) fn prompt(self, prompt: &str) -> String {
        self.paint(Shade::Prompt, prompt)
    }

    fn paint(self, shade: Shade, text: impl fmt::Display) -> String {
        let code = match (self, shade) {
            (Palette::Plain, _) => return text.to_string(),
            (Palette::Colours, Shade::Event) => 2,
            (Palette::Colours, Shade::Trouble) => 31,
            (Palette::Colours, Shade::Prompt | Shade::Channel) => 1,
            // The same person, the same colour; red is taken.
            (Palette::Colours, Shade::Name(id)) => 32 + id.get() % 5,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// What somebody says; what somebody of IRC does (`/me`) is told as a deed.
fn said(id: HostId, who: &str, kind: ChatKind, text: &str, palette: Palette) -> String {
    let deed = text.strip_prefix("\u{1}ACTION ");
    if let Some(deed) = deed {
        let deed = deed.strip_suffix('\u{1}').unwrap_or(deed);
        let who = palette.paint(Shade::Name(id), who);
        return format!("* {who} {}", Escaped(deed));
    }
    let who = match kind {
        ChatKind::Message => format!("<{who}>"),
        ChatKind::Notice => format!("-{who}-"),
    };
    let who = palette.paint(Shade::Name(id), who);
    format!("{who} {}", Escaped(text))
}

/// The line or lines that tell of `news`, without the last one's end. What
/// goes wrong with what the user wants is not among them: see [`error`].
pub(crate) fn lines(news: &News, palette: Palette) -> Option<String> {
    let event = |text: String| Some(palette.paint(Shade::Event, format_args!("* {text}")));
    let trouble = |text: String| Some(palette.paint(Shade::Trouble, format_args!("! {text}")));
    let notice = match news {
        News::Client(notice) => notice,
        News::Roster(clients) => return event(roster(clients)),
        News::Channel {
            channel,
            members,
            topic,
        } => {
            let (members, topic) = (many(members), after_topic(topic));
            return event(format!("{}{topic}\n{members}", Escaped(channel)));
        }
        News::Topic { channel, topic } => return event(topic_of(channel, topic)),
        News::Channels(channels) => return event(channels_of(channels)),
        News::Talking { to: Some(to) } => {
            return event(format!("talking to {}", Escaped(&to.to_string())));
        }
        News::Talking { to: None } => return event("talking to nobody".to_owned()),
        News::Help => return Some(COMMANDS.to_owned()),
        News::Refused(_) | News::LineDone | News::GaveUp { .. } => return None,
    };
    match notice {
        ClientNotice::Connected { server } => event(format!("connected to {server}")),
        ClientNotice::Unreachable {
            server,
            why,
            retry_in,
        } => event(format!("can't reach {server}: {why}; {}", again(*retry_in))),
        ClientNotice::Welcome { id, text } => event(format!("{} (your id is {id})", Escaped(text))),
        ClientNotice::Joined {
            id,
            name,
            info,
            previous_name,
        } => event(match previous_name {
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
            event(format!("{} left{}", host(*id, name), after_colon(text)))
        }
        ClientNotice::Chat {
            from,
            from_name,
            text,
            ..
        } => {
            let speaker = match from_name {
                Some(name) => host(*from, name),
                None => from.to_string(),
            };
            Some(said(*from, &speaker, ChatKind::Message, text, palette))
        }
        ClientNotice::Status { code, text, .. } => {
            trouble(format!("{} (status {code})", Escaped(text)))
        }
        ClientNotice::ChannelEntered {
            channel,
            members,
            topic,
            rejoined,
        } => {
            let again = if *rejoined { " again" } else { "" };
            let (channel, topic, members) = (Escaped(channel), after_topic(topic), many(members));
            event(format!("you are in {channel}{again}{topic}\n{members}"))
        }
        ClientNotice::ChannelJoined { channel, member } => {
            let flags = flags(member.flags);
            event(format!(
                "{}: {}{flags} is here",
                Escaped(channel),
                speaker(&member.who)
            ))
        }
        ClientNotice::ChannelLeft {
            channel,
            who,
            by,
            text,
        } => {
            let (channel, who, text) = (Escaped(channel), speaker(who), after_colon(text));
            event(match by {
                None => format!("{channel}: {who} left{text}"),
                Some(by) => format!("{channel}: {} put {who} out{text}", speaker(by)),
            })
        }
        ClientNotice::ChannelFlags {
            channel,
            member,
            by,
        } => {
            let (channel, who) = (Escaped(channel), speaker(&member.who));
            let what = match (member.flags.operator, member.flags.voice) {
                (true, true) => "an operator, with a voice",
                (true, false) => "an operator",
                (false, true) => "a member with a voice",
                (false, false) => "a member",
            };
            event(format!(
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
            let channel = palette.paint(Shade::Channel, Escaped(channel));
            let words = said(from.id, &speaker(from), *kind, text, palette);
            Some(format!("{channel} {words}"))
        }
        ClientNotice::ChannelSet {
            channel,
            field,
            value,
            by,
        } => {
            let by = by_whom(by.as_ref());
            event(match (field_word(*field), &**value) {
                (Some("topic"), topic) => format!("{}{by}", topic_of(channel, topic)),
                (Some(field), "") => format!("{}: no {field}{by}", Escaped(channel)),
                (Some(field), value) => {
                    format!("{}: {field} is {}{by}", Escaped(channel), Escaped(value))
                }
                (None, _) => format!("{}: set otherwise{by}", Escaped(channel)),
            })
        }
        ClientNotice::ChannelRefused { channel, text } => trouble(match channel {
            Some(channel) => format!("{}: {}", Escaped(channel), Escaped(text)),
            None => Escaped(text).to_string(),
        }),
        ClientNotice::ChannelNames { channel, names } => {
            event(format!("in {}: {}", Escaped(channel), Escaped(names)))
        }
        ClientNotice::Invited { channel, by } => {
            let (channel, by) = (Escaped(channel), speaker(by));
            event(format!("{by} invites you to {channel}: /join {channel}"))
        }
        ClientNotice::Disconnected { reason, retry_in } => event(match (reason, retry_in) {
            (DisconnectReason::Quit, _) => "disconnected".to_owned(),
            (reason, None) => format!("disconnected: {reason}"),
            (reason, Some(pause)) => format!("disconnected: {reason}; {}", again(*pause)),
        }),
        ClientNotice::NotSent { .. }
        | ClientNotice::ChannelNotSent { .. }
        | ClientNotice::FrameDropped { .. }
        | ClientNotice::Failed { .. } => None,
    }
}

/// The sentence about something that the user wants and can't have.
pub(crate) fn error(news: &News, desk: &Desk) -> Option<String> {
    Some(match news {
        News::Refused(refusal) => refusal.to_string(),
        News::Client(ClientNotice::NotSent { to, why }) => {
            format!("nothing was sent to {to}: {why}")
        }
        News::Client(ClientNotice::ChannelNotSent { channel, why }) => {
            format!("nothing was sent to {channel}: {why}")
        }
        News::Client(ClientNotice::Failed {
            why: ClientFailure::IdTaken(id),
        }) => format!("the id {id} is taken; choose another one, or leave --id out to get any"),
        News::GaveUp { unsent } => {
            let server = desk.client().server();
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

/// A sentence about something that went wrong, as it is shown.
pub(crate) fn trouble(sentence: &str, palette: Palette) -> String {
    palette.paint(Shade::Trouble, format_args!("! {}", Escaped(sentence)))
}

fn host(id: HostId, name: &str) -> String {
    format!("{} ({id})", Escaped(name))
}

/// Somebody, as far as it is known.
fn speaker(speaker: &HostRef) -> String {
    match &speaker.name {
        Some(name) => host(speaker.id, name),
        None => speaker.id.to_string(),
    }
}

fn by_whom(by: Option<&HostRef>) -> String {
    by.map_or_else(String::new, |by| format!(", by {}", speaker(by)))
}

fn flags(flags: MemberFlags) -> &'static str {
    match (flags.operator, flags.voice) {
        (true, true) => ", an operator with a voice,",
        (true, false) => ", an operator,",
        (false, true) => ", with a voice,",
        (false, false) => "",
    }
}

/// What a setting of a channel is called, if there is a word for it.
pub(crate) fn field_word(field: ChannelField) -> Option<&'static str> {
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

/// The members of a channel, one a line.
fn many(members: &[ChannelMember]) -> String {
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

fn channels_of(channels: &[(String, usize)]) -> String {
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

fn again(pause: Duration) -> String {
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
    fn what_is_done_is_told_as_a_deed() {
        let id = HostId::new(7).expect("not 0");
        let tell = |text| said(id, "ann (7)", ChatKind::Message, text, Palette::Plain);
        assert_eq!(tell("hello"), "<ann (7)> hello");
        assert_eq!(tell("\u{1}ACTION waves\u{1}"), "* ann (7) waves");
        assert_eq!(tell("\u{1}ACTION \u{1b}[2J"), "* ann (7) ␛[2J");
        assert_ne!(tell("\u{1}VERSION\u{1}"), "* ann (7) VERSION");
    }
}
