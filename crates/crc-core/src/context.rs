//! The state that event handlers read and change, and the operations that all protocols
//! share.
//!
//! A protocol's handler gets a [`Context`] and an outbox. It asks `network` for every
//! decision about hosts and channels, and changes them only through the operations
//! of this module: each changes the network once, and hands the change to every
//! protocol, which renders it for its own links. A protocol never calls another
//! protocol, and cannot reach one otherwise.
//!
//! The parts: `hosts` and `channels` change the network, `fan_out` hands each change
//! to the protocols; `links` adds neighbours and closes links; `losses`
//! removes the hosts behind a lost one; `burst` tells a new neighbour of the network; `send` sends to a neighbour, or towards a host;
//! `operators` has the commands of network operators, `bans` those about bans;
//! `passwords` has passwords compared;
//! `metadata` has what users and channels say of themselves;
//! `congestion` holds back what fills a server's queue; `requests` executes what a host
//! wants of another one; `shift` follows another clock; `reconfigure` changes the configuration; `first_bytes`
//! tells peers that have come to the wrong port; `unread` keeps what was read and waits.

mod bans;
mod burst;
mod channels;
mod congestion;
mod fan_out;
mod first_bytes;
mod hosts;
mod invitations;
mod links;
mod losses;
mod masks;
mod metadata;
mod operators;
mod passwords;
mod people;
mod questions;
mod reconfigure;
mod requests;
mod send;
mod shift;
mod tagged;
mod unread;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crc_machine::{LinkId, LinkTable, Outbox, PeerAddress, Random, Timers, Timestamp};
use crc_wire::HostId;
use irc_wire::Verb;

pub(crate) use burst::{BurstWriter, burst_bytes_max};
use channels::VoidedFlags;
pub(crate) use channels::{Entry, UnrankedFounders};
pub(crate) use hosts::{guarded_quit_text, irc_quit_text, is_netsplit};
use losses::Loss;
pub(crate) use operators::{Commander, is_operator_command, server_request, stats_letter};
pub(crate) use people::{UserConnection, UserFacts};

use crate::config::Config;
use crate::counters::Counters;
use crate::crc::clock::{network_ms_at_start, offset_of_unset};
use crate::crc::leave::Goodbyes;
use crate::crc::session::Session;
use crate::first_bytes::Ports;
use crate::irc::{Monitors, SecondText};
use crate::legacy::LegacyState;
use crate::link::{Link, Outlet};
use crate::link_auth::Nonces;
use crate::network::{Ban, Host, HostKind, Network, NickTables, Nicks};
use crate::notice::ServerNotice;
use crate::password::PasswordChecks;
use crate::server_list::ServerList;
use crate::status_log::StatusLog;
use crate::survey::Surveys;
use crate::tree::Tree;
use crate::work::WorkMeter;

/// The outbox in which a handler puts its effects.
pub(crate) type Out = Outbox<ServerNotice>;

/// After how long what is left of an event's work is done: in another event.
pub(crate) const NEXT_EVENT: Duration = Duration::from_micros(1);

/// From this step on, it is logged that the clock was set.
const CLOCK_STEP_LOGGED: Duration = Duration::from_secs(1);

/// How far a server's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It takes part in the network.
    Running,
    /// Its goodbyes are not sent yet.
    Leaving,
    /// It has stopped.
    Gone,
}

/// The timers of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Something on one link.
    Link(LinkTimer, LinkId),
    /// The next attempt to find an uplink.
    Dial,
    /// The next attempt to link to a legacy server.
    LegacyDial,
    /// A server for which no candidate has been discovered by now is a root.
    Candidates,
    /// By now this server is settled, whether it is linked or not.
    Settling,
    /// The bans were handed out to be stored, and may be again if they have changed.
    StoreBans,
    /// A MAP or TRACE ends, whether it is complete or not.
    Surveys,
    /// More of the hosts leave that are leaving.
    Losses,
    /// More of the times that this server holds are shifted.
    Shift,
    /// More users learn who has lost a rank.
    Voided,
    /// More of the ranks in channels are told again.
    Ranks,
    /// Clients are told of servers to which they can move.
    ServerList,
    /// More neighbours are sent that this server leaves.
    Goodbyes,
    /// What has not been read by now never will be.
    ShutdownDeadline,
}

/// The timers of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LinkTimer {
    /// The peer must have registered.
    Registration,
    /// The announcement may follow the introduction.
    Announcement,
    /// The peer must have announced itself, or it is a v1 server.
    Classification,
    /// A chunk for a v1 node has been written: its pause begins.
    PacePause,
    /// The next chunk may go to a v1 node.
    PacedSend,
    /// The server may have been silent for too long.
    Keepalive,
    /// This server has stayed below a parent that does not come before it.
    RankCheck,
    /// A peer that has refused this server and has not closed the link is a v1 server.
    Refusal,
    /// A user of IRC is pinged, or more of its lines may be read.
    Irc,
    /// A congested server has not read for a while.
    Congestion,
    /// The next slice of the burst may be sent.
    Burst,
    /// A client that was slowed down is read again.
    Slowed,
    /// What was read from the link and waits is handled.
    Unread,
    /// The network behind a legacy server is also linked by the binary protocol.
    LegacyLoop,
    /// A server elsewhere has not answered a client in time.
    Questions,
}

impl LinkTimer {
    const ALL: [LinkTimer; 15] = [
        LinkTimer::Registration,
        LinkTimer::Announcement,
        LinkTimer::Classification,
        LinkTimer::PacePause,
        LinkTimer::PacedSend,
        LinkTimer::Keepalive,
        LinkTimer::RankCheck,
        LinkTimer::Refusal,
        LinkTimer::Irc,
        LinkTimer::Unread,
        LinkTimer::LegacyLoop,
        LinkTimer::Questions,
        LinkTimer::Congestion,
        LinkTimer::Burst,
        LinkTimer::Slowed,
    ];

    /// Those that end when this server closes a link. The others find the link closed,
    /// and do nothing.
    const OF_OPEN_LINK: [LinkTimer; 12] = [
        LinkTimer::Registration,
        LinkTimer::PacePause,
        LinkTimer::PacedSend,
        LinkTimer::Keepalive,
        LinkTimer::RankCheck,
        LinkTimer::Irc,
        LinkTimer::Unread,
        LinkTimer::LegacyLoop,
        LinkTimer::Questions,
        LinkTimer::Congestion,
        LinkTimer::Burst,
        LinkTimer::Slowed,
    ];
}

/// The state that event handlers read and change.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) now: Timestamp,
    /// By how many milliseconds the network's clock is ahead of the one that this server
    /// started with.
    pub(crate) clock_offset_ms: i64,
    /// By how many milliseconds the clock on the wall is ahead of that one: it was set.
    pub(crate) wall_offset_ms: i64,
    pub(crate) stage: Stage,
    /// The hosts, the neighbours, the channels, and the rules about them.
    pub(crate) network: Network,
    /// Every link, whatever protocol its peer speaks.
    pub(crate) links: LinkTable<Link>,
    /// The addresses at which links end on this side, and how many.
    local_ips: BTreeMap<IpAddr, usize>,
    pub(crate) timers: Timers<Timer>,
    /// This server's place in the spanning tree: for the binary protocol only.
    pub(crate) tree: Tree,
    pub(crate) random: Random,
    /// The nonces for proofs of secrets.
    pub(crate) nonces: Nonces,
    /// The passwords that are being compared.
    pub(crate) passwords: PasswordChecks,
    /// The addresses that this server listens on.
    pub(crate) listening: Vec<SocketAddr>,
    /// Where clients reach this server, as it says to the others.
    pub(crate) client_addresses: Vec<PeerAddress>,
    /// Where clients reach the other servers.
    pub(crate) server_list: ServerList,
    /// The ports that a peer at the wrong one is told.
    pub(crate) ports: Ports,
    /// Hosts that get their rank in the channels that they founded once this server is
    /// settled.
    pub(crate) unranked_founders: UnrankedFounders,
    pub(crate) status_log: StatusLog,
    pub(crate) counters: Counters,
    /// The state of the legacy protocol beyond its links.
    pub(crate) legacy: LegacyState,
    /// Which users of IRC monitor which nicks.
    pub(crate) monitors: Monitors,
    /// Servers that read too slowly.
    pub(crate) congested: Vec<LinkId>,
    /// The hosts that are leaving, by the link that has ended.
    losses: Vec<Loss>,
    /// Members who have lost their ranks, and of whom users were not told yet.
    voided: Vec<VoidedFlags>,
    /// The channels whose ranks all servers are told again, and the last member of each that
    /// they were told of.
    ranks_due: VecDeque<(Box<str>, Option<HostId>)>,
    /// Why this server leaves at the end of the event, if it does.
    pub(crate) leaves_for: Option<Box<str>>,
    /// Whether the bans have changed since they were handed out to be stored.
    pub(crate) bans_changed: bool,
    /// The goodbyes of this server, once it leaves.
    pub(crate) goodbyes: Option<Goodbyes>,
    /// What operators of this server ask of other servers.
    pub(crate) surveys: Surveys,
    /// How often each command was used, in the order of [`Verb::ALL`].
    pub(crate) command_uses: [u64; Verb::ALL.len()],
    /// The last second that was shown to users of IRC.
    pub(crate) second_text: SecondText,
    /// Links to which a burst is under way.
    pub(crate) bursting: BTreeSet<LinkId>,
    /// Links that have ended, and of which something that was read waits to be handled.
    pub(crate) ended: Vec<LinkId>,
    /// The work of the event.
    pub(crate) work: WorkMeter,
    /// Links on which something is to be sent at the end of the event.
    pub(crate) dirty_links: Vec<LinkId>,
}

impl Context {
    /// The context of a server that has not started yet.
    pub(crate) fn new(config: Config) -> Self {
        let mut random = Random::new(config.seed);
        // Drawn in any case: what is drawn later must not depend on `config.hash_seed`.
        let drawn = random.next_u64();
        let hash_seed = config.hash_seed.unwrap_or(drawn);
        let mut network = Network::new(
            config.id,
            config.name.as_str(),
            hash_seed,
            nick_tables(&config),
        );
        let start_ms = network_ms_at_start(config.started_at_unix_ms);
        for mut ban in config
            .bans
            .iter()
            .filter_map(|line| line.parse::<Ban>().ok())
        {
            // The clock has been set back: what other servers say counts.
            if ban.version > start_ms {
                ban.version = 1;
            }
            network.apply_ban(ban, start_ms);
        }
        Context {
            now: Timestamp::START,
            clock_offset_ms: offset_of_unset(config.started_at_unix_ms),
            wall_offset_ms: 0,
            stage: Stage::Running,
            network,
            links: LinkTable::default(),
            local_ips: BTreeMap::new(),
            timers: Timers::new(),
            tree: Tree::new(&config),
            passwords: PasswordChecks::default(),
            listening: Vec::new(),
            client_addresses: Vec::new(),
            server_list: ServerList::default(),
            ports: Ports::default(),
            unranked_founders: UnrankedFounders::default(),
            status_log: StatusLog::new(config.limits.status_log_max),
            counters: Counters::default(),
            legacy: LegacyState::default(),
            monitors: Monitors::default(),
            congested: Vec::new(),
            losses: Vec::new(),
            voided: Vec::new(),
            ranks_due: VecDeque::new(),
            leaves_for: None,
            bans_changed: false,
            goodbyes: None,
            surveys: Surveys::default(),
            command_uses: [0; Verb::ALL.len()],
            second_text: SecondText::default(),
            bursting: BTreeSet::new(),
            ended: Vec::new(),
            work: WorkMeter::new(config.limits.work_slice),
            dirty_links: Vec::new(),
            random,
            nonces: Nonces::new(config.nonce_key),
            config,
        }
    }

    /// The network's time, in milliseconds of Unix time: for the ages of channels and the
    /// versions of settings. It never steps; it follows the uplink's (see `crc/clock.rs`).
    pub(crate) fn network_ms(&self) -> u64 {
        let own_ms = self.config.started_at_unix_ms + self.now.as_micros() / 1000;
        own_ms.saturating_add_signed(self.clock_offset_ms)
    }

    /// What a clock on the wall shows, in milliseconds of Unix time: for people.
    pub(crate) fn wall_ms(&self) -> u64 {
        let own_ms = self.config.started_at_unix_ms + self.now.as_micros() / 1000;
        own_ms.saturating_add_signed(self.wall_offset_ms)
    }

    /// The clock on the wall shows this time, in milliseconds of Unix time.
    pub(crate) fn set_wall_clock(&mut self, unix_ms: u64) {
        let before = self.wall_ms();
        let started_ms = before.saturating_add_signed(self.wall_offset_ms.saturating_neg());
        let ahead = unix_ms.saturating_sub(started_ms).cast_signed();
        let behind = started_ms.saturating_sub(unix_ms).cast_signed();
        self.wall_offset_ms = ahead.saturating_sub(behind);
        self.store_bans_anew();
        let step = Duration::from_millis(unix_ms.abs_diff(before));
        if step >= CLOCK_STEP_LOGGED {
            let direction = match unix_ms > before {
                true => "forward",
                false => "back",
            };
            log::warn!("the clock was set {direction} by {step:.1?}");
        }
    }

    /// A time of the network, such as a version, as a clock on the wall shows it.
    pub(crate) fn wall_ms_of(&self, network_ms: u64) -> u64 {
        let own_ms = network_ms.saturating_add_signed(self.clock_offset_ms.saturating_neg());
        own_ms.saturating_add_signed(self.wall_offset_ms)
    }

    /// Makes `timer` of `link` due at `when`.
    pub(crate) fn set_link_timer(&mut self, link: LinkId, timer: LinkTimer, when: Timestamp) {
        self.timers.set(Timer::Link(timer, link), when);
    }

    /// Forgets the deadline of `timer` of `link`, if it has one.
    pub(crate) fn cancel_link_timer(&mut self, link: LinkId, timer: LinkTimer) {
        self.timers.cancel(Timer::Link(timer, link));
    }

    /// Whether `timer` of `link` has a deadline.
    pub(crate) fn is_link_timer_set(&self, link: LinkId, timer: LinkTimer) -> bool {
        self.timers.is_set(Timer::Link(timer, link))
    }

    /// Whether the peer of `link` speaks the binary protocol.
    pub(crate) fn is_crc(&self, link: LinkId) -> bool {
        self.links.find(link).is_some_and(Link::is_crc)
    }

    /// The session of `link`, if its peer speaks the binary protocol.
    #[inline]
    pub(crate) fn crc_session(&self, link: LinkId) -> Option<&Session> {
        self.links.find(link)?.crc()
    }

    /// The same, to be changed.
    #[inline]
    pub(crate) fn crc_session_mut(&mut self, link: LinkId) -> Option<&mut Session> {
        self.links.find_mut(link)?.crc_mut()
    }

    /// Counts that a user has given a command.
    #[inline]
    pub(crate) fn count_command(&mut self, verb: Verb) {
        if let Some(uses) = self.command_uses.get_mut(verb as usize) {
            *uses += 1;
        }
    }

    /// Notes that something is to be sent on `link` at the end of the event.
    pub(crate) fn mark_dirty(&mut self, link: LinkId) {
        if let Some(found) = self.links.find_mut(link) {
            mark_dirty(found, link, &mut self.dirty_links);
        }
    }

    /// Notes that the burst to the peer of a link has begun, or that it is over.
    pub(crate) fn set_bursting(&mut self, link: LinkId, bursting: bool) {
        if let Some(found) = self.links.find_mut(link) {
            found.detour = bursting;
        }
        match bursting {
            true => self.bursting.insert(link),
            false => self.bursting.remove(&link),
        };
    }

    /// Checks the invariants that hold between two events.
    ///
    /// # Panics
    ///
    /// When it does not hold: the program has a bug then.
    pub(crate) fn check(&self) {
        self.network.check(|link| self.is_leaving(link));
        let directory = self.network.directory();
        let kind_of = |id| directory.find(id).map(Host::kind);
        self.server_list
            .check(|id| kind_of(id) == Some(HostKind::Server));
        self.legacy
            .check(kind_of, |link| crate::legacy::is_legacy(self, link));
        for (link, neighbour) in self.network.neighbours().iter() {
            let phase = self.links.find(link).map(|found| found.phase);
            assert_eq!(phase, Some(neighbour.kind.into()), "the phase of {link}");
        }
        assert!(
            self.dirty_links.is_empty() || self.network.is_shifting(),
            "nothing is left for a later event"
        );
    }
}

/// The tables of nicks, if a text protocol is spoken here.
fn nick_tables(config: &Config) -> Option<NickTables> {
    if config.text_listeners.is_empty() && config.legacy_connect.is_empty() {
        return None;
    }
    let mut tables = NickTables::default();
    if config.speaks_legacy() {
        tables.nicks = Nicks::with_aliases();
    }
    tables.servers.assign(config.id, config.name.as_str());
    Some(tables)
}

/// Notes that something is to be sent on `link` at the end of the event.
fn mark_dirty(found: &mut Link, link: LinkId, dirty_links: &mut Vec<LinkId>) {
    if let Some(session) = found.crc_mut()
        && !session.pending.dirty
    {
        session.pending.dirty = true;
        dirty_links.push(link);
    }
}

/// Sends bytes that stand in the outbox to one neighbour. A pacer is checked at the
/// end of the event.
pub(crate) fn deliver(
    found: &mut Link,
    link: LinkId,
    bytes: crc_machine::ByteRange,
    dirty_links: &mut Vec<LinkId>,
    out: &mut Out,
) {
    found.deliver(link, bytes, out);
    if matches!(found.outlet, Outlet::Paced(_)) {
        mark_dirty(found, link, dirty_links);
    }
}
