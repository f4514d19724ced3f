//! The attacks by name.

use super::field::Field;
use super::{by_clients, by_servers, by_users};

/// An attack by people who speak the protocols correctly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Abuse {
    /// No attack, to compare with.
    None,
    /// Four users send bursts of 50 WHO with a mask that is slow to match, with 900 hosts.
    WhoMasks,
    /// Four users ask for everything: WHO, LIST, NAMES and WHOIS, with 5,000 channels.
    LongAnswers,
    /// Users of all protocols ask for the members of a channel of 900, as often as a line holds.
    NamesAgain,
    /// Four operators read `/state` with 5,000 channels.
    State,
    /// Four users change their nick.
    Nicks,
    /// Two clients send texts of 32,000 lines to a user of IRC.
    ManyLines,
    /// Four clients register and quit, with the longest info.
    Registrations,
    /// Four clients join and leave 64 channels.
    Joins,
    /// Four operators replace topics, and all ban masks of a channel with 900 members.
    Settings,
    /// Four clients send notices to a client of the other server.
    Notices,
    /// Four clients send to a channel with a member at the other server.
    ChannelChats,
    /// Forty clients fill 64 channels each with settings; servers link one after another.
    FullChannels,
    /// Four clients flood a client behind a server that reads nothing.
    SlowNeighbour,
    /// Four clients chat and quit with texts that are too long for the other server.
    LongTexts,
    /// One address takes as many places as it can get, as fast as it can.
    Places,
    /// A server reports hosts with infos of 64 KiB.
    LargeHosts,
    /// A server reports hosts in any number of channels, with settings of any size.
    ManyChannels,
    /// A server reports 2,047 ban masks, and others each time.
    BanDiffs,
    /// Servers announce 1,100 ghosts with the address of a victim, and leave.
    Ghosts,
    /// Clients take the id of a server while it is down.
    IdThieves,
}

impl Abuse {
    /// All attacks.
    pub const ALL: [Abuse; 21] = [
        Abuse::None,
        Abuse::WhoMasks,
        Abuse::LongAnswers,
        Abuse::NamesAgain,
        Abuse::State,
        Abuse::Nicks,
        Abuse::ManyLines,
        Abuse::Registrations,
        Abuse::Joins,
        Abuse::Settings,
        Abuse::Notices,
        Abuse::ChannelChats,
        Abuse::FullChannels,
        Abuse::SlowNeighbour,
        Abuse::LongTexts,
        Abuse::Places,
        Abuse::LargeHosts,
        Abuse::ManyChannels,
        Abuse::BanDiffs,
        Abuse::Ghosts,
        Abuse::IdThieves,
    ];

    /// Its name in reports and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Abuse::None => "none",
            Abuse::WhoMasks => "who-masks",
            Abuse::LongAnswers => "long-answers",
            Abuse::NamesAgain => "names-again",
            Abuse::State => "state",
            Abuse::Nicks => "nicks",
            Abuse::ManyLines => "many-lines",
            Abuse::Registrations => "registrations",
            Abuse::Joins => "joins",
            Abuse::Settings => "settings",
            Abuse::Notices => "notices",
            Abuse::ChannelChats => "channel-chats",
            Abuse::FullChannels => "full-channels",
            Abuse::SlowNeighbour => "slow-neighbour",
            Abuse::LongTexts => "long-texts",
            Abuse::Places => "places",
            Abuse::LargeHosts => "large-hosts",
            Abuse::ManyChannels => "many-channels",
            Abuse::BanDiffs => "ban-diffs",
            Abuse::Ghosts => "ghosts",
            Abuse::IdThieves => "id-thieves",
        }
    }

    /// Arguments of the attacked server. Without them it has no limits for this machine.
    pub(super) fn hub_args(self) -> &'static [&'static str] {
        match self {
            // The server must do the work at once.
            Abuse::WhoMasks | Abuse::LongAnswers | Abuse::Nicks => &["--irc-lines-per-second=0"],
            Abuse::Places => &["--links-per-address=50", "--accepts-per-second=100"],
            _ => &[],
        }
    }

    /// Arguments of the other server.
    pub(super) fn leaf_args(self) -> &'static [&'static str] {
        match self {
            Abuse::LongTexts => &["--text-max=200"],
            _ => &[],
        }
    }

    /// Makes the attack until the end, and returns what was wrong.
    pub(super) fn make(self, field: &Field<'_>) -> Vec<String> {
        let made = match self {
            Abuse::None => Ok(()),
            Abuse::WhoMasks => by_users::who_masks(field),
            Abuse::LongAnswers => by_users::long_answers(field),
            Abuse::NamesAgain => by_users::names_again(field),
            Abuse::State => by_users::state(field),
            Abuse::Nicks => by_users::nicks(field),
            Abuse::ManyLines => by_users::many_lines(field),
            Abuse::Registrations => by_clients::registrations(field),
            Abuse::Joins => by_clients::joins(field),
            Abuse::Settings => by_clients::settings(field),
            Abuse::Notices => by_clients::notices(field),
            Abuse::ChannelChats => by_clients::channel_chats(field),
            Abuse::FullChannels => by_clients::full_channels(field),
            Abuse::SlowNeighbour => by_clients::slow_neighbour(field),
            Abuse::LongTexts => by_clients::long_texts(field),
            Abuse::Places => by_clients::places(field),
            Abuse::LargeHosts => by_servers::large_hosts(field),
            Abuse::ManyChannels => by_servers::many_channels(field),
            Abuse::BanDiffs => by_servers::ban_diffs(field),
            Abuse::Ghosts => return by_servers::ghosts(field),
            Abuse::IdThieves => return by_servers::id_thieves(field),
        };
        match made {
            Ok(()) => Vec::new(),
            Err(_) if field.is_over() => Vec::new(),
            Err(error) => vec![format!("the attack could not be made: {error}")],
        }
    }
}
