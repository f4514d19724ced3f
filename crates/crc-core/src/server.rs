//! A relay server: sessions, the relay's rules, and timers, behind one door.
//!
//! Decides everything and does nothing: sockets are the driver's. The parts:
//! `conversation` takes one message from one link and applies the relay's
//! rules; `broadcast` tells the neighbours; `uplink` looks for a place in the
//! tree. What a peer gets to see of a message is dressed by its session.

mod broadcast;
mod channels;
mod conversation;
mod counters;
pub(crate) mod course;
mod dialects;
pub(crate) mod irc;
mod pulse;
mod snapshot;
mod status_log;
mod uplink;

use core::time::Duration;
use std::net::SocketAddr;

use crc_wire::{HostId, Info, Message, Registration, ServerQuit, Text};

pub use counters::Counters;
pub use dialects::Dialect;
pub use snapshot::{LinkView, Snapshot};

use crate::announcement::{Announcement, Features, UNRANKED};
use crate::config::Config;
use crate::planted::planted;
use crate::relay::{Host, HostKind, Neighbour, Relay, Standing};
use crate::session::{Outlet, PAUSE, Pace, Phase, Session};
use crate::verdict::{Verdict, Violation};
use crc_machine::LinkTable;
use crc_machine::Outbox;
use crc_machine::Random;
use crc_machine::Timers;
use crc_machine::Timestamp;
use crc_machine::Unsent;
use crc_machine::{ByteRange, CloseWhen, Event, Machine};
use crc_machine::{Endpoints, LinkDown, LinkId, Origin, PeerAddress};

use course::Book;
use dialects::Names;
use status_log::StatusLog;
use uplink::Uplink;

/// How long a server has to show what it is after we have announced ourselves.
const CLASSIFICATION_TIME: Duration = Duration::from_secs(1);
/// The pause between introduction and announcement when both do not fit into
/// one piece.
const ANNOUNCEMENT_PAUSE: Duration = Duration::from_millis(10);
/// How long original nodes have to read our last words when we leave.
const LEAVING_TIME_MAX: Duration = Duration::from_secs(2);

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

/// How far a server's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// Our last words are on their way.
    Leaving,
    Gone,
}

/// What a server waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The peer must have registered.
    Registration(LinkId),
    /// The second half of our introduction may follow.
    Announcement(LinkId),
    /// The peer must have shown what it is.
    Classification(LinkId),
    /// A piece for an original node has been written: its pause begins.
    Pause(LinkId),
    /// The next piece may go to an original node.
    Piece(LinkId),
    /// The server may have been silent for too long.
    Pulse(LinkId),
    /// The uplink that does not come before us has been heard.
    Order(LinkId),
    /// Whoever has refused us and has not hung up is an original node.
    Refusal(LinkId),
    /// Somebody who speaks IRC is asked whether it is there, or read on.
    Irc(LinkId),
    /// Look for an uplink.
    Dial,
    /// Link to a server of the course's IRC.
    CourseDial,
    /// The network behind a server of the course's IRC is there by frames, too.
    CourseLoop(LinkId),
    /// Whoever has been told of no candidate by now is a root.
    Candidates,
    /// Whatever has not been read by now never will be.
    Departure,
}

/// The names that dialects of text need, if any is spoken.
fn names_for(config: &Config) -> Option<Names> {
    if config.dialects.is_empty() && config.course_connect.is_empty() {
        return None;
    }
    let mut names = Names::default();
    names.servers.give(config.id, config.name.as_str());
    Some(names)
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
    config: Config,
    now: Timestamp,
    stage: Stage,
    relay: Relay,
    sessions: LinkTable<Session>,
    timers: Timers<Due>,
    uplink: Uplink,
    random: Random,
    rank: u32,
    listening: Vec<SocketAddr>,
    status_log: StatusLog,
    counters: Counters,
    /// What hosts are called, if there is anybody to whom names are words.
    names: Option<Names>,
    /// What is known because somebody speaks the IRC of the course.
    course: Book,
    /// Links with something to be sent once the event has been dealt with.
    unsettled: Vec<LinkId>,
    #[cfg(feature = "planted")]
    planted: Option<crate::planted::Planted>,
}

type Out = Outbox<ServerNotice>;

impl Server {
    /// A server that has not begun yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let mut random = Random::new(config.seed);
        Server {
            now: Timestamp::START,
            stage: Stage::Running,
            relay: Relay::new(config.id, random.next_u64()),
            sessions: LinkTable::default(),
            timers: Timers::new(),
            uplink: Uplink::new(config.connect.clone()),
            rank: config.rank.unwrap_or(UNRANKED),
            listening: Vec::new(),
            status_log: StatusLog::new(config.limits.status_log_max),
            counters: Counters::default(),
            names: names_for(&config),
            course: Book::default(),
            unsettled: Vec::new(),
            #[cfg(feature = "planted")]
            planted: None,
            random,
            config,
        }
    }

    /// Has the server forget a rule, and hash ids in its own way.
    #[cfg(feature = "planted")]
    pub fn plant(&mut self, bug: Option<crate::planted::Planted>, hash_seed: u64) {
        self.planted = bug;
        self.relay = Relay::new(self.config.id, hash_seed);
    }

    /// What the server knows now, for whoever wants to look at it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::new(self)
    }

    /// All that must hold between two events; for tests and simulations.
    ///
    /// # Panics
    ///
    /// When it does not hold, for the program has a bug then.
    pub fn check(&self) {
        self.relay.check();
        self.check_dialects();
        for (link, neighbour) in self.relay.neighbours().iter() {
            let session = self.sessions.find(link);
            let phase = session.map(|session| session.phase);
            let expected = match neighbour.kind {
                HostKind::Server => Phase::Server,
                HostKind::Client => Phase::Client,
            };
            assert_eq!(phase, Some(expected), "the session of {link}");
        }
        assert!(
            self.unsettled.is_empty(),
            "nothing is left for a later event"
        );
    }

    fn start(&mut self, listening: Vec<SocketAddr>, out: &mut Out) {
        self.listening = listening;
        self.find_uplink(out);
        self.course_dial(out);
    }

    fn link_up(&mut self, link: LinkId, origin: Origin, endpoints: Endpoints, out: &mut Out) {
        if self.stage != Stage::Running {
            // Its LinkDown will be for a link that we never knew.
            return out.close(link, CloseWhen::Now);
        }
        let mut session = Session::new(self.now, origin, endpoints);
        session.lines = self.lines_for(origin);
        let frames = session.lines.is_none();
        self.sessions.insert(link, session);
        let limits = &self.config.limits;
        if !frames {
            // Whoever is listed the network gets more room then.
            out.bound(link, limits.client_queue_bytes_max);
        }
        let patience = match origin {
            Origin::Accepted { .. } => limits.registration_time_max,
            Origin::Dialed { .. } => limits.introduction_time_max,
        };
        self.timers
            .set(Due::Registration(link), self.now + patience);
        if let Origin::Dialed { dial } = origin
            && frames
        {
            let alias = self.alias_for(dial, link);
            let introduction = self.introduction(alias.as_ref().map(|alias| alias.id));
            out.send(link, &introduction);
            if let Some(session) = self.sessions.find_mut(link) {
                session.alias = alias;
            }
        } else if let Origin::Dialed { dial } = origin {
            self.course_dialled(link, dial, out);
        }
    }

    fn link_down(&mut self, link: LinkId, why: LinkDown, unsent: Unsent<'_>, out: &mut Out) {
        let who = self.who(link);
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let mut unsent = unsent;
        let mut all = Vec::new();
        let kept = match &session.outlet {
            Outlet::Direct | Outlet::Lines => &[],
            Outlet::Paced(pace) => pace.waiting(),
            Outlet::Held(held) => &held[..],
        };
        if !kept.is_empty() {
            // Behind what the driver holds stands what we hold.
            all.extend_from_slice(unsent.bytes);
            all.extend_from_slice(kept);
            unsent.bytes = &all;
        }
        let expected = session.phase == Phase::Closing;
        let frames = session.lines.is_none();
        if why == LinkDown::SlowConsumer {
            self.counters.slow_consumers += 1;
        }
        self.forget(link, &why.to_string(), out);
        self.sessions.remove(link);
        for due in [
            Due::Registration(link),
            Due::Announcement(link),
            Due::Classification(link),
            Due::Pause(link),
            Due::Piece(link),
            Due::Pulse(link),
            Due::Refusal(link),
            Due::Order(link),
            Due::Irc(link),
            Due::CourseLoop(link),
        ] {
            self.timers.cancel(due);
        }
        if frames && !planted!(self, UnsentForgotten) {
            self.bounce_unsent(unsent, out);
        }
        match why {
            _ if expected => log::debug!("{who}: link ended: {why}"),
            LinkDown::SlowConsumer => log::warn!("{who}: closed: {why}"),
            _ => log::info!("{who}: link lost: {why}"),
        }
        self.uplink_down(link, out);
        self.course_link_down(link);
    }

    fn tick(&mut self, out: &mut Out) {
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

    /// Does what the event has left to be done: announcements, listings, and
    /// pieces for original nodes.
    fn settle(&mut self, out: &mut Out) {
        let mut next = 0;
        while let Some(&link) = self.unsettled.get(next) {
            next += 1;
            let Some(session) = self.sessions.find_mut(link) else {
                continue;
            };
            let due = core::mem::take(&mut session.due);
            if session.phase == Phase::Closing {
                continue;
            }
            if due.announcement {
                self.announce(link, out);
            }
            if due.listing {
                self.list(link, out);
            }
            self.send_piece(link, out);
        }
        self.unsettled.clear();
        if self.stage == Stage::Leaving && !self.anybody_reads() {
            self.depart(out);
        }
    }

    /// Puts `link` on the list of those to be looked at when the event is over.
    fn note(&mut self, link: LinkId) {
        if let Some(session) = self.sessions.find_mut(link)
            && !session.due.noted
        {
            session.due.noted = true;
            self.unsettled.push(link);
        }
    }

    /// Sends the next piece to an original node, if its pause is over.
    fn send_piece(&mut self, link: LinkId, out: &mut Out) {
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let Outlet::Paced(pace) = &mut session.outlet else {
            return;
        };
        let bytes_max = match session.phase {
            Phase::Server => self.config.limits.server_queue_bytes_max,
            _ => self.config.limits.client_queue_bytes_max,
        };
        if pace.waiting().len() > bytes_max + pace.allowance() {
            log::warn!("{}: closed: {}", self.who(link), LinkDown::SlowConsumer);
            self.counters.slow_consumers += 1;
            self.end(link, CloseWhen::Now, "too slow", out);
            return;
        }
        if self.timers.is_set(Due::Pause(link)) || self.timers.is_set(Due::Piece(link)) {
            return;
        }
        let piece = pace.next_piece();
        if !piece.is_empty() {
            out.send(link, piece);
            // With the next tick it has been written, however long that took.
            self.timers.set(Due::Pause(link), self.now);
        }
    }

    /// The first words of a server: its registration, with last hop 0.
    fn introduction(&self, alias: Option<HostId>) -> Vec<u8> {
        self.own_registration(alias, self.config.info.as_str())
    }

    fn own_registration(&self, alias: Option<HostId>, info: &str) -> Vec<u8> {
        Message::ServerRegistration(Registration {
            source: alias.unwrap_or(self.config.id),
            last_hop: None,
            name: self.config.name.borrowed(),
            info: Info::truncated(info),
        })
        .to_vec()
    }

    /// Our registration once more, with what we say to machines.
    fn announcement(&self, session: &Session) -> Vec<u8> {
        let announcement = Announcement {
            address: self.advertised(session.endpoints.local),
            rank: Some(self.rank),
            features: Features::OURS,
        };
        let alias = session.alias.as_ref().map(|alias| alias.id);
        self.own_registration(alias, &format!("{}{announcement}", self.config.info))
    }

    /// Where others reach us; a wildcard stands for the address that the peer
    /// of a link sees.
    fn advertised(&self, local: SocketAddr) -> Option<PeerAddress> {
        if let Some(address) = &self.config.advertise {
            return Some(address.clone());
        }
        let first = self.listening.first()?;
        let ip = if first.ip().is_unspecified() {
            local.ip().to_canonical()
        } else {
            first.ip()
        };
        Some(SocketAddr::new(ip, first.port()).into())
    }

    /// Makes ourselves known as a node of this project.
    fn announce(&mut self, link: LinkId, out: &mut Out) {
        let Some(session) = self.sessions.find(link) else {
            return;
        };
        if session.phase == Phase::Server {
            let announcement = self.announcement(session);
            self.repeat(link, &announcement, out);
        }
    }

    /// Sends our registration once more, which will be answered.
    fn repeat(&mut self, link: LinkId, registration: &[u8], out: &mut Out) {
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        out.send(link, registration);
        session.announced = Some(self.rank);
        session.answers_due += 1;
        let standing = self.relay.neighbours().find(link).map(|n| n.standing);
        if standing == Some(Standing::Unclassified) {
            let until = self.now + CLASSIFICATION_TIME;
            self.timers.set(Due::Classification(link), until);
        }
    }

    /// Notes what the peer has shown itself to be. It is listed the network, or
    /// what it has not been able to take so far.
    fn classify(&mut self, link: LinkId, standing: Standing, out: &mut Out) {
        let who = self.who(link);
        self.timers.cancel(Due::Classification(link));
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let Some(neighbour) = self.relay.neighbours_mut().find_mut(link) else {
            return;
        };
        let before = neighbour.standing;
        neighbour.standing = standing;
        if session.hearsay.is_some() && standing == Standing::Original {
            return self.knew_better(link, out);
        }
        session.hearsay = None;
        match standing {
            Standing::Unclassified => {}
            Standing::Original => log::info!("{who} is an original node"),
            Standing::Ours => log::debug!("{who} is a node of ours"),
        }
        if standing == Standing::Ours
            && let Outlet::Paced(pace) = &session.outlet
        {
            out.send(link, pace.waiting());
            session.outlet = Outlet::Direct;
            self.timers.cancel(Due::Pause(link));
            self.timers.cancel(Due::Piece(link));
        }
        let (kind, uplink, told) = (neighbour.kind, neighbour.uplink, neighbour.told);
        if kind == HostKind::Client {
            return;
        }
        if before == Standing::Unclassified {
            session.due.listing = true;
            // We may have found our rank since we announced ourselves.
            let stale = session.announced.is_some_and(|rank| rank != self.rank);
            session.due.announcement |= stale && standing == Standing::Ours;
            self.note(link);
        } else if told && standing == Standing::Ours {
            self.tell_what_was_untold(link, out);
        }
        if uplink && standing == Standing::Original {
            // It has no rank, and counts as a root.
            self.check_order(link, Some(0), out);
        }
        if standing == Standing::Ours {
            self.watch(link);
        }
    }

    /// A peer that was known across an original node is an original itself: what
    /// was known of it stands.
    fn knew_better(&mut self, link: LinkId, out: &mut Out) {
        let Some(host) = self.relay.neighbours().find(link).map(|n| n.host) else {
            return;
        };
        self.uplink_loops(link, host, host);
        self.counters.refused += 1;
        log::warn!("{}: refused: it is known by another way", self.who(link));
        let refusal = self.id_taken(HostKind::Server, host);
        out.send(link, &refusal);
        self.end(link, CloseWhen::Flushed, "refused", out);
    }

    /// Lists the network to a neighbour; from now on it is told of every change.
    fn list(&mut self, link: LinkId, out: &mut Out) {
        let channels = self.channel_listing(link, out);
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        let Some(neighbour) = self.relay.neighbours().find(link).copied() else {
            return;
        };
        let mut dress = crate::session::Dress::of(neighbour.kind, neighbour.standing);
        if planted!(self, MachinePartToOriginals) && neighbour.kind == HostKind::Server {
            dress = crate::session::Dress::Full;
        }
        let last_hop = session.known_as(self.config.id);
        let directory = self.relay.directory();
        let listing = out.store(|arena| {
            let listed = |host: &&Host| {
                let to_server = neighbour.kind == HostKind::Server;
                (to_server || host.kind() == HostKind::Client)
                    && (host.first_link() != link || planted!(self, ListedBehind))
            };
            for host in directory.iter().filter(listed) {
                match (session.has_ghost(host.id()), host.kind()) {
                    // Nothing takes a server off an original's list.
                    (true, HostKind::Server) => continue,
                    (true, HostKind::Client) => {
                        dress.write(&broadcast::quit(host.id(), "moved"), arena);
                    }
                    (false, _) => {}
                }
                dress.write_host(host, last_hop, arena);
            }
        });
        let mut held = Vec::new();
        if let Outlet::Held(frames) = &mut session.outlet {
            held = core::mem::take(frames);
            session.outlet = match neighbour.standing {
                Standing::Ours => Outlet::Direct,
                _ if planted!(self, NoPace) => Outlet::Direct,
                _ => Outlet::Paced(Box::default()),
            };
        }
        let limits = &self.config.limits;
        let bytes_max = match neighbour.kind {
            HostKind::Server => limits.server_queue_bytes_max,
            HostKind::Client => limits.client_queue_bytes_max,
        };
        if let Outlet::Paced(pace) = &mut session.outlet {
            pace.allow(listing.len());
        }
        if !planted!(self, NoBound) {
            let channels = channels.map_or(0, ByteRange::len);
            out.bound(link, bytes_max + listing.len() + channels);
        }
        session.deliver(link, listing, out);
        if let Some(neighbour) = self.relay.neighbours_mut().find_mut(link) {
            neighbour.told = true;
        }
        if let Some(channels) = channels {
            out.send_stored(link, channels);
        }
        self.release(link, &held, out);
    }

    /// Enters a new adjacent host.
    fn admit(&mut self, link: LinkId, host: Host, uplink: bool) {
        let neighbour = Neighbour {
            host: host.id(),
            kind: host.kind(),
            standing: Standing::Unclassified,
            uplink,
            told: false,
        };
        if let Some(session) = self.sessions.find_mut(link) {
            session.phase = match host.kind() {
                HostKind::Server => Phase::Server,
                HostKind::Client => Phase::Client,
            };
            session.outlet = match host.kind() {
                HostKind::Server => Outlet::Held(Vec::new()),
                // A client is taken for an original one until it says more.
                HostKind::Client if planted!(self, NoPace) => Outlet::Direct,
                HostKind::Client => Outlet::Paced(Box::default()),
            };
        }
        self.timers.cancel(Due::Registration(link));
        self.relay.neighbours_mut().insert(link, neighbour);
        self.relay.directory_mut().insert(host);
        self.counters.registrations += 1;
    }

    /// Closes a link, and with it what was behind it.
    fn end(&mut self, link: LinkId, when: CloseWhen, text: &str, out: &mut Out) {
        self.forget(link, text, out);
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        if session.phase == Phase::Closing {
            return;
        }
        session.phase = Phase::Closing;
        session.decoder = crc_wire::Decoder::new();
        self.timers.cancel(Due::Registration(link));
        self.timers.cancel(Due::Pause(link));
        self.timers.cancel(Due::Piece(link));
        self.timers.cancel(Due::Pulse(link));
        self.timers.cancel(Due::Order(link));
        self.timers.cancel(Due::Irc(link));
        self.timers.cancel(Due::CourseLoop(link));
        out.close(link, when);
    }

    /// Deals with a peer's fault: the one place where it has consequences.
    fn violation(&mut self, link: LinkId, violation: Violation, out: &mut Out) {
        let Some(session) = self.sessions.find(link) else {
            return;
        };
        let who = self.who(link);
        match violation.verdict(session.phase.role()) {
            Verdict::Drop => {
                self.counters.dropped += 1;
                log::debug!("{who}: dropped: {violation}");
            }
            Verdict::Close => {
                self.counters.violations += 1;
                log::warn!("{who}: closed: {violation}");
                self.last_line(link, &violation.to_string(), out);
                let text = match violation {
                    Violation::Flood => "Excess Flood",
                    _ => "protocol error",
                };
                self.end(link, CloseWhen::Flushed, text, out);
            }
            Verdict::Refuse => {
                self.counters.refused += 1;
                log::warn!("{who}: refused: {violation}");
                if let Violation::IdTaken { kind, id } = violation {
                    let refusal = self.id_taken(kind, id);
                    out.send(link, &refusal);
                }
                self.end(link, CloseWhen::Flushed, "refused", out);
            }
        }
    }

    /// Leaves in good order: last words to everybody, then the end.
    fn leave(&mut self, reason: &str, out: &mut Out) {
        if self.stage != Stage::Running {
            return;
        }
        log::info!("leaving: {reason}");
        self.stage = Stage::Leaving;
        self.timers.cancel(Due::Dial);
        self.timers.cancel(Due::CourseDial);
        self.timers.cancel(Due::Candidates);
        let replacement = self.replacement();
        let neighbours: Vec<_> = self
            .relay
            .neighbours()
            .iter()
            .map(|(l, n)| (l, *n))
            .collect();
        for (link, neighbour) in neighbours {
            let by = replacement.as_ref().filter(|(id, _)| *id != neighbour.host);
            self.say_goodbye(link, neighbour, reason, by, out);
            self.note(link);
        }
        let until = self.now + LEAVING_TIME_MAX;
        self.timers.set(Due::Departure, until);
    }

    fn say_goodbye(
        &mut self,
        link: LinkId,
        to: Neighbour,
        reason: &str,
        by: Option<&(HostId, PeerAddress)>,
        out: &mut Out,
    ) {
        let Some(session) = self.sessions.find_mut(link) else {
            return;
        };
        match to.kind {
            HostKind::Client => self.send_leaving(link, to.host, reason, out),
            HostKind::Server if session.features.server_quit => {
                let text = match by {
                    Some((_, address)) => format!("{address} {reason}"),
                    None => reason.to_owned(),
                };
                let quit = Message::ServerQuit(ServerQuit {
                    source: self.config.id,
                    replacement: by.map(|(id, _)| *id),
                    text: Text::truncated(&text),
                });
                let quit = out.store(|arena| quit.encode(arena));
                session.deliver(link, quit, out);
            }
            HostKind::Server if to.told => {
                let elsewhere = |host: &&Host| host.first_link() != link;
                let clients: Vec<_> = self.relay.directory().clients().filter(elsewhere).collect();
                let dress = crate::session::Dress::of(to.kind, to.standing);
                let quits = out.store(|arena| {
                    for client in clients {
                        dress.write(&broadcast::quit(client.id(), reason), arena);
                    }
                });
                if let Outlet::Paced(pace) = &mut session.outlet {
                    pace.allow(quits.len());
                }
                session.deliver(link, quits, out);
                // It has heard the end of everybody.
                if let Some(neighbour) = self.relay.neighbours_mut().find_mut(link) {
                    neighbour.told = false;
                }
            }
            HostKind::Server => {}
        }
    }

    /// Whether an original node still has words of ours to read.
    fn anybody_reads(&self) -> bool {
        self.sessions.iter().any(|(_, session)| {
            let waits = |pace: &Pace| !pace.waiting().is_empty();
            matches!(&session.outlet, Outlet::Paced(pace) if waits(pace))
                && session.phase != Phase::Closing
        })
    }

    fn depart(&mut self, out: &mut Out) {
        if self.stage != Stage::Gone {
            self.stage = Stage::Gone;
            self.timers = Timers::new();
            self.unsettled.clear();
            out.stop();
        }
    }
}

impl Machine for Server {
    type Command = ServerCommand;
    type Notice = ServerNotice;

    fn handle(&mut self, now: Timestamp, event: Event<'_, ServerCommand>, out: &mut Out) {
        self.now = self.now.max(now);
        if self.stage == Stage::Gone {
            return;
        }
        match event {
            Event::LinkUp {
                link,
                origin,
                endpoints,
            } => self.link_up(link, origin, endpoints, out),
            Event::Bytes { link, bytes } => self.bytes(link, bytes, out),
            Event::LinkDown { link, why, unsent } => self.link_down(link, why, unsent, out),
            Event::DialFailed { dial, why } => {
                if !self.course_dial_failed(dial, why) {
                    self.dial_failed(dial, why, out);
                }
            }
            Event::Command(ServerCommand::Start { listening }) => self.start(listening, out),
            Event::Command(ServerCommand::Candidates(found)) => self.take_found(found, out),
            Event::Command(ServerCommand::Leave { reason }) => self.leave(&reason, out),
            Event::Tick => self.tick(out),
        }
        if !self.unsettled.is_empty() || self.stage == Stage::Leaving {
            self.settle(out);
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }
}
