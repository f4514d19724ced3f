//! What a bot sends, and to whom.

use std::fmt;

use crc_core::{ChannelRank, ClientCommand, ResolveError};
use crc_wire::HostId;

use crate::event::User;

/// A channel or a user: where a message goes, or whom a command is about.
///
/// It is made from the name of a channel (`"#reef"`), the name or the id of a user in text
/// (`"ann"`), a [`HostId`], or a [`User`] of an event. Names are not unique; ids are.
///
/// ```
/// use crc_bot::Target;
///
/// assert!(Target::from("#reef").is_channel());
/// assert!(!Target::from("ann").is_channel());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(pub(crate) Place);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Channel(String),
    User(Who),
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    Name(String),
    Id(HostId),
}

impl Target {
    /// Whether it is a channel.
    #[must_use]
    pub fn is_channel(&self) -> bool {
        matches!(self.0, Place::Channel(_))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Channel(channel) => f.write_str(channel),
            Place::User(who) => who.fmt(f),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Name(name) => f.write_str(name),
            Who::Id(id) => id.fmt(f),
        }
    }
}

impl From<&str> for Target {
    fn from(text: &str) -> Self {
        String::from(text).into()
    }
}

impl From<&String> for Target {
    fn from(text: &String) -> Self {
        text.clone().into()
    }
}

impl From<String> for Target {
    fn from(text: String) -> Self {
        Target(match text.starts_with('#') {
            true => Place::Channel(text),
            false => Place::User(Who::Name(text)),
        })
    }
}

impl From<HostId> for Target {
    fn from(id: HostId) -> Self {
        Target(Place::User(Who::Id(id)))
    }
}

impl From<&User> for Target {
    fn from(user: &User) -> Self {
        user.id.into()
    }
}

/// Something to send.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    /// A text.
    Text {
        to: Target,
        kind: TextKind,
        text: String,
    },
    /// Something about a user in a channel.
    Member {
        channel: String,
        who: Who,
        action: MemberAction,
    },
    /// What the server knows of a user.
    Whois { who: Who },
    /// What is about no user.
    Command(ClientCommand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    Message,
    Notice,
    /// A notice that no server turns into a message.
    Reply,
}

#[derive(Debug, Clone)]
pub(crate) enum MemberAction {
    Kick { reason: String },
    Invite,
    Rank { rank: ChannelRank, is_given: bool },
}

impl Request {
    /// How many chats it counts for, where a server limits them (docs/RELIABILITY.md of the
    /// repository, "The budget of a client").
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Request::Text { .. } | Request::Member { .. } => 1,
            Request::Command(ClientCommand::Part { .. }) => 1,
            Request::Whois { .. } | Request::Command(_) => 2,
        }
    }

    /// Whether it is a notice that no server may turn into a message.
    pub(crate) fn is_reply(&self) -> bool {
        let kind = TextKind::Reply;
        matches!(self, Request::Text { kind: it, .. } if *it == kind)
    }

    /// Where it goes, for people.
    pub(crate) fn place(&self) -> String {
        match self {
            Request::Text { to, .. } => to.to_string(),
            Request::Member { who, .. } | Request::Whois { who } => who.to_string(),
            Request::Command(_) => String::new(),
        }
    }

    /// The command for the client. `resolve` finds the id of a name.
    pub(crate) fn into_command(
        self,
        resolve: impl Fn(&str) -> Result<HostId, ResolveError>,
    ) -> Result<ClientCommand, ResolveError> {
        let find = |who| match who {
            Who::Id(id) => Ok(id),
            Who::Name(name) => resolve(&name),
        };
        Ok(match self {
            Request::Command(command) => command,
            Request::Text { to, kind, text } => match (to.0, kind) {
                (Place::Channel(channel), TextKind::Message) => {
                    ClientCommand::SendChannelChat { channel, text }
                }
                (Place::Channel(channel), _) => ClientCommand::SendChannelNotice { channel, text },
                (Place::User(who), TextKind::Message) => {
                    let to = find(who)?;
                    ClientCommand::SendChat { to, text }
                }
                (Place::User(who), _) => {
                    let to = find(who)?;
                    ClientCommand::SendNotice { to, text }
                }
            },
            Request::Whois { who } => ClientCommand::Whois { client: find(who)? },
            Request::Member {
                channel,
                who,
                action,
            } => {
                let client = find(who)?;
                match action {
                    MemberAction::Kick { reason } => ClientCommand::Kick {
                        channel,
                        client,
                        reason,
                    },
                    MemberAction::Invite => ClientCommand::Invite { channel, client },
                    MemberAction::Rank { rank, is_given } => ClientCommand::SetRank {
                        channel,
                        client,
                        rank,
                        is_given,
                    },
                }
            }
        })
    }
}
