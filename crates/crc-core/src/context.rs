//! What an event handler may read and change.

use core::time::Duration;
use std::net::SocketAddr;

use crc_machine::{LinkId, LinkTable, Outbox, Random, Timers, Timestamp};

use crate::announcement::UNRANKED;
use crate::config::Config;
use crate::crc::session::Session;
use crate::legacy::LegacyState;
use crate::network::Network;
use crate::server::status_log::StatusLog;
use crate::server::{Counters, ServerNotice};
use crate::text_protocol::NickTables;
use crate::tree::Uplink;

/// Where a handler puts what it wants done.
pub(crate) type Out = Outbox<ServerNotice>;

/// How long a server has to show what it is after we have announced ourselves.
pub(crate) const CLASSIFICATION_TIME: Duration = Duration::from_secs(1);
/// The pause between introduction and announcement when both do not fit into
/// one piece.
pub(crate) const ANNOUNCEMENT_PAUSE: Duration = Duration::from_millis(10);

/// How far a server's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Running,
    /// Our last words are on their way.
    Leaving,
    Gone,
}

/// What a server waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The peer must have registered.
    Registration(LinkId),
    /// The second half of our introduction may follow.
    Announcement(LinkId),
    /// The peer must have shown what it is.
    Classification(LinkId),
    /// A piece for an original node has been written: its pause begins.
    PacePause(LinkId),
    /// The next piece may go to an original node.
    PacedSend(LinkId),
    /// The server may have been silent for too long.
    Keepalive(LinkId),
    /// The uplink that does not come before us has been heard.
    RankCheck(LinkId),
    /// Whoever has refused us and has not hung up is an original node.
    Refusal(LinkId),
    /// Somebody who speaks IRC is asked whether it is there, or read on.
    Irc(LinkId),
    /// Look for an uplink.
    Dial,
    /// Link to a server of the legacy's IRC.
    LegacyDial,
    /// The network behind a server of the legacy's IRC is there by frames, too.
    LegacyLoop(LinkId),
    /// Whoever has been told of no candidate by now is a root.
    Candidates,
    /// Whatever has not been read by now never will be.
    ShutdownDeadline,
}

/// The names that dialects of text need, if any is spoken.
fn names_for(config: &Config) -> Option<NickTables> {
    if config.text_listeners.is_empty() && config.legacy_connect.is_empty() {
        return None;
    }
    let mut names = NickTables::default();
    names.servers.assign(config.id, config.name.as_str());
    Some(names)
}

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) now: Timestamp,
    pub(crate) stage: Stage,
    pub(crate) network: Network,
    pub(crate) sessions: LinkTable<Session>,
    pub(crate) timers: Timers<Timer>,
    pub(crate) uplink: Uplink,
    pub(crate) random: Random,
    pub(crate) rank: u32,
    pub(crate) listening: Vec<SocketAddr>,
    pub(crate) status_log: StatusLog,
    pub(crate) counters: Counters,
    /// What hosts are called, if there is anybody to whom names are words.
    pub(crate) names: Option<NickTables>,
    /// What is known because somebody speaks the IRC of the legacy.
    pub(crate) legacy: LegacyState,
    /// Links with something to be sent once the event has been dealt with.
    pub(crate) dirty_links: Vec<LinkId>,
    #[cfg(feature = "planted")]
    pub(crate) planted: Option<crate::planted::Planted>,
}

impl Context {
    /// A server that has not begun yet.
    pub(crate) fn new(config: Config) -> Self {
        let mut random = Random::new(config.seed);
        Context {
            now: Timestamp::START,
            stage: Stage::Running,
            network: Network::new(config.id, random.next_u64()),
            sessions: LinkTable::default(),
            timers: Timers::new(),
            uplink: Uplink::new(config.connect.clone()),
            rank: config.rank.unwrap_or(UNRANKED),
            listening: Vec::new(),
            status_log: StatusLog::new(config.limits.status_log_max),
            counters: Counters::default(),
            names: names_for(&config),
            legacy: LegacyState::default(),
            dirty_links: Vec::new(),
            #[cfg(feature = "planted")]
            planted: None,
            random,
            config,
        }
    }
}
