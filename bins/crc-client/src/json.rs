//! Events as JSON, one object per line, for programs. The keys are an interface: keys
//! may be added, and never change their meaning.

use crc_cli::UtcTime;
use crc_core::{ChannelMember, Client, ClientNotice, HostRef, ListRest, ListedChannel};
use crc_wire::{ChatKind, HostId};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::OutputEvent;
use crate::request::Tag;
use crate::text;

/// One line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: Event<'a>,
    /// RFC 3339, in UTC.
    time: String,
    /// That of the command that has led to the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a RawValue>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Connected {
        server: String,
    },
    Welcome {
        id: u32,
        name: &'a str,
        text: &'a str,
    },
    /// The client is with another server than before.
    Moved {
        server: String,
        id: u32,
    },
    Joined {
        id: u32,
        name: &'a str,
        info: &'a str,
    },
    /// This client is away or back, or another one is away that it has written to.
    Away {
        id: u32,
        name: Option<&'a str>,
        /// Empty for one that is back.
        text: &'a str,
    },
    /// What the server knows of a client: the answer to `/whois`.
    Whois {
        id: u32,
        name: &'a str,
        /// Its user name, if it uses IRC; null here and below for what is not known.
        user: Option<&'a str>,
        info: &'a str,
        server: &'a str,
        operator: bool,
        away: Option<&'a str>,
        bot: bool,
        secure: bool,
        address: Option<&'a str>,
        gateway: Option<&'a str>,
        /// When it registered, as Unix time in seconds.
        since: Option<u64>,
        idle_seconds: Option<u64>,
        channels: &'a [String],
    },
    /// Channels of the network: a part of the answer to `/list`.
    List {
        channels: Vec<Listed<'a>>,
        /// Whether others follow.
        follows: bool,
        /// Whether channels are left out behind these.
        left_out: bool,
    },
    /// A client, perhaps this one, has another name.
    Renamed {
        id: u32,
        old_name: &'a str,
        name: &'a str,
    },
    Left {
        id: u32,
        name: &'a str,
        text: &'a str,
    },
    Chat {
        from: u32,
        /// Null when it is not known.
        from_name: Option<&'a str>,
        to: u32,
        text: &'a str,
    },
    /// A text that programs do not answer.
    Notice {
        from: u32,
        /// Null when it is not known.
        from_name: Option<&'a str>,
        text: &'a str,
    },
    Status {
        /// 0 when the status names no host.
        source: u32,
        code: u16,
        text: &'a str,
    },
    Disconnected {
        reason: String,
        /// Null when the client quits.
        retry_in_ms: Option<u128>,
    },
    Unreachable {
        server: String,
        reason: String,
        retry_in_ms: u128,
    },
    Who {
        clients: Vec<RosterEntry<'a>>,
    },
    /// The client is in the channel: it has joined, or it answers `/who #CHANNEL`.
    Channel {
        channel: &'a str,
        members: Vec<Member<'a>>,
        /// Empty for none.
        topic: &'a str,
    },
    ChannelJoined {
        channel: &'a str,
        #[serde(flatten)]
        member: Member<'a>,
    },
    ChannelLeft {
        channel: &'a str,
        id: u32,
        name: Option<&'a str>,
        /// The host that has kicked it; 0 when it left by itself.
        by: u32,
        by_name: Option<&'a str>,
        text: &'a str,
    },
    ChannelFlags {
        channel: &'a str,
        #[serde(flatten)]
        member: Member<'a>,
        /// 0 when it is not known.
        by: u32,
        by_name: Option<&'a str>,
    },
    ChannelChat {
        channel: &'a str,
        from: u32,
        from_name: Option<&'a str>,
        text: &'a str,
        notice: bool,
    },
    Topic {
        channel: &'a str,
        /// Empty for none.
        topic: &'a str,
        /// 0 when it is not known, and in an answer to `/topic`.
        by: u32,
        by_name: Option<&'a str>,
    },
    /// Another setting.
    ChannelSet {
        channel: &'a str,
        /// Null for a setting without a name.
        field: Option<&'a str>,
        value: &'a str,
        by: u32,
        by_name: Option<&'a str>,
    },
    ChannelRefused {
        /// Null when the server names none.
        channel: Option<&'a str>,
        text: &'a str,
        /// The client was about to join it, and does not try again.
        join: bool,
    },
    Names {
        channel: &'a str,
        /// Separated by spaces, as the server lists them.
        names: &'a str,
    },
    /// The answer to `/mode`: the letters, each with + before it, and the values.
    Modes {
        channel: &'a str,
        modes: &'a str,
    },
    Invited {
        channel: &'a str,
        by: u32,
        by_name: Option<&'a str>,
    },
    Channels {
        channels: Vec<JoinedChannel<'a>>,
    },
    /// Those whose chats are not shown.
    Ignored {
        names: &'a [String],
    },
    Help {
        text: &'a str,
    },
    Error {
        text: &'a str,
    },
    /// The command with this tag is executed or has failed.
    Done,
}

#[derive(Debug, Serialize)]
struct RosterEntry<'a> {
    id: u32,
    name: &'a str,
    info: &'a str,
}

/// A member of a channel.
#[derive(Debug, Serialize)]
struct Member<'a> {
    id: u32,
    /// Null when it is not known.
    name: Option<&'a str>,
    operator: bool,
    voice: bool,
}

impl<'a> From<&'a ChannelMember> for Member<'a> {
    fn from(member: &'a ChannelMember) -> Self {
        Member {
            id: member.client.id.get(),
            name: member.client.name.as_deref(),
            operator: member.flags.operator,
            voice: member.flags.voice,
        }
    }
}

/// A channel of the network.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    channel: &'a str,
    member_count: usize,
    topic: &'a str,
}

impl<'a> From<&'a ListedChannel> for Listed<'a> {
    fn from(listed: &'a ListedChannel) -> Self {
        Listed {
            channel: &listed.channel,
            member_count: listed.member_count,
            topic: &listed.topic,
        }
    }
}

/// A channel that the client is in.
#[derive(Debug, Serialize)]
struct JoinedChannel<'a> {
    channel: &'a str,
    member_count: usize,
    /// The same as `member_count`, for one more release: elsewhere `members` is a list.
    members: usize,
}

/// The line of an event, if it has one.
pub(crate) fn line(event: &OutputEvent, client: &Client, time: UtcTime) -> Option<String> {
    let (event, tag) = event.untagged();
    let tag = tag.map(Tag::value);
    let time = time.to_string();
    let write = |event: Event<'_>| {
        serde_json::to_string(&Line {
            event,
            time: time.clone(),
            tag,
        })
        .expect("strings and numbers always serialize")
    };
    let notice = match event {
        OutputEvent::Client(notice) => notice,
        OutputEvent::Roster(clients) => {
            let clients = clients.iter().map(|(id, client)| RosterEntry {
                id: id.get(),
                name: &client.name,
                info: &client.info,
            });
            let clients = clients.collect();
            return Some(write(Event::Who { clients }));
        }
        OutputEvent::Channel {
            channel,
            members,
            topic,
        } => return Some(write(entered(channel, members, topic))),
        OutputEvent::Topic { channel, topic } => {
            return Some(write(Event::Topic {
                channel,
                topic,
                by: 0,
                by_name: None,
            }));
        }
        OutputEvent::Modes { channel, modes, .. } => {
            return Some(write(Event::Modes { channel, modes }));
        }
        OutputEvent::Channels(channels) => {
            let channels = channels.iter().map(|(channel, members)| JoinedChannel {
                channel,
                member_count: *members,
                members: *members,
            });
            let channels = channels.collect();
            return Some(write(Event::Channels { channels }));
        }
        OutputEvent::Ignored(names) => return Some(write(Event::Ignored { names })),
        OutputEvent::Help => {
            let text = crate::command::COMMANDS;
            return Some(write(Event::Help { text }));
        }
        OutputEvent::Done => return Some(write(Event::Done)),
        OutputEvent::CommandFailed(_) | OutputEvent::GaveUp { .. } => {
            let text = text::error(event, client)?;
            return Some(write(Event::Error { text: &text }));
        }
        OutputEvent::Tagged(..)
        | OutputEvent::Said { .. }
        | OutputEvent::TargetChanged { .. }
        | OutputEvent::AsksForOperator { .. }
        | OutputEvent::Held { .. }
        | OutputEvent::HeldSent { .. }
        | OutputEvent::Settled
        | OutputEvent::LineHandled => return None,
    };
    let event = match notice {
        ClientNotice::Connected { server } => Event::Connected {
            server: server.to_string(),
        },
        ClientNotice::Welcome { id, text } => Event::Welcome {
            id: id.get(),
            name: client.name(),
            text,
        },
        ClientNotice::Joined { id, name, info, .. } => Event::Joined {
            id: id.get(),
            name,
            info,
        },
        ClientNotice::Away { client, text } => Event::Away {
            id: client.id.get(),
            name: client.name.as_deref(),
            text,
        },
        ClientNotice::User(user) => Event::Whois {
            id: user.id.get(),
            name: &user.name,
            user: user.user.as_deref(),
            info: &user.info,
            server: &user.server,
            operator: user.is_operator,
            away: user.away.as_deref(),
            bot: user.is_bot,
            secure: user.is_secure,
            address: user.address.as_deref(),
            gateway: user.gateway.as_deref(),
            since: user.since,
            idle_seconds: user.idle.map(|idle| idle.as_secs()),
            channels: &user.channels,
        },
        ClientNotice::ChannelList { channels, rest } => Event::List {
            channels: channels.iter().map(Listed::from).collect(),
            follows: *rest == ListRest::Follows,
            left_out: *rest == ListRest::LeftOut,
        },
        ClientNotice::Renamed { id, old, new } => {
            let (id, name) = (id.get(), new);
            let renamed = write(Event::Renamed {
                id,
                old_name: old,
                name,
            });
            // For one more release `joined` says so of another client, too.
            let other = HostId::new(id).and_then(|id| client.client(id));
            return Some(match other.map(|other| &*other.info) {
                Some(info) => renamed + "\n" + &write(Event::Joined { id, name, info }),
                None => renamed,
            });
        }
        ClientNotice::Left { id, name, text } => Event::Left {
            id: id.get(),
            name,
            text,
        },
        ClientNotice::Chat {
            from,
            from_name,
            to,
            text,
        } => Event::Chat {
            from: from.get(),
            from_name: from_name.as_deref(),
            to: or_zero(*to),
            text,
        },
        ClientNotice::Notice { from, text } => Event::Notice {
            from: from.id.get(),
            from_name: from.name.as_deref(),
            text,
        },
        ClientNotice::Moved { server, id } => Event::Moved {
            server: server.to_string(),
            id: id.get(),
        },
        ClientNotice::Status { source, code, text } => Event::Status {
            source: or_zero(*source),
            code: code.0,
            text,
        },
        ClientNotice::Disconnected { reason, retry_in } => Event::Disconnected {
            reason: text::disconnect_reason(reason),
            retry_in_ms: retry_in.map(|retry_in| retry_in.as_millis()),
        },
        ClientNotice::Unreachable {
            server,
            why,
            retry_in,
        } => Event::Unreachable {
            server: server.to_string(),
            reason: why.to_string(),
            retry_in_ms: retry_in.as_millis(),
        },
        ClientNotice::ChannelEntered {
            channel,
            members,
            topic,
            ..
        } => entered(channel, members, topic),
        ClientNotice::ChannelJoined { channel, member } => Event::ChannelJoined {
            channel,
            member: member.into(),
        },
        ClientNotice::ChannelLeft {
            channel,
            client: left,
            by,
            text,
        } => {
            let (by, by_name) = id_and_name(by.as_ref());
            Event::ChannelLeft {
                channel,
                id: left.id.get(),
                name: left.name.as_deref(),
                by,
                by_name,
                text,
            }
        }
        ClientNotice::ChannelFlags {
            channel,
            member,
            by,
        } => {
            let (by, by_name) = id_and_name(by.as_ref());
            Event::ChannelFlags {
                channel,
                member: member.into(),
                by,
                by_name,
            }
        }
        ClientNotice::ChannelChat {
            channel,
            from,
            kind,
            text,
        } => Event::ChannelChat {
            channel,
            from: from.id.get(),
            from_name: from.name.as_deref(),
            text,
            notice: *kind == ChatKind::Notice,
        },
        ClientNotice::ChannelSet {
            channel,
            field,
            value,
            by,
        } => {
            let (by, by_name) = id_and_name(by.as_ref());
            match text::field_name(*field) {
                Some("topic") => Event::Topic {
                    channel,
                    topic: value,
                    by,
                    by_name,
                },
                field => Event::ChannelSet {
                    channel,
                    field,
                    value,
                    by,
                    by_name,
                },
            }
        }
        ClientNotice::ChannelRefused {
            channel,
            is_join,
            text,
        } => Event::ChannelRefused {
            channel: channel.as_deref(),
            text,
            join: *is_join,
        },
        ClientNotice::ChannelNames { channel, names } => Event::Names { channel, names },
        ClientNotice::Invited { channel, by } => Event::Invited {
            channel,
            by: by.id.get(),
            by_name: by.name.as_deref(),
        },
        ClientNotice::NotSent { .. }
        | ClientNotice::ChannelNotSent { .. }
        | ClientNotice::RequestNotSent { .. }
        | ClientNotice::RequestRefused { .. }
        | ClientNotice::Failed { .. } => {
            let text = text::error(event, client)?;
            return Some(write(Event::Error { text: &text }));
        }
        _ => return None,
    };
    Some(write(event))
}

fn entered<'a>(channel: &'a str, members: &'a [ChannelMember], topic: &'a str) -> Event<'a> {
    Event::Channel {
        channel,
        members: members.iter().map(Member::from).collect(),
        topic,
    }
}

/// An id and a name; 0 and null for none.
fn id_and_name(host: Option<&HostRef>) -> (u32, Option<&str>) {
    host.map_or((0, None), |host| (host.id.get(), host.name.as_deref()))
}

fn or_zero(id: Option<HostId>) -> u32 {
    id.map_or(0, HostId::get)
}
