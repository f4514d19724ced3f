//! A relay server: sessions, the relay's rules, and timers, behind one door.
//!
//! Decides everything and does nothing: sockets are the driver's. The parts:
//! `conversation` takes one message from one link and applies the relay's
//! rules; `broadcast` tells the neighbours; `uplink` looks for a place in the
//! tree. What a peer gets to see of a message is encoded by its session.

mod counters;
mod leave;
mod links;
mod snapshot;
pub(crate) mod status_log;

use std::net::SocketAddr;

use crc_wire::HostId;

pub use counters::Counters;
pub use snapshot::{LinkView, Snapshot};

use crate::config::Config;
use crate::context::{Context, Out, Stage, Timer};
use crate::crc::session::{CHUNK_PAUSE, Phase};
use crate::network::{HostKind, PeerVersion};
use crate::violation::Violation;
use crc_machine::PeerAddress;
use crc_machine::Timestamp;
use crc_machine::{Event, Machine};

/// What an operator may ask of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerCommand {
    /// Begin: the driver listens on these addresses.
    Start {
        /// The addresses, with real ports.
        listening: Vec<SocketAddr>,
    },
    /// These have been found, in place of all that were found before: an empty
    /// list says that there is nobody to link to. They are tried in this order,
    /// after [`Config::connect`]; the rules of rank hold for them as for all
    /// others. 1024 at most are taken.
    Candidates(Vec<PeerAddress>),
    /// Leave the network in good order.
    Leave {
        /// Why, for those who stay.
        reason: Box<str>,
    },
}

/// What an operator may observe of a server as it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerNotice {
    /// Our uplink has taken us.
    Linked {
        /// The server above us.
        to: HostId,
    },
    /// We have lost our uplink.
    Unlinked,
    /// A server refused us because our id is taken.
    Refused {
        /// Its words.
        text: Box<str>,
    },
}

/// A server of the network.
///
/// ```
/// use crc_core::{Config, Event, Machine, Outbox, Server, ServerCommand, Timestamp};
/// use crc_wire::{HostId, Name};
///
/// let config = Config::new(HostId::new(1).unwrap(), Name::new("anchor").unwrap());
/// let mut server = Server::new(config);
/// let mut out = Outbox::new();
/// let start = ServerCommand::Start { listening: vec![] };
/// server.handle(Timestamp::START, Event::Command(start), &mut out);
/// assert!(out.effects().is_empty(), "a root waits to be linked to");
/// assert_eq!(server.deadline(), None);
/// ```
#[derive(Debug)]
pub struct Server {
    cx: Context,
}

impl Server {
    /// A server that has not begun yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Server {
            cx: Context::new(config),
        }
    }

    /// Has the server forget a rule, and hash ids in its own way.
    #[cfg(feature = "planted")]
    pub fn plant(&mut self, bug: Option<crate::planted::Planted>, hash_seed: u64) {
        self.cx.planted = bug;
        self.cx.network = crate::network::Network::new(self.cx.config.id, hash_seed);
    }

    /// What the server knows now, for whoever wants to look at it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::new(&self.cx)
    }

    /// All that must hold between two events; for tests and simulations.
    ///
    /// # Panics
    ///
    /// When it does not hold, for the program has a bug then.
    pub fn check(&self) {
        self.cx.network.check();
        self.cx.check_dialects();
        for (link, neighbour) in self.cx.network.neighbours().iter() {
            let session = self.cx.sessions.find(link);
            let phase = session.map(|session| session.phase);
            let expected = match neighbour.kind {
                HostKind::Server => Phase::Server,
                HostKind::Client => Phase::Client,
            };
            assert_eq!(phase, Some(expected), "the session of {link}");
        }
        assert!(
            self.cx.dirty_links.is_empty(),
            "nothing is left for a later event"
        );
    }
}

impl Context {
    pub(crate) fn start(&mut self, listening: Vec<SocketAddr>, out: &mut Out) {
        self.listening = listening;
        self.find_uplink(out);
        self.legacy_dial(out);
    }

    pub(crate) fn on_tick(&mut self, out: &mut Out) {
        while let Some(due) = self.timers.pop_due(self.now) {
            match due {
                Timer::Registration(link) => {
                    self.on_uplink_silent(link);
                    self.violation(link, Violation::NotRegistered, out);
                }
                Timer::Announcement(link) => self.announce(link, out),
                Timer::Classification(link) => self.set_peer_version(link, PeerVersion::V1, out),
                Timer::PacePause(link) => self
                    .timers
                    .set(Timer::PacedSend(link), self.now + CHUNK_PAUSE),
                Timer::PacedSend(link) => self.mark_dirty(link),
                Timer::Keepalive(link) => self.check_keepalive(link, out),
                Timer::RankCheck(link) => self.leave_misordered_uplink(link, out),
                Timer::Refusal(link) => self.on_permanent_refusal(link, out),
                Timer::Irc(link) => self.irc_due(link, out),
                Timer::Dial => self.dial(out),
                Timer::LegacyDial => self.legacy_dial(out),
                Timer::LegacyLoop(link) => self.legacy_loops(link, out),
                Timer::Candidates => self.take_root_rank(out),
                Timer::ShutdownDeadline => self.stop(out),
            }
        }
    }
}

impl Machine for Server {
    type Command = ServerCommand;
    type Notice = ServerNotice;

    fn handle(&mut self, now: Timestamp, event: Event<'_, ServerCommand>, out: &mut Out) {
        self.cx.now = self.cx.now.max(now);
        if self.cx.stage == Stage::Gone {
            return;
        }
        match event {
            Event::LinkUp {
                link,
                origin,
                endpoints,
            } => self.cx.on_link_up(link, origin, endpoints, out),
            Event::Bytes { link, bytes } => self.cx.on_bytes(link, bytes, out),
            Event::LinkDown { link, why, unsent } => self.cx.on_link_down(link, why, unsent, out),
            Event::DialFailed { dial, why } => {
                if !self.cx.legacy_dial_failed(dial, why) {
                    self.cx.on_dial_failed(dial, why, out);
                }
            }
            Event::Command(ServerCommand::Start { listening }) => self.cx.start(listening, out),
            Event::Command(ServerCommand::Candidates(found)) => self.cx.set_discovered(found, out),
            Event::Command(ServerCommand::Leave { reason }) => self.cx.leave(&reason, out),
            Event::Tick => self.cx.on_tick(out),
        }
        if !self.cx.dirty_links.is_empty() || self.cx.stage == Stage::Leaving {
            self.cx.flush_pending(out);
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.cx.timers.next()
    }
}
