//! Requests about this client and other users, and what servers answer.

use core::fmt;
use core::time::Duration;

use crc_wire::{HostId, RequestKind};

#[cfg(doc)]
use super::ClientCommand;

/// What a client asks its server about itself and about other users. `Display` writes the word
/// that users type: `nick`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserRequest {
    /// [`ClientCommand::SetName`].
    SetName,
    /// [`ClientCommand::SetAway`].
    SetAway,
    /// [`ClientCommand::Whois`].
    Whois,
    /// [`ClientCommand::ListChannels`].
    List,
}

impl UserRequest {
    const ALL: [UserRequest; 4] = [
        UserRequest::SetName,
        UserRequest::SetAway,
        UserRequest::Whois,
        UserRequest::List,
    ];

    /// The word that users type, and that a server's refusal begins with.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            UserRequest::SetName => "nick",
            UserRequest::SetAway => "away",
            UserRequest::Whois => "whois",
            UserRequest::List => "list",
        }
    }

    pub(super) fn of_word(word: &str) -> Option<UserRequest> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }

    pub(super) const fn kind(self) -> RequestKind {
        match self {
            UserRequest::SetName => RequestKind::SET_NAME,
            UserRequest::SetAway => RequestKind::AWAY,
            UserRequest::Whois => RequestKind::WHOIS,
            UserRequest::List => RequestKind::LIST,
        }
    }

    pub(super) fn of_kind(kind: RequestKind) -> Option<UserRequest> {
        Self::ALL.into_iter().find(|known| known.kind() == kind)
    }
}

impl fmt::Display for UserRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a server knows of a client, and this client may know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserInfo {
    /// Its id.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Its user name, if it uses IRC.
    pub user: Option<String>,
    /// Its info.
    pub info: String,
    /// The server that it is linked to; where that is not known, the one on the way there.
    pub server: String,
    /// Whether it is a network operator.
    pub is_operator: bool,
    /// Whether it is a bot: a program that speaks for itself.
    pub is_bot: bool,
    /// Why it is away, if the server knows that it is.
    pub away: Option<String>,
    /// Whether its connection is encrypted, as far as the server knows.
    pub is_secure: bool,
    /// Its address, if this client may know it.
    pub address: Option<String>,
    /// The gateway that has connected for it, if this client may know it.
    pub gateway: Option<String>,
    /// When it registered, as Unix time in seconds, if that is known.
    pub since: Option<u64>,
    /// For how long it has said nothing, if that is known.
    pub idle: Option<Duration>,
    /// The channels that it is in, as far as this client may see them, each with `@` before it
    /// where it is an operator and `+` where it has voice.
    pub channels: Vec<String>,
}

impl UserInfo {
    /// Reads the text of a server's answer: a line for each fact. Unknown words are ignored.
    pub(super) fn parse(text: &str) -> Option<UserInfo> {
        let facts = text
            .lines()
            .map(|line| line.split_once(' ').unwrap_or((line, "")));
        let find = |wanted| {
            facts
                .clone()
                .find(|(word, _)| *word == wanted)
                .map(|it| it.1)
        };
        let text = |wanted| find(wanted).map(str::to_owned);
        let number = |wanted| find(wanted)?.parse::<u64>().ok();
        let channels = find("channels").unwrap_or_default().split(' ');
        Some(UserInfo {
            id: HostId::new(find("id")?.parse().ok()?)?,
            name: text("name")?,
            user: text("user"),
            info: text("info").unwrap_or_default(),
            server: text("server").unwrap_or_default(),
            is_operator: find("operator").is_some(),
            is_bot: find("bot").is_some(),
            away: text("away"),
            is_secure: find("secure").is_some(),
            address: text("address"),
            gateway: text("gateway"),
            since: number("since"),
            idle: number("idle").map(Duration::from_secs),
            channels: channels
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// A channel of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedChannel {
    /// The channel.
    pub channel: String,
    /// The number of its members.
    pub member_count: usize,
    /// Its topic; empty for none.
    pub topic: String,
}

impl ListedChannel {
    /// Reads a line of a server's list.
    pub(super) fn parse(line: &str) -> Option<ListedChannel> {
        let (channel, rest) = line.split_once(' ')?;
        let (members, topic) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(ListedChannel {
            channel: channel.to_owned(),
            member_count: members.parse().ok()?,
            topic: topic.to_owned(),
        })
    }
}

/// How a list of channels goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListRest {
    /// Others follow.
    Follows,
    /// This was the last part.
    End,
    /// This was the last part, and channels are left out: there are too many.
    LeftOut,
}
