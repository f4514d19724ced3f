//! A relay server: sessions, the relay's rules, and timers, behind one door.
//!
//! Decides everything and does nothing: sockets are the driver's. The parts:
//! `conversation` takes one message from one link and applies the relay's
//! rules; `broadcast` tells the neighbours; `uplink` looks for a place in the
//! tree. What a peer gets to see of a message is dressed by its session.

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
use crate::context::{Context, Due, Out, Stage};
use crate::crc::session::{PAUSE, Phase};
use crate::network::{HostKind, Standing};
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
            self.cx.unsettled.is_empty(),
            "nothing is left for a later event"
        );
    }
}

impl Context {
    pub(crate) fn start(&mut self, listening: Vec<SocketAddr>, out: &mut Out) {
        self.listening = listening;
        self.find_uplink(out);
        self.course_dial(out);
    }

    pub(crate) fn tick(&mut self, out: &mut Out) {
        while let Some(due) = self.timers.pop_due(self.now) {
            match due {
                Due::Registration(link) => {
                    self.uplink_silent(link);
                    self.violation(link, Violation::NotRegistered, out);
                }
                Due::Announcement(link) => self.announce(link, out),
                Due::Classification(link) => self.classify(link, Standing::Original, out),
                Due::Pause(link) => self.timers.set(Due::Piece(link), self.now + PAUSE),
                Due::Piece(link) => self.note(link),
                Due::Pulse(link) => self.feel_pulse(link, out),
                Due::Order(link) => self.leave_out_of_order(link, out),
                Due::Refusal(link) => self.refused_for_ever(link, out),
                Due::Irc(link) => self.irc_due(link, out),
                Due::Dial => self.dial(out),
                Due::CourseDial => self.course_dial(out),
                Due::CourseLoop(link) => self.course_loops(link, out),
                Due::Candidates => self.be_root(out),
                Due::Departure => self.depart(out),
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
            } => self.cx.link_up(link, origin, endpoints, out),
            Event::Bytes { link, bytes } => self.cx.bytes(link, bytes, out),
            Event::LinkDown { link, why, unsent } => self.cx.link_down(link, why, unsent, out),
            Event::DialFailed { dial, why } => {
                if !self.cx.course_dial_failed(dial, why) {
                    self.cx.dial_failed(dial, why, out);
                }
            }
            Event::Command(ServerCommand::Start { listening }) => self.cx.start(listening, out),
            Event::Command(ServerCommand::Candidates(found)) => self.cx.take_found(found, out),
            Event::Command(ServerCommand::Leave { reason }) => self.cx.leave(&reason, out),
            Event::Tick => self.cx.tick(out),
        }
        if !self.cx.unsettled.is_empty() || self.cx.stage == Stage::Leaving {
            self.cx.settle(out);
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.cx.timers.next()
    }
}
