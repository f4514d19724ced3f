//! Which command of a program an event of the server answers.
//!
//! An answer of a server names no command, only what it is about: a channel, a client. So an
//! answer belongs to the oldest command that it can answer, of those that were sent in the last
//! seconds. Servers answer in the order of the commands.

use std::collections::VecDeque;
use std::time::Duration;

use crc_core::{ClientCommand, ClientNotice, Timestamp, UserRequest};
use crc_wire::{HostId, StatusCode};

use crate::request::Tag;

/// How long an answer is awaited.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How many commands may await an answer. The oldest ones are forgotten.
const AWAITED_MAX: usize = 1024;

/// The commands with tags that were sent.
#[derive(Debug, Default)]
pub(super) struct Tags {
    /// The tag of the command that is being executed.
    pub(super) current: Option<Tag>,
    sent: VecDeque<Sent>,
}

#[derive(Debug)]
struct Sent {
    tag: Tag,
    what: What,
    at: Timestamp,
}

/// What was sent, as far as an answer tells.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// A chat or notice to a client.
    Client(HostId),
    /// A command about a channel.
    Channel(String, About),
    /// A command for the server.
    Command,
    /// A request about this client or other users.
    Request(UserRequest),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Chat,
    Join,
    Part,
    Names,
    Setting,
    Rank,
    Kick,
    Invite,
}

impl Tags {
    /// A command is given to the client.
    pub(super) fn on_command(&mut self, now: Timestamp, command: &ClientCommand) {
        let Some((tag, what)) = self.current.clone().zip(What::of(command)) else {
            return;
        };
        if self.sent.len() >= AWAITED_MAX {
            self.sent.pop_front();
        }
        // The lines of one text are one command.
        let is_same = |last: &Sent| (&last.tag, &last.what, last.at) == (&tag, &what, now);
        if !self.sent.back().is_some_and(is_same) {
            self.sent.push_back(Sent { tag, what, at: now });
        }
    }

    /// The tag of the command that an event belongs to. `own`: the id of this client.
    pub(super) fn take(
        &mut self,
        now: Timestamp,
        notice: &ClientNotice,
        own: HostId,
    ) -> Option<Tag> {
        if let Some(current) = &self.current {
            // The command fails at once.
            let not_sent = matches!(
                notice,
                ClientNotice::NotSent { .. }
                    | ClientNotice::ChannelNotSent { .. }
                    | ClientNotice::RequestNotSent { .. }
            );
            let is_last = self.sent.back().is_some_and(|last| last.tag == *current);
            if not_sent && is_last {
                self.sent.pop_back();
            }
            return Some(current.clone());
        }
        let is_over = |sent: &Sent| sent.at + ANSWER_WITHIN < now;
        while self.sent.front().is_some_and(is_over) {
            self.sent.pop_front();
        }
        let is_answered = |sent: &Sent| sent.what.is_answered_by(notice, own);
        let at = self.sent.iter().position(is_answered)?;
        match self.sent[at].what.is_chat() {
            // Each line of a text may be refused.
            true => Some(self.sent[at].tag.clone()),
            false => self.sent.remove(at).map(|sent| sent.tag),
        }
    }
}

impl What {
    fn of(command: &ClientCommand) -> Option<What> {
        let (channel, about) = match command {
            ClientCommand::SendChat { to, .. } | ClientCommand::SendNotice { to, .. } => {
                return Some(What::Client(*to));
            }
            ClientCommand::Command { .. } => return Some(What::Command),
            ClientCommand::SetName { .. } => return Some(What::Request(UserRequest::SetName)),
            ClientCommand::SetAway { .. } => return Some(What::Request(UserRequest::SetAway)),
            ClientCommand::Whois { .. } => return Some(What::Request(UserRequest::Whois)),
            ClientCommand::ListChannels { .. } => return Some(What::Request(UserRequest::List)),
            ClientCommand::SendChannelChat { channel, .. }
            | ClientCommand::SendChannelNotice { channel, .. } => (channel, About::Chat),
            ClientCommand::Join { channel, .. } => (channel, About::Join),
            ClientCommand::Part { channel, .. } => (channel, About::Part),
            ClientCommand::Names { channel } => (channel, About::Names),
            ClientCommand::SetTopic { channel, .. } | ClientCommand::SetChannel { channel, .. } => {
                (channel, About::Setting)
            }
            ClientCommand::SetRank { channel, .. } => (channel, About::Rank),
            ClientCommand::Kick { channel, .. } => (channel, About::Kick),
            ClientCommand::Invite { channel, .. } => (channel, About::Invite),
            _ => return None,
        };
        Some(What::Channel(channel.clone(), about))
    }

    fn is_chat(&self) -> bool {
        matches!(self, What::Client(_) | What::Channel(_, About::Chat))
    }

    fn is_answered_by(&self, notice: &ClientNotice, own: HostId) -> bool {
        let is_own = |by: &Option<crc_core::HostRef>| by.as_ref().is_some_and(|by| by.id == own);
        match notice {
            ClientNotice::NotSent { to, .. } => *self == What::Client(*to),
            ClientNotice::Status {
                code: StatusCode::NOTE,
                ..
            } => *self == What::Command,
            ClientNotice::Status {
                code: StatusCode::UNKNOWN_ID | StatusCode::TOO_LONG | StatusCode::CONGESTED,
                text,
                ..
            } => {
                let about = text.rsplit(' ').next().unwrap_or_default();
                match self {
                    What::Client(id) => about.parse() == Ok(*id),
                    What::Channel(..) => self.is_about(about, &[About::Chat]),
                    What::Command | What::Request(_) => false,
                }
            }
            ClientNotice::ChannelEntered { channel, .. } => self.is_about(channel, &[About::Join]),
            ClientNotice::ChannelNames { channel, .. } => self.is_about(channel, &[About::Names]),
            ClientNotice::ChannelLeft { channel, by, .. } if is_own(by) => {
                self.is_about(channel, &[About::Kick])
            }
            ClientNotice::ChannelLeft {
                channel, client, ..
            } if client.id == own => self.is_about(channel, &[About::Part]),
            ClientNotice::ChannelFlags { channel, by, .. } if is_own(by) => {
                self.is_about(channel, &[About::Rank])
            }
            ClientNotice::ChannelSet { channel, by, .. } if is_own(by) => {
                self.is_about(channel, &[About::Setting])
            }
            ClientNotice::ChannelNotSent { channel, .. }
            | ClientNotice::ChannelRefused {
                channel: Some(channel),
                ..
            } => self.is_about(channel, &[]),
            ClientNotice::Renamed { id, .. } if *id == own => {
                *self == What::Request(UserRequest::SetName)
            }
            ClientNotice::Away { client, .. } if client.id == own => {
                *self == What::Request(UserRequest::SetAway)
            }
            ClientNotice::User(_) => *self == What::Request(UserRequest::Whois),
            ClientNotice::ChannelList { .. } => *self == What::Request(UserRequest::List),
            ClientNotice::RequestRefused { request, .. }
            | ClientNotice::RequestNotSent { request, .. } => *self == What::Request(*request),
            ClientNotice::ChannelRefused { channel: None, .. } => matches!(self, What::Channel(..)),
            _ => false,
        }
    }

    /// Whether it is about this channel, and one of `abouts`, if there are any.
    fn is_about(&self, name: &str, abouts: &[About]) -> bool {
        match self {
            What::Channel(channel, about) => {
                channel.eq_ignore_ascii_case(name) && (abouts.is_empty() || abouts.contains(about))
            }
            What::Client(_) | What::Command | What::Request(_) => false,
        }
    }
}
