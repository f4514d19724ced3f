//! All sockets of a driver, and the steps that a link takes: coming up, being
//! written to, ending. Knows no machine: what a machine is to be told is left in
//! lists for the driver to tell.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;

use crc_core::{
    CloseWhen, DialError, DialId, Ends, LinkDown, LinkId, ListenerId, Origin, Outbox, PeerAddress,
    Range, Timestamp,
};
use polling::{Events, Poller};

use crate::clock::Clock;
use crate::config::DriverConfig;
use crate::connection::{Connection, Phase, ReadOutcome};
use crate::descriptors;
use crate::dialer::{self, Attempt, ConnectOutcome, Dialing, Resolver};
use crate::error::{DriverError, ListenError};
use crate::listener::{self, AcceptOutcome, Listener, ListenerState};
use crate::pieces::Pieces;
use crate::registration::{Interest, Registration};
use crate::stats::Stats;
use crate::table::Table;

/// The key of the signals' descriptor. Keys below are those of the listeners;
/// all others are links'.
pub(crate) const SIGNALS_KEY: u64 = u32::MAX as u64;

/// More memory for effects than this is given back after a turn that needed it.
const EFFECTS_KEPT_MAX: usize = 16 * 1024;

pub(crate) struct Sockets {
    pub(crate) config: DriverConfig,
    pub(crate) clock: Clock,
    pub(crate) poller: Arc<Poller>,
    pub(crate) stats: Arc<Stats>,
    /// Links that are over, in order; the machine has not been told yet.
    pub(crate) over: VecDeque<(LinkId, LinkDown)>,
    /// Dials that came to nothing; the machine has not been told yet.
    pub(crate) dials_failed: VecDeque<(DialId, DialError)>,
    entries: Table<Entry>,
    /// How many of the entries are links.
    links: usize,
    links_max: usize,
    /// Whether it has been said that there is room for no more, and has not
    /// eased since.
    house_is_full: bool,
    listeners: Vec<Listener>,
    /// When something must be done about the socket with this key if nothing
    /// happens to it.
    deadlines: BTreeSet<(Timestamp, u64)>,
    resolver: Resolver,
    /// What this turn has to send.
    pieces: Pieces,
    /// The links that are to be written to, each once.
    to_flush: Vec<LinkId>,
    /// The links whose sockets are to be armed anew, each once.
    to_arm: Vec<LinkId>,
}

enum Entry {
    Link(Connection),
    Dial(Box<Dialing>),
}

/// A link that has come up.
pub(crate) struct LinkUp {
    pub(crate) link: LinkId,
    pub(crate) origin: Origin,
    pub(crate) ends: Ends,
}

/// What accepting one link came to.
pub(crate) enum Accepted {
    Up(LinkUp),
    /// Somebody came and was gone again.
    Gone,
    /// Nobody waits, or nobody can be taken now.
    Nobody,
}

/// The sockets that one wait reported, in the order in which they are served.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    pub(crate) signals: bool,
    /// Links that have given us bytes before.
    pub(crate) known: Vec<LinkId>,
    /// Links that have not, so that theirs may be a registration.
    pub(crate) fresh: Vec<LinkId>,
    pub(crate) dials: Vec<LinkId>,
    pub(crate) listeners: Vec<usize>,
}

impl Ready {
    fn clear(&mut self) {
        self.signals = false;
        self.known.clear();
        self.fresh.clear();
        self.dials.clear();
        self.listeners.clear();
    }
}

impl Sockets {
    pub(crate) fn new(config: DriverConfig) -> Result<Self, DriverError> {
        let poller = Arc::new(Poller::new().map_err(DriverError::Selector)?);
        let limit = descriptors::raise_limit();
        let links_max = limit
            .saturating_sub(config.descriptors_reserve)
            .min(config.links_max)
            .max(1);
        log::debug!("{limit} descriptors, at most {links_max} links");
        Ok(Sockets {
            clock: Clock::new(),
            stats: Arc::default(),
            over: VecDeque::new(),
            dials_failed: VecDeque::new(),
            entries: Table::new(),
            links: 0,
            links_max,
            house_is_full: false,
            listeners: Vec::new(),
            deadlines: BTreeSet::new(),
            resolver: Resolver::new(&poller),
            pieces: Pieces::default(),
            to_flush: Vec::new(),
            to_arm: Vec::new(),
            poller,
            config,
        })
    }

    // Waiting

    /// Waits until a socket is ready, somebody wakes us, a deadline of ours
    /// passes, or `until`.
    pub(crate) fn wait(&self, events: &mut Events, until: Option<Timestamp>) -> io::Result<()> {
        let ours = self.deadlines.first().map(|&(deadline, _)| deadline);
        let deadline = [ours, until].into_iter().flatten().min();
        events.clear();
        match deadline.and_then(|deadline| self.clock.instant(deadline)) {
            Some(instant) => self.poller.wait_deadline(events, instant)?,
            None => self.poller.wait(events, None)?,
        };
        self.stats.turns.add(1);
        Ok(())
    }

    /// Sorts events into `ready`, and notes which links can be written to.
    pub(crate) fn sort(&mut self, events: &Events, ready: &mut Ready) {
        ready.clear();
        for event in events.iter() {
            let key = event.key as u64;
            if key == SIGNALS_KEY {
                ready.signals = true;
                continue;
            }
            if key < SIGNALS_KEY {
                let index = event.key;
                if let Some(listener) = self.listeners.get_mut(index) {
                    listener.socket.fired();
                    ready.listeners.push(index);
                }
                continue;
            }
            let link = LinkId::from_u64(key);
            match self.entries.find(link) {
                // It ended while this was being reported.
                None => {}
                Some(Entry::Dial(_)) => ready.dials.push(link),
                Some(Entry::Link(connection)) => {
                    connection.socket.fired();
                    if event.readable && !connection.ended {
                        if connection.heard {
                            ready.known.push(link);
                        } else {
                            ready.fresh.push(link);
                        }
                    }
                    if event.writable {
                        connection.now_writable();
                        self.flush_later(link);
                    }
                    self.arm_later(link);
                }
            }
        }
    }

    /// Arms the sockets of all links that something happened to: the one place
    /// where a link's socket is.
    pub(crate) fn arm(&mut self) {
        for index in 0..self.to_arm.len() {
            let link = self.to_arm[index];
            let Some(connection) = self.link(link) else {
                continue;
            };
            connection.to_arm = false;
            let interest = connection.interest();
            if let Err(error) = connection.socket.arm(link.as_u64(), interest) {
                self.end(link, LinkDown::Failed(error.kind()));
            }
        }
        self.to_arm.clear();
    }

    fn arm_later(&mut self, link: LinkId) {
        if let Some(Entry::Link(connection)) = self.entries.find(link)
            && !connection.to_arm
        {
            connection.to_arm = true;
            self.to_arm.push(link);
        }
    }

    fn flush_later(&mut self, link: LinkId) {
        if let Some(Entry::Link(connection)) = self.entries.find(link)
            && !connection.to_flush
        {
            connection.to_flush = true;
            self.to_flush.push(link);
        }
    }

    // Links

    pub(crate) fn link(&mut self, link: LinkId) -> Option<&mut Connection> {
        match self.entries.find(link)? {
            Entry::Link(connection) => Some(connection),
            Entry::Dial(_) => None,
        }
    }

    /// How many links and dials there are.
    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    /// How much has been gathered and not yet been written.
    pub(crate) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    #[inline]
    pub(crate) fn send(&mut self, link: LinkId, range: Range) {
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return;
        };
        if !connection.is_machines() {
            return;
        }
        self.pieces.push(&mut connection.pieces, range);
        if !connection.to_flush {
            connection.to_flush = true;
            self.to_flush.push(link);
        }
    }

    pub(crate) fn bound(&mut self, link: LinkId, bytes_max: usize) {
        if let Some(connection) = self.link(link) {
            connection.queue.bound(bytes_max);
        }
    }

    pub(crate) fn close(&mut self, link: LinkId, when: CloseWhen, now: Timestamp) {
        let deadline = now + self.config.flush_max;
        let Some(connection) = self.link(link) else {
            return;
        };
        match (connection.phase, when) {
            (Phase::Live, CloseWhen::Flushed) => {
                self.set_phase(link, Phase::Flushing(deadline));
                self.flush_later(link);
                self.arm_later(link);
            }
            (Phase::Live | Phase::Broken(..), CloseWhen::Now) => {
                self.end(link, LinkDown::Ended);
            }
            (Phase::Broken(kind, _), CloseWhen::Flushed) => {
                self.end(link, LinkDown::Failed(kind));
            }
            (Phase::Flushing(_) | Phase::Draining(_) | Phase::Over, _) => {}
        }
    }

    /// Writes out all that was gathered, as far as the sockets take it.
    pub(crate) fn flush<N>(&mut self, outbox: &mut Outbox<N>) {
        let now = self.clock.now();
        let mut to_flush = core::mem::take(&mut self.to_flush);
        let mut slices = Vec::new();
        for link in to_flush.drain(..) {
            self.flush_link(link, outbox, &mut slices, now);
        }
        drop(slices);
        self.to_flush = to_flush;
        self.pieces.clear();
        let mut effects = outbox.take_effects();
        effects.shrink_to(EFFECTS_KEPT_MAX);
        outbox.clear(effects, 2 * self.config.outbox_bytes_max);
    }

    fn flush_link<'a, N>(
        &mut self,
        link: LinkId,
        outbox: &'a Outbox<N>,
        slices: &mut Vec<IoSlice<'a>>,
        now: Timestamp,
    ) {
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return;
        };
        connection.to_flush = false;
        let outcome = connection.flush(&self.pieces, outbox, slices, &self.stats);
        let linger = now + self.config.linger_max;
        match (connection.phase, outcome) {
            (Phase::Live, Err(LinkDown::Failed(kind))) => {
                self.set_phase(link, Phase::Broken(kind, linger));
            }
            (Phase::Broken(kind, _), Err(_)) => self.end(link, LinkDown::Failed(kind)),
            (Phase::Live | Phase::Flushing(_), Err(why)) => self.end(link, why),
            (Phase::Flushing(_), Ok(())) if connection.queue.is_empty() => {
                if connection.ended || connection.end().is_err() {
                    self.end(link, LinkDown::Ended);
                } else {
                    self.set_phase(link, Phase::Draining(linger));
                }
            }
            (Phase::Draining(_) | Phase::Over, _) | (_, Ok(())) => {}
        }
        self.arm_later(link);
    }

    /// Reads from a link once. What ends it is taken note of.
    pub(crate) fn read(&mut self, link: LinkId, buffer: &mut [u8]) -> ReadOutcome {
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return ReadOutcome::Nothing;
        };
        if connection.phase == Phase::Over || connection.ended {
            return ReadOutcome::Nothing;
        }
        let outcome = connection.read(buffer, &self.stats);
        match (connection.phase, outcome) {
            (_, ReadOutcome::Bytes(_) | ReadOutcome::Nothing) | (Phase::Over, _) => {}
            // Half of it is still open, and that is the half we need.
            (Phase::Flushing(_), ReadOutcome::End) => connection.ended = true,
            (Phase::Live, ReadOutcome::End) => self.end(link, LinkDown::PeerClosed),
            (Phase::Live | Phase::Flushing(_), ReadOutcome::Failed(kind)) => {
                self.end(link, LinkDown::Failed(kind));
            }
            (Phase::Broken(kind, _), _) => self.end(link, LinkDown::Failed(kind)),
            (Phase::Draining(_), _) => self.end(link, LinkDown::Ended),
        }
        outcome
    }

    /// Ends a link. The machine is to be told.
    fn end(&mut self, link: LinkId, why: LinkDown) {
        let ended_before = self
            .link(link)
            .is_none_or(|connection| connection.phase == Phase::Over);
        if !ended_before {
            self.set_phase(link, Phase::Over);
            self.over.push_back((link, why));
        }
    }

    /// Takes a link that is over out of the house. What has not been written is
    /// in its queue.
    pub(crate) fn take<N>(
        &mut self,
        link: LinkId,
        why: LinkDown,
        outbox: &Outbox<N>,
    ) -> Option<Connection> {
        self.link(link)?;
        let Some(Entry::Link(mut connection)) = self.entries.remove(link) else {
            return None;
        };
        if why == LinkDown::PeerClosed {
            // It may have ended its own side only, and still be reading.
            connection.phase = Phase::Live;
        }
        // How that ends is not worth knowing any more.
        let _ = connection.flush(&self.pieces, outbox, &mut Vec::new(), &self.stats);
        self.links -= 1;
        self.stats.links_open.subtract(1);
        self.stats.bytes_waiting.subtract(connection.queue.len());
        if why == LinkDown::SlowConsumer {
            self.stats.slow_consumers.add(1);
            log::warn!("{link} to {} closed: {why}", connection.peer);
        } else {
            log::debug!("{link} to {} is down: {why}", connection.peer);
        }
        self.open_the_house();
        Some(connection)
    }

    fn set_phase(&mut self, link: LinkId, phase: Phase) {
        let Some(Entry::Link(connection)) = self.entries.find(link) else {
            return;
        };
        let key = link.as_u64();
        if let Some(deadline) = connection.deadline() {
            self.deadlines.remove(&(deadline, key));
        }
        connection.phase = phase;
        self.deadlines
            .extend(connection.deadline().map(|deadline| (deadline, key)));
    }

    fn insert_link(
        &mut self,
        make: impl FnOnce(LinkId) -> io::Result<Connection>,
    ) -> io::Result<LinkId> {
        let link = self.entries.insert(|link| make(link).map(Entry::Link))?;
        self.link_is_up();
        Ok(link)
    }

    fn link_is_up(&mut self) {
        self.links += 1;
        self.stats.links_open.add(1);
    }

    // Deadlines

    /// Does what is due.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while let Some(&(deadline, key)) = self.deadlines.first()
            && deadline <= now
        {
            self.deadlines.pop_first();
            if key < SIGNALS_KEY {
                self.resume(key);
                continue;
            }
            let link = LinkId::from_u64(key);
            match self.entries.find(link) {
                None => {}
                Some(Entry::Dial(_)) => self.dial_expired(link, now),
                Some(Entry::Link(connection)) => match connection.phase {
                    Phase::Live | Phase::Over => {}
                    Phase::Broken(kind, _) => self.end(link, LinkDown::Failed(kind)),
                    Phase::Flushing(_) => {
                        self.end(link, LinkDown::Failed(ErrorKind::TimedOut));
                    }
                    Phase::Draining(_) => self.end(link, LinkDown::Ended),
                },
            }
        }
    }

    // The end

    /// Stops listening and dialing, and closes all links.
    pub(crate) fn close_all(&mut self, now: Timestamp) {
        self.listeners.clear();
        for link in self.entries.names().collect::<Vec<_>>() {
            match self.entries.find(link) {
                None => {}
                Some(Entry::Link(_)) => self.close(link, CloseWhen::Flushed, now),
                Some(Entry::Dial(_)) => {
                    if let Some(dialing) = self.remove_dial(link) {
                        self.dial_failed(dialing.dial, DialError::Failed(ErrorKind::Interrupted));
                    }
                }
            }
        }
    }

    /// Ends all links that are still closing.
    pub(crate) fn end_all(&mut self) {
        for link in self.entries.names().collect::<Vec<_>>() {
            let Some(connection) = self.link(link) else {
                continue;
            };
            let why = match connection.phase {
                Phase::Draining(_) => LinkDown::Ended,
                Phase::Broken(kind, _) => LinkDown::Failed(kind),
                Phase::Live | Phase::Flushing(_) | Phase::Over => {
                    LinkDown::Failed(ErrorKind::TimedOut)
                }
            };
            self.end(link, why);
        }
    }

    /// Drops everything, and tells nobody.
    pub(crate) fn drop_all(&mut self) {
        self.listeners.clear();
        for link in self.entries.names().collect::<Vec<_>>() {
            if let Some(Entry::Link(connection)) = self.entries.remove(link) {
                self.links -= 1;
                self.stats.links_open.subtract(1);
                self.stats.bytes_waiting.subtract(connection.queue.len());
            }
        }
        self.pieces.clear();
        self.to_flush.clear();
        self.to_arm.clear();
        self.over.clear();
        self.dials_failed.clear();
        self.deadlines.clear();
    }

    // Listeners

    pub(crate) fn listen(
        &mut self,
        address: SocketAddr,
        id: ListenerId,
    ) -> Result<SocketAddr, ListenError> {
        let failed = |error| ListenError::new(address, error);
        let socket = listener::listen(address, self.config.backlog).map_err(failed)?;
        let real = socket.local_addr().map_err(failed)?;
        let key = self.listeners.len() as u64;
        let socket =
            Registration::new(&self.poller, socket, key, Interest::READ).map_err(failed)?;
        self.listeners.push(Listener::new(socket, id, real));
        log::debug!("listening on {real}");
        Ok(real)
    }

    pub(crate) fn accept(&mut self, index: usize, now: Timestamp) -> Accepted {
        let Some(listener) = self.listeners.get_mut(index) else {
            return Accepted::Nobody;
        };
        if self.links >= self.links_max {
            listener.state = ListenerState::Full;
            if !self.house_is_full {
                self.house_is_full = true;
                self.stats.house_full.add(1);
                log::warn!("{} links are open: no more until one closes", self.links);
            }
            return Accepted::Nobody;
        }
        let (stream, peer) = match listener.accept() {
            AcceptOutcome::Accepted(stream, peer) => (stream, peer),
            AcceptOutcome::Nobody => {
                listener.caught_up();
                return Accepted::Nobody;
            }
            AcceptOutcome::Gone(error) => {
                self.stats.accepts_failed.add(1);
                log::debug!("{}: somebody came and was gone: {error}", listener.address);
                return Accepted::Gone;
            }
            AcceptOutcome::Exhausted(error) => {
                self.pause(index, &error, now);
                return Accepted::Nobody;
            }
        };
        let origin = Origin::Accepted {
            listener: listener.id,
        };
        let tuned = listener::tune(&stream, self.config.peer_timeout);
        let local = match tuned.and_then(|()| stream.local_addr()) {
            Ok(local) => local,
            Err(error) => {
                self.stats.accepts_failed.add(1);
                log::debug!("{peer} came and was gone: {error}");
                return Accepted::Gone;
            }
        };
        let poller = Arc::clone(&self.poller);
        let bytes_max = self.config.send_queue_bytes_max;
        let inserted = self.insert_link(|link| {
            let socket = Registration::new(&poller, stream, link.as_u64(), Interest::READ)?;
            Ok(Connection::new(socket, peer, bytes_max))
        });
        match inserted {
            Ok(link) => {
                self.stats.links_accepted.add(1);
                log::debug!("{link} is up: accepted from {peer} on {local}");
                let ends = Ends { peer, local };
                Accepted::Up(LinkUp { link, origin, ends })
            }
            Err(error) => {
                self.stats.accepts_failed.add(1);
                self.pause(index, &error, now);
                Accepted::Nobody
            }
        }
    }

    /// Leaves a listener alone for a while.
    fn pause(&mut self, index: usize, error: &io::Error, now: Timestamp) {
        let listener = &mut self.listeners[index];
        let (pause, begins) = listener.next_pause();
        if begins {
            log::warn!("{} takes nobody for a while: {error}", listener.address);
        }
        listener.state = ListenerState::Paused;
        self.stats.accept_pauses.add(1);
        self.deadlines.insert((now + pause, index as u64));
    }

    /// Goes on with a listener after its pause.
    fn resume(&mut self, key: u64) {
        let index = usize::try_from(key).unwrap_or(usize::MAX);
        if let Some(listener) = self.listeners.get_mut(index)
            && listener.state == ListenerState::Paused
        {
            listener.state = ListenerState::Open;
            self.arm_listener(index);
        }
    }

    /// Goes on with the listeners that waited for a link to close.
    fn open_the_house(&mut self) {
        if !self.house_is_full {
            return;
        }
        self.house_is_full = self.links >= self.links_max - self.links_max / 8;
        for index in 0..self.listeners.len() {
            let listener = &mut self.listeners[index];
            if listener.state == ListenerState::Full {
                listener.state = ListenerState::Open;
                self.arm_listener(index);
            }
        }
    }

    /// Has a listener watched, if it is open.
    pub(crate) fn arm_listener(&mut self, index: usize) {
        let Some(listener) = self.listeners.get_mut(index) else {
            return;
        };
        if listener.state != ListenerState::Open {
            return;
        }
        if let Err(error) = listener.socket.arm(index as u64, Interest::READ) {
            log::error!("{} is not listened on any more: {error}", listener.address);
        }
    }

    // Dials

    pub(crate) fn dial(&mut self, dial: DialId, to: PeerAddress, now: Timestamp) {
        let mut dialing = Box::new(Dialing::new(dial, now + self.config.connect_timeout));
        if let Some(address) = dialer::literal(&to) {
            dialing.addresses = vec![address].into_iter();
            self.try_addresses(dialing, now);
            return;
        }
        let deadline = dialing.deadline;
        let Ok(link) = self
            .entries
            .insert(|_| Ok::<_, core::convert::Infallible>(Entry::Dial(dialing)));
        self.deadlines.insert((deadline, link.as_u64()));
        if let Err(why) = self.resolver.look_up(link, to) {
            self.remove_dial(link);
            self.dial_failed(dial, why);
        }
    }

    /// Goes on with the dials whose names have been looked up.
    pub(crate) fn take_answers(&mut self) {
        while let Some(answer) = self.resolver.answer() {
            // It may have taken too long.
            let Some(mut dialing) = self.remove_dial(answer.link) else {
                continue;
            };
            match answer.addresses {
                Ok(addresses) => {
                    dialing.addresses = addresses.into_iter();
                    self.try_addresses(dialing, self.clock.now());
                }
                Err(why) => self.dial_failed(dialing.dial, why),
            }
        }
    }

    /// Begins with the next address that can be begun with.
    fn try_addresses(&mut self, mut dialing: Box<Dialing>, now: Timestamp) {
        while let Some(peer) = dialing.addresses.next() {
            let deadline = now + dialing.share(now);
            let begun = self.entries.insert(|link| {
                let socket = dialer::connect(peer, self.config.peer_timeout).and_then(|stream| {
                    Registration::new(&self.poller, stream, link.as_u64(), Interest::WRITE)
                });
                match socket {
                    Ok(socket) => {
                        dialing.attempt = Some(Attempt {
                            socket,
                            peer,
                            deadline,
                        });
                        Ok(Entry::Dial(dialing))
                    }
                    Err(error) => Err((dialing, error)),
                }
            });
            match begun {
                Ok(link) => {
                    self.deadlines.insert((deadline, link.as_u64()));
                    return;
                }
                Err((back, error)) => {
                    log::debug!("cannot dial {peer}: {error}");
                    dialing = back;
                    dialing.why = DialError::Failed(error.kind());
                }
            }
        }
        self.dial_failed(dialing.dial, dialing.why);
    }

    /// Looks at a connecting socket that has fired. If it is connected, it is a
    /// link from now on, in the dial's place.
    pub(crate) fn dial_ready(&mut self, link: LinkId) -> Option<LinkUp> {
        let entry = self.entries.find(link)?;
        let Entry::Dial(dialing) = entry else {
            return None;
        };
        let mut attempt = dialing.attempt.take()?;
        let peer = attempt.peer;
        attempt.socket.fired();
        let local = match dialer::connect_outcome(attempt.socket.source()) {
            ConnectOutcome::Connected(local) => local,
            ConnectOutcome::Pending => {
                let armed = attempt.socket.arm(link.as_u64(), Interest::WRITE);
                dialing.attempt = Some(attempt);
                if let Err(error) = armed {
                    self.next_address(link, DialError::Failed(error.kind()));
                }
                return None;
            }
            ConnectOutcome::Failed(kind) => {
                log::debug!("cannot reach {peer}: {kind}");
                dialing.attempt = Some(attempt);
                self.next_address(link, DialError::Failed(kind));
                return None;
            }
        };
        let ends = Ends { peer, local };
        let dial = dialing.dial;
        let origin = Origin::Dialed { dial };
        let bytes_max = self.config.send_queue_bytes_max;
        *entry = Entry::Link(Connection::new(attempt.socket, peer, bytes_max));
        self.deadlines.remove(&(attempt.deadline, link.as_u64()));
        self.link_is_up();
        self.arm_later(link);
        self.stats.links_dialed.add(1);
        log::debug!("{link} is up: dialed {peer} from {local}");
        Some(LinkUp { link, origin, ends })
    }

    fn dial_expired(&mut self, link: LinkId, now: Timestamp) {
        let Some(Entry::Dial(dialing)) = self.entries.find(link) else {
            return;
        };
        if let Some(attempt) = &dialing.attempt {
            log::debug!("no answer from {}", attempt.peer);
        }
        if dialing.deadline <= now || dialing.addresses.len() == 0 {
            let dial = dialing.dial;
            self.entries.remove(link);
            self.dial_failed(dial, DialError::TimedOut);
        } else {
            self.next_address(link, DialError::TimedOut);
        }
    }

    fn next_address(&mut self, link: LinkId, why: DialError) {
        if let Some(mut dialing) = self.remove_dial(link) {
            dialing.attempt = None;
            dialing.why = why;
            self.try_addresses(dialing, self.clock.now());
        }
    }

    fn remove_dial(&mut self, link: LinkId) -> Option<Box<Dialing>> {
        let Some(Entry::Dial(_)) = self.entries.find(link) else {
            return None;
        };
        let Some(Entry::Dial(dialing)) = self.entries.remove(link) else {
            return None;
        };
        self.deadlines
            .remove(&(dialing.next_deadline(), link.as_u64()));
        Some(dialing)
    }

    fn dial_failed(&mut self, dial: DialId, why: DialError) {
        self.stats.dials_failed.add(1);
        self.dials_failed.push_back((dial, why));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn tries_one_address_after_the_other() {
        // Bound, and not listening: nobody else can listen there meanwhile.
        let refusing = |any: SocketAddr| {
            let socket = Socket::new(Domain::for_address(any), Type::STREAM, None).unwrap();
            socket.bind(&any.into()).unwrap();
            socket
        };
        let refused = [
            refusing((Ipv6Addr::LOCALHOST, 0).into()),
            refusing((Ipv4Addr::LOCALHOST, 0).into()),
        ];
        let mut addresses: Vec<_> = refused
            .iter()
            .map(|socket| socket.local_addr().unwrap().as_socket().unwrap())
            .collect();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let there = listener.local_addr().unwrap();
        let mut sockets = Sockets::new(DriverConfig::default()).unwrap();
        let now = sockets.clock.now();
        let mut dialing = Box::new(Dialing::new(
            DialId(1),
            now + sockets.config.connect_timeout,
        ));
        addresses.push(there);
        dialing.addresses = addresses.into_iter();
        sockets.try_addresses(dialing, now);
        let (mut events, mut ready) = (Events::new(), Ready::default());
        let up = loop {
            sockets.wait(&mut events, None).unwrap();
            sockets.sort(&events, &mut ready);
            let up = ready
                .dials
                .iter()
                .find_map(|&link| sockets.dial_ready(link));
            if let Some(up) = up {
                break up;
            }
        };
        assert_eq!(up.ends.peer, there);
        assert!(sockets.dials_failed.is_empty());
        assert!(sockets.deadlines.is_empty());
        assert_eq!((sockets.links, sockets.count()), (1, 1));
    }

    #[test]
    fn an_idle_link_is_small() {
        // Ten thousand of them are to be nothing to speak of.
        let size = size_of::<Entry>();
        assert!(size <= 176, "{size} bytes");
    }
}
