//! What was said on a connection and is not read yet, as far as it is about channels.

use std::collections::VecDeque;

use crc_wire::{HostId, MemberFlags, Message, RequestKind};

use super::fold;
use crate::foreign::lines::Line;

/// Something about a channel that a server reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A server says that a host is in a channel of this founding.
    Join {
        host: HostId,
        flags: MemberFlags,
        channel: String,
        tag: Option<u32>,
    },
    /// A server, or a client, says that a host is no longer in a channel.
    Part { host: HostId, channel: String },
    /// A setting, which a host makes now or which was made before.
    Setting {
        host: Option<HostId>,
        channel: String,
        field: usize,
        value: String,
        tag: Option<u32>,
    },
    /// A host asks for something about another one.
    Request {
        host: HostId,
        to: Option<HostId>,
        kind: RequestKind,
        channel: String,
        key: String,
    },
    /// A user of a text protocol wants to be in a channel.
    Enter { channel: String },
    /// A user of a text protocol invites a nick.
    Invite { nick: String, channel: String },
    /// A user of legacy IRC sets a topic.
    Topic { nick: String, channel: String },
    /// A server of legacy IRC has a topic when it links.
    TopicBurst { channel: String },
    /// A user takes another nick.
    Nick,
    /// A client registers.
    Client,
    /// A host has quit, or was lost with a server.
    Quit { host: HostId, is_lost: bool },
}

impl Said {
    pub(super) fn of_frame(message: &Message<'_>) -> Option<Said> {
        match message {
            Message::ChannelJoin(m) => Some(Said::Join {
                host: m.source,
                flags: m.flags,
                channel: fold(m.channel.as_str()),
                tag: None,
            }),
            Message::DatedJoin(m) => Some(Said::Join {
                host: m.source,
                flags: m.flags,
                channel: fold(m.channel.as_str()),
                tag: Some(m.tag),
            }),
            Message::ChannelPart(m) => Some(Said::Part {
                host: m.source,
                channel: fold(m.channel.as_str()),
            }),
            Message::ChannelSetting(m) => Some(Said::Setting {
                host: m.source,
                channel: fold(m.channel.as_str()),
                field: m.field.0.into(),
                value: m.value.as_str().to_owned(),
                tag: None,
            }),
            Message::DatedSetting(m) => Some(Said::Setting {
                host: m.source,
                channel: fold(m.channel.as_str()),
                field: m.field.0.into(),
                value: m.value.as_str().to_owned(),
                tag: Some(m.tag),
            }),
            Message::ChannelRequest(m) => Some(Said::Request {
                host: m.source,
                to: m.destination,
                kind: m.kind,
                channel: fold(m.channel.as_ref().map_or("", |name| name.as_str())),
                key: match m.kind {
                    RequestKind::JOIN => m.text.as_str().to_owned(),
                    _ => String::new(),
                },
            }),
            Message::ClientRegistration(_) => Some(Said::Client),
            Message::ClientQuit(m) => Some(Said::Quit {
                host: m.source,
                is_lost: is_netsplit(m.text.as_str()),
            }),
            _ => None,
        }
    }

    pub(super) fn of_line(line: &Line) -> Option<Said> {
        match &*line.command {
            "INVITE" => Some(Said::Invite {
                nick: line.param(0).to_owned(),
                channel: fold(line.param(1)),
            }),
            "JOIN" => Some(Said::Enter {
                channel: fold(line.param(0)),
            }),
            "TOPIC" if !line.who.is_empty() => Some(Said::Topic {
                nick: line.who.clone(),
                channel: fold(line.param(0)),
            }),
            "331" | "332" => Some(Said::TopicBurst {
                channel: fold(line.param(0)),
            }),
            "NICK" => Some(Said::Nick),
            "USER" => Some(Said::Client),
            _ => None,
        }
    }

    pub(super) fn is_invitation(&self) -> bool {
        match self {
            Said::Invite { .. } => true,
            Said::Request { kind, .. } => *kind == RequestKind::INVITE,
            _ => false,
        }
    }

    /// Whether a user wants to be in a channel, for whatever time.
    pub(super) fn enters(&self, name: &str) -> bool {
        match self {
            Said::Enter { channel } => channel == name,
            Said::Request { kind, channel, .. } => *kind == RequestKind::JOIN && channel == name,
            _ => false,
        }
    }

    pub(super) const fn is_new_host(&self) -> bool {
        matches!(self, Said::Client)
    }

    pub(super) const fn is_new_nick(&self) -> bool {
        matches!(self, Said::Nick)
    }
}

/// Whether a quit says that a link between two servers was lost.
fn is_netsplit(text: &str) -> bool {
    text.split(' ').count() == 2 && text.split(' ').all(|word| word.ends_with(".crc"))
}

/// What was said in one direction, each with where in the stream it ends.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    said: VecDeque<(u64, Said)>,
}

impl InFlight {
    pub(super) fn push(&mut self, end: u64, said: Said) {
        self.said.push_back((end, said));
    }

    /// Takes what ends at `upto` at the latest.
    pub(super) fn take(&mut self, upto: u64, taken: &mut Vec<Said>) {
        while let Some((end, _)) = self.said.front()
            && *end <= upto
        {
            taken.extend(self.said.pop_front().map(|(_, said)| said));
        }
    }
}
