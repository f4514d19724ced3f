//! What a bot learns.

use std::fmt;
use std::time::Duration;

use crc_core::client::{
    ClientSendError, DialError, DisconnectReason, HostRef, ListRest, ListedChannel, ResolveError,
    UserInfo,
};
use crc_wire::{ChannelField, HostId, StatusCode};

/// What a bot learns, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A server has accepted the bot, for the first time or again. [`Bot::users`](crate::Bot::users)
    /// is complete. The channels follow, each with [`Entered`](Event::Entered).
    Connected {
        /// The server.
        server: String,
        /// The id of the bot.
        id: HostId,
    },
    /// The connection has ended. The bot connects again by itself, and enters its channels again.
    Disconnected {
        /// The reason.
        reason: DisconnectReason,
        /// The time until the next attempt.
        retry_in: Duration,
    },
    /// The bot cannot connect to a server. It tries again by itself.
    Unreachable {
        /// The server.
        server: String,
        /// The reason.
        reason: DialError,
        /// The time until the next attempt.
        retry_in: Duration,
    },
    /// A text for the bot or in a channel, which it may [answer](crate::Bot::reply).
    Message(Message),
    /// A text that no program answers.
    Notice(Notice),
    /// The bot is in a channel.
    Entered {
        /// The channel.
        channel: String,
        /// Its members, the bot among them.
        members: Vec<Member>,
        /// Its topic; empty for none.
        topic: String,
        /// Whether the bot was in it before the connection was lost.
        rejoined: bool,
    },
    /// The bot is in a channel no more: it has left, or was kicked. It does not enter it again by
    /// itself: [`Bot::join`](crate::Bot::join) does.
    Exited {
        /// The channel.
        channel: String,
        /// The user that has kicked it; `None` when it has left.
        by: Option<User>,
        /// The reason.
        text: String,
    },
    /// The server does not let the bot into a channel that it was about to join, for the first
    /// time or again after a reconnect: the key is wrong, the bot is not invited, it is banned, or
    /// the channel is full. It does not try again by itself: [`Bot::join`](crate::Bot::join) does.
    JoinRefused {
        /// The channel.
        channel: String,
        /// The server's reason.
        text: String,
    },
    /// Another user has joined a channel.
    Joined {
        /// The channel.
        channel: String,
        /// The user.
        member: Member,
    },
    /// Another user has left a channel, or was kicked. Users that leave the network leave all
    /// channels by [`Offline`](Event::Offline).
    Left {
        /// The channel.
        channel: String,
        /// The user.
        user: User,
        /// The user that has kicked it; `None` when it has left.
        by: Option<User>,
        /// The part message, or the reason of the kick.
        text: String,
    },
    /// A member of a channel, perhaps the bot, is an operator or voiced now, or no more.
    Rank {
        /// The channel.
        channel: String,
        /// The member, as it is now.
        member: Member,
        /// The user that has changed it, if it is known.
        by: Option<User>,
    },
    /// A channel has another topic.
    Topic {
        /// The channel.
        channel: String,
        /// The topic; empty for none.
        topic: String,
        /// The user that has set it, if it is known.
        by: Option<User>,
    },
    /// Another setting of a channel has changed.
    Setting {
        /// The channel.
        channel: String,
        /// The setting.
        field: ChannelField,
        /// Its value; empty for none.
        value: String,
        /// The user that has set it, if it is known.
        by: Option<User>,
    },
    /// Another user is in the network, or has another info. Users that were there before
    /// the bot are not reported: see [`Bot::users`](crate::Bot::users).
    Online {
        /// The user.
        user: User,
        /// Its info.
        info: String,
        /// Its name before, if the bot knew the user.
        previous_name: Option<String>,
    },
    /// A user, perhaps the bot itself, has another name.
    Renamed {
        /// The user, with its new name.
        user: User,
        /// Its name before.
        previous_name: String,
    },
    /// A user is away to whom the bot has written, which is said once for each absence; or the bot
    /// itself is away or back, as it has [asked](crate::Bot::set_away) for.
    Away {
        /// The user.
        user: User,
        /// Why it is away; empty if it is back.
        text: String,
    },
    /// Another user has left the network, and all channels.
    Offline {
        /// The user.
        user: User,
        /// Its quit message.
        text: String,
    },
    /// Another user invites the bot to a channel. [`Bot::join`](crate::Bot::join) accepts.
    Invited {
        /// The channel.
        channel: String,
        /// The user.
        by: User,
    },
    /// The members of a channel: the answer to [`Bot::names`](crate::Bot::names).
    Names {
        /// The channel.
        channel: String,
        /// Their names, separated by spaces.
        names: String,
    },
    /// What the server knows of a user: the answer to [`Bot::whois`](crate::Bot::whois).
    UserInfo(Box<UserInfo>),
    /// Channels of the network: a part of the answer to
    /// [`Bot::list_channels`](crate::Bot::list_channels).
    ChannelList {
        /// The channels, in the order of their names.
        channels: Vec<ListedChannel>,
        /// How the list goes on.
        rest: ListRest,
    },
    /// The server refuses what the bot asks for. A channel that it does not let the bot into is
    /// [`JoinRefused`](Event::JoinRefused).
    Refused {
        /// The channel, if the server names one.
        channel: Option<String>,
        /// The server's reason.
        text: String,
    },
    /// The server says something else, for instance that an id is unknown.
    Status {
        /// The code.
        code: StatusCode,
        /// The text.
        text: String,
    },
    /// Something that the bot was told was not sent, and will not be.
    NotSent {
        /// Where it was to go: a channel, the name of a user, or an id.
        to: String,
        /// The reason.
        why: NotSent,
    },
    /// The time of a timer has come: see [`Bot::set_timer`](crate::Bot::set_timer).
    Timer(Timer),
    /// The program has not taken events in time, and the oldest ones were dropped.
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// A user of the network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct User {
    /// The id, which no other user has at the same time.
    pub id: HostId,
    /// The name; the id in digits where it is not known. Other users may have the same.
    pub name: String,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl From<HostRef> for User {
    fn from(host: HostRef) -> Self {
        let HostRef { id, name, .. } = host;
        User {
            id,
            name: name.unwrap_or_else(|| id.to_string()),
        }
    }
}

/// A member of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// The user.
    pub user: User,
    /// Whether it is an operator of the channel.
    pub is_operator: bool,
    /// Whether it may speak where not all may.
    pub is_voiced: bool,
}

/// A text that a bot may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The sender.
    pub from: User,
    /// The channel; `None` for a whisper: a text for the bot alone.
    pub channel: Option<String>,
    /// The text.
    pub text: String,
    /// Whether it says what the sender does, as `/me waves` does.
    pub is_action: bool,
}

/// A text that programs do not answer, so that two of them do not answer each other for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// The sender.
    pub from: User,
    /// The channel; `None` for a notice to the bot alone.
    pub channel: Option<String>,
    /// The text.
    pub text: String,
}

/// A timer of a bot: see [`Bot::set_timer`](crate::Bot::set_timer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timer(pub(crate) u64);

/// Why something was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// No user has the name, or more than one.
    #[error("{0}")]
    Name(#[from] ResolveError),
    /// The server has no notices, and a reply as a message could be answered by another program.
    #[error("the server has no notices; use say if no program answers there")]
    NoNotices,
    /// The connection, or a limit of it.
    #[error("{0}")]
    Client(#[from] ClientSendError),
}

/// The start and the end of a text that says what its sender does (CTCP).
const ACTION: (&str, char) = ("\u{1}ACTION ", '\u{1}');

/// What they take of a message.
pub(crate) const ACTION_BYTES: usize = ACTION.0.len() + 1;

/// The text of an action.
pub(crate) fn action_text(text: &str) -> String {
    format!("{}{text}{}", ACTION.0, ACTION.1)
}

/// The text without the marks of an action, and whether it had them.
pub(crate) fn strip_action(text: String) -> (String, bool) {
    match text.strip_prefix(ACTION.0) {
        Some(rest) => (rest.strip_suffix(ACTION.1).unwrap_or(rest).to_owned(), true),
        None => (text, false),
    }
}

impl Event {
    /// The memory that it takes, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let texts = match self {
            Event::Connected { server: text, .. }
            | Event::Unreachable { server: text, .. }
            | Event::NotSent { to: text, .. }
            | Event::Status { text, .. } => text.len(),
            Event::Message(Message {
                from,
                channel,
                text,
                ..
            })
            | Event::Notice(Notice {
                from,
                channel,
                text,
            }) => from.name.len() + channel.as_ref().map_or(0, String::len) + text.len(),
            Event::Entered {
                channel,
                members,
                topic,
                ..
            } => {
                let members = members.iter();
                let members = members.map(|it| size_of::<Member>() + it.user.name.len());
                channel.len() + members.sum::<usize>() + topic.len()
            }
            Event::JoinRefused { channel, text } => channel.len() + text.len(),
            Event::Away { user, text } => user.name.len() + text.len(),
            Event::Exited { channel, by, text } => channel.len() + name_bytes(by) + text.len(),
            Event::Joined { channel, member } => channel.len() + member.user.name.len(),
            Event::Left {
                channel,
                user,
                by,
                text,
            } => channel.len() + user.name.len() + name_bytes(by) + text.len(),
            Event::Rank {
                channel,
                member,
                by,
            } => channel.len() + member.user.name.len() + name_bytes(by),
            Event::Topic { channel, topic, by } => channel.len() + topic.len() + name_bytes(by),
            Event::Setting {
                channel, value, by, ..
            } => channel.len() + value.len() + name_bytes(by),
            Event::Online {
                user,
                info,
                previous_name,
            } => user.name.len() + info.len() + previous_name.as_ref().map_or(0, String::len),
            Event::Renamed {
                user,
                previous_name,
            } => user.name.len() + previous_name.len(),
            Event::Offline { user, text } => user.name.len() + text.len(),
            Event::Invited { channel, by } => channel.len() + by.name.len(),
            Event::Names { channel, names } => channel.len() + names.len(),
            Event::UserInfo(info) => {
                let channels = info
                    .channels
                    .iter()
                    .map(|name| size_of::<String>() + name.len());
                size_of::<UserInfo>() + info.name.len() + info.info.len() + channels.sum::<usize>()
            }
            Event::ChannelList { channels, .. } => {
                let bytes = |it: &ListedChannel| {
                    size_of::<ListedChannel>() + it.channel.len() + it.topic.len()
                };
                channels.iter().map(bytes).sum()
            }
            Event::Refused { channel, text } => {
                channel.as_ref().map_or(0, String::len) + text.len()
            }
            Event::Disconnected { .. } | Event::Timer(_) | Event::Lagged { .. } => 0,
        };
        size_of::<Event>() + texts
    }
}

fn name_bytes(user: &Option<User>) -> usize {
    user.as_ref().map_or(0, |user| user.name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_marked_and_read() {
        let text = action_text("waves");
        assert_eq!(text.len(), "waves".len() + ACTION_BYTES);
        assert_eq!(strip_action(text), ("waves".to_owned(), true));
        // The last mark may be missing, since IRC cuts long lines.
        let cut = "\u{1}ACTION wav".to_owned();
        assert_eq!(strip_action(cut), ("wav".to_owned(), true));
        let plain = "waves".to_owned();
        assert_eq!(strip_action(plain.clone()), (plain, false));
    }
}
