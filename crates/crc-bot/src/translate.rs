//! The notices of the client as events of the bot.

use crc_core::{ChannelMember, ClientNotice};
use crc_wire::{ChannelField, ChatKind, HostId};

use crate::event::{Event, Member, Message, NotSent, Notice, User, strip_action};

/// The event for a notice; `None` if the bot is not told. `own`: the id of the bot.
pub(crate) fn translate(notice: ClientNotice, own: HostId) -> Option<Event> {
    Some(match notice {
        ClientNotice::Unreachable {
            server,
            why,
            retry_in,
        } => Event::Unreachable {
            server: server.to_string(),
            reason: why,
            retry_in,
        },
        ClientNotice::Disconnected { reason, retry_in } => Event::Disconnected {
            reason,
            // Otherwise the bot ends.
            retry_in: retry_in?,
        },
        ClientNotice::Status { code, text, .. } => Event::Status { code, text },
        ClientNotice::Joined {
            id,
            name,
            info,
            previous_name,
        } => Event::Online {
            user: User { id, name },
            info,
            previous_name,
        },
        ClientNotice::Renamed { id, old, new } => Event::Renamed {
            user: User { id, name: new },
            previous_name: old,
        },
        ClientNotice::Away { client, text } => Event::Away {
            user: client.into(),
            text,
        },
        ClientNotice::Left { id, name, text } => {
            let user = User { id, name };
            Event::Offline { user, text }
        }
        ClientNotice::Chat {
            from,
            from_name,
            text,
            ..
        } => {
            let name = from_name.unwrap_or_else(|| from.to_string());
            message(User { id: from, name }, None, text)
        }
        ClientNotice::Notice { from, text } => Event::Notice(Notice {
            from: from.into(),
            channel: None,
            text,
        }),
        ClientNotice::ChannelChat {
            channel,
            from,
            kind,
            text,
        } => {
            let (from, channel) = (from.into(), Some(channel));
            match kind {
                ChatKind::Message => message(from, channel, text),
                // A kind of a later version is nothing that a program should answer.
                _ => Event::Notice(Notice {
                    from,
                    channel,
                    text,
                }),
            }
        }
        ClientNotice::NotSent { to, why } => Event::NotSent {
            to: to.to_string(),
            why: NotSent::Client(why),
        },
        ClientNotice::ChannelNotSent { channel, why } => Event::NotSent {
            to: channel,
            why: NotSent::Client(why),
        },
        ClientNotice::ChannelEntered {
            channel,
            members,
            topic,
            rejoined,
        } => Event::Entered {
            channel,
            members: members.into_iter().map(Member::from).collect(),
            topic,
            rejoined,
        },
        ClientNotice::ChannelJoined { channel, member } => Event::Joined {
            channel,
            member: member.into(),
        },
        ClientNotice::ChannelLeft {
            channel,
            client,
            by,
            text,
        } => {
            let by = by.map(User::from);
            match client.id == own {
                true => Event::Exited { channel, by, text },
                false => Event::Left {
                    channel,
                    user: client.into(),
                    by,
                    text,
                },
            }
        }
        ClientNotice::ChannelFlags {
            channel,
            member,
            by,
        } => Event::Rank {
            channel,
            member: member.into(),
            by: by.map(User::from),
        },
        ClientNotice::ChannelSet {
            channel,
            field,
            value,
            by,
        } => {
            let by = by.map(User::from);
            match field {
                ChannelField::TOPIC => Event::Topic {
                    channel,
                    topic: value,
                    by,
                },
                _ => Event::Setting {
                    channel,
                    field,
                    value,
                    by,
                },
            }
        }
        ClientNotice::User(info) => Event::UserInfo(info),
        ClientNotice::ChannelList { channels, rest } => Event::ChannelList { channels, rest },
        ClientNotice::RequestRefused { text, .. } => Event::Refused {
            channel: None,
            text,
        },
        ClientNotice::RequestNotSent { request, why } => Event::NotSent {
            to: request.to_string(),
            why: NotSent::Client(why),
        },
        ClientNotice::ChannelRefused {
            channel: Some(channel),
            is_join: true,
            text,
        } => Event::JoinRefused { channel, text },
        ClientNotice::ChannelRefused { channel, text, .. } => Event::Refused { channel, text },
        ClientNotice::ChannelNames { channel, names } => Event::Names { channel, names },
        ClientNotice::Invited { channel, by } => Event::Invited {
            channel,
            by: by.into(),
        },
        ClientNotice::FrameDropped { why } => {
            log::warn!("dropped an invalid frame of the server: {why}");
            return None;
        }
        // The bot reports these in its own way.
        ClientNotice::Connected { .. }
        | ClientNotice::Welcome { .. }
        | ClientNotice::Moved { .. }
        | ClientNotice::Failed { .. } => return None,
        other => {
            log::debug!("not reported to the bot: {other:?}");
            return None;
        }
    })
}

fn message(from: User, channel: Option<String>, text: String) -> Event {
    let (text, is_action) = strip_action(text);
    Event::Message(Message {
        from,
        channel,
        text,
        is_action,
    })
}

impl From<ChannelMember> for Member {
    fn from(member: ChannelMember) -> Self {
        Member {
            user: member.client.into(),
            is_operator: member.flags.operator,
            is_voiced: member.flags.voice,
        }
    }
}
