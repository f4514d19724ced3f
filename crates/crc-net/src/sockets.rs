//! All sockets of a driver, and what the selector watches them for. The modules below handle
//! listeners, dials and links.
//!
//! This module knows no machine. It leaves events for the machine in lists, and the driver delivers
//! them.

mod accept;
mod dial;
mod handshake;
mod links;
mod proxy;

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use crc_machine::{
    CloseWhen, DialError, DialId, Endpoints, LinkDown, LinkId, Origin, QueueReport, Security,
    Timestamp,
};

use self::handshake::Handshake;
use crate::clock::Clock;
use crate::config::DriverConfig;
use crate::connection::{Connection, Phase};
use crate::descriptors;
use crate::dialer::{Dialing, Resolver};
use crate::error::DriverError;
use crate::listener::Listener;
use crate::places::Places;
use crate::read_buffer::ReadBuffer;
use crate::selector::{Events, Selector};
use crate::send_lists::SendLists;
use crate::slots::Slots;
use crate::stats::Stats;
use crate::tls::TlsClient;

/// The key of the signal socket. Keys below it are listeners' indices, keys above it are link ids.
pub(crate) const SIGNALS_KEY: u64 = u32::MAX as u64;

/// The listeners, links and dials of one driver.
pub(crate) struct Sockets {
    pub(crate) config: DriverConfig,
    pub(crate) clock: Clock,
    pub(crate) selector: Arc<Selector>,
    pub(crate) stats: Arc<Stats>,
    /// Links that are down and of which the machine is not notified yet, in order.
    pub(crate) links_down: VecDeque<(LinkId, LinkDown)>,
    /// Dials that failed and of which the machine is not notified yet, in order.
    pub(crate) dials_failed: VecDeque<(DialId, DialError)>,
    entries: Slots<Entry>,
    /// The number of links that count towards the connection limit.
    links: usize,
    /// The connection limit.
    links_max: usize,
    /// How many links the descriptor limit permits.
    descriptors: usize,
    /// Whether the connection limit was reached and logged. It is reset when an eighth of the links
    /// has closed.
    link_limit_reached: bool,
    listeners: Vec<Listener>,
    /// Whether the run is ending.
    stopping: bool,
    /// The links of each address.
    places: Places,
    /// The deadline of each socket that has one, with the socket's key.
    deadlines: BTreeSet<(Timestamp, u64)>,
    resolver: Resolver,
    /// The buffer of all reads. Received bytes that are sent on stay in it until they are written.
    pub(crate) read_buffer: ReadBuffer,
    /// Reports about watched queues, for the machine.
    pub(crate) reports: VecDeque<(LinkId, QueueReport)>,
    /// Links whose peers' addresses may have no more links, and of which the machine is not
    /// notified yet, in order.
    pub(crate) crowded: VecDeque<LinkId>,
    /// This turn's sends.
    send_lists: SendLists,
    /// The links to write to, each once.
    to_flush: Vec<LinkId>,
    /// The links with deferred sends, each once.
    deferred: Vec<LinkId>,
    /// The earliest time to write deferred sends.
    deferred_until: Timestamp,
    /// The links to arm in the selector, each once.
    to_arm: Vec<LinkId>,
    /// Whom dials by TLS trust.
    pub(crate) tls_client: TlsClient,
    /// What the sockets of TLS connections give, one read at a time. Empty without such connections.
    tls_scratch: Vec<u8>,
    /// TLS connections with plaintext that was decrypted and not read.
    with_plaintext: Vec<LinkId>,
    /// The handshakes that peers have begun, oldest first, and some that have ended.
    handshakes: VecDeque<LinkId>,
    /// The headers of proxies that have not come, oldest first, and some that have.
    headers: VecDeque<LinkId>,
}

enum Entry {
    Link(Connection),
    Dial(Box<Dialing>),
    Handshake(Box<Handshake>),
}

/// A link that came up.
pub(crate) struct LinkUp {
    pub(crate) link: LinkId,
    pub(crate) origin: Origin,
    pub(crate) endpoints: Endpoints,
    pub(crate) security: Option<Box<Security>>,
}

/// The result of accepting one link.
pub(crate) enum Accepted {
    Up(LinkUp),
    /// The header of a proxy comes first, or the TLS handshake.
    Handshake,
    /// The connection failed while it was accepted, or it was refused and is closed.
    Failed,
    /// The backlog is empty, or the listener cannot accept at the moment.
    None,
}

/// The sockets that one wait reported, in the order in which the driver handles them.
#[derive(Debug, Default)]
pub(crate) struct ReadySockets {
    pub(crate) signals: bool,
    /// Readable links that have sent bytes before.
    pub(crate) established: Vec<LinkId>,
    /// Readable links that have not: their first bytes may be a registration.
    pub(crate) new: Vec<LinkId>,
    pub(crate) dials: Vec<LinkId>,
    pub(crate) handshakes: Vec<LinkId>,
    pub(crate) listeners: Vec<usize>,
}

impl ReadySockets {
    fn clear(&mut self) {
        self.signals = false;
        self.established.clear();
        self.new.clear();
        self.dials.clear();
        self.handshakes.clear();
        self.listeners.clear();
    }
}

impl Sockets {
    pub(crate) fn new(mut config: DriverConfig) -> Result<Self, DriverError> {
        let selector = Arc::new(Selector::new().map_err(DriverError::Selector)?);
        let limit = descriptors::raise_descriptor_limit();
        let descriptors = limit.saturating_sub(config.descriptors_reserve);
        let links_max = descriptors.min(config.links_max).max(1);
        config.reserved_links = config.reserved_links.min(links_max - 1);
        log::debug!("driver: limits: descriptors={limit} links={links_max}");
        let stats = Stats::default();
        stats.links_max.set(links_max);
        Ok(Sockets {
            clock: Clock::new(),
            stats: Arc::new(stats),
            links_down: VecDeque::new(),
            dials_failed: VecDeque::new(),
            entries: Slots::new(),
            links: 0,
            links_max,
            descriptors,
            link_limit_reached: false,
            listeners: Vec::new(),
            stopping: false,
            places: Places::default(),
            deadlines: BTreeSet::new(),
            resolver: Resolver::new(&selector),
            read_buffer: ReadBuffer::new(config.read_buffer_bytes),
            reports: VecDeque::new(),
            crowded: VecDeque::new(),
            send_lists: SendLists::default(),
            to_flush: Vec::new(),
            deferred: Vec::new(),
            deferred_until: Timestamp::START,
            to_arm: Vec::new(),
            tls_client: TlsClient::default(),
            tls_scratch: Vec::new(),
            with_plaintext: Vec::new(),
            handshakes: VecDeque::new(),
            headers: VecDeque::new(),
            selector,
            config,
        })
    }

    // Waiting

    /// Waits until a socket is ready, another thread wakes the selector, a socket's deadline
    /// passes, or `until`.
    pub(crate) fn wait(&self, events: &mut Events, until: Option<Timestamp>) -> io::Result<()> {
        let sockets = self.deadlines.first().map(|&(deadline, _)| deadline);
        let deferred = (!self.deferred.is_empty()).then_some(self.deferred_until);
        let plaintext = (!self.with_plaintext.is_empty()).then_some(Timestamp::START);
        let deadline = [sockets, deferred, until, plaintext];
        let deadline = deadline.into_iter().flatten().min();
        let timeout = deadline.map(|deadline| match deadline {
            Timestamp::START => Duration::ZERO,
            _ => deadline.since(self.clock.now()),
        });
        self.selector.wait(events, timeout)?;
        self.stats.turns.add(1);
        Ok(())
    }

    /// Sorts `events` into `ready`, and notes which links are writable.
    pub(crate) fn sort_events(&mut self, events: &Events, ready: &mut ReadySockets) {
        ready.clear();
        for event in events.iter() {
            let key = event.key;
            if key == SIGNALS_KEY {
                ready.signals = true;
                continue;
            }
            if key < SIGNALS_KEY {
                let index = usize::try_from(key).unwrap_or(usize::MAX);
                if let Some(listener) = self.listeners.get_mut(index) {
                    listener.socket.mark_fired();
                    ready.listeners.push(index);
                }
                continue;
            }
            let link = LinkId::from_u64(key);
            match self.entries.find(link) {
                // The link closed after the selector reported it.
                None => {}
                Some(Entry::Dial(_)) => ready.dials.push(link),
                Some(Entry::Handshake(handshake)) => {
                    handshake.socket.mark_fired();
                    ready.handshakes.push(link);
                }
                Some(Entry::Link(connection)) => {
                    connection.socket.mark_fired();
                    if event.readable && !connection.peer_closed {
                        if connection.has_received {
                            ready.established.push(link);
                        } else {
                            ready.new.push(link);
                        }
                    }
                    if event.writable {
                        connection.mark_writable();
                        self.flush_later(link);
                    }
                    self.arm_later(link);
                }
            }
        }
        if !self.with_plaintext.is_empty() {
            self.sort_plaintext(ready);
        }
    }

    /// Adds the TLS connections that have decrypted bytes and whose sockets are not ready.
    fn sort_plaintext(&mut self, ready: &mut ReadySockets) {
        for link in core::mem::take(&mut self.with_plaintext) {
            let is_waiting = self
                .link(link)
                .is_some_and(|it| it.has_plaintext() && !it.is_paused());
            if is_waiting && !ready.established.contains(&link) && !ready.new.contains(&link) {
                ready.established.push(link);
            }
        }
    }

    /// Notes a TLS connection that has decrypted bytes, for the next turn.
    pub(crate) fn read_plaintext_later(&mut self, link: LinkId) {
        let has_plaintext = self
            .link(link)
            .is_some_and(|it| it.has_plaintext() && it.is_up() && !it.is_paused());
        if has_plaintext && !self.with_plaintext.contains(&link) {
            self.with_plaintext.push(link);
        }
    }

    /// Arms the sockets of all links in `to_arm`. No other function arms a link's socket.
    pub(crate) fn arm_links(&mut self) {
        for index in 0..self.to_arm.len() {
            let link = self.to_arm[index];
            let Some(connection) = self.link(link) else {
                continue;
            };
            connection.in_to_arm = false;
            let interest = connection.interest();
            if let Err(error) = connection.socket.arm(link.as_u64(), interest) {
                self.mark_down(link, LinkDown::Failed(error.kind()));
            }
        }
        self.to_arm.clear();
    }

    pub(crate) fn arm_later(&mut self, link: LinkId) {
        if let Some(Entry::Link(connection)) = self.entries.find(link)
            && !connection.in_to_arm
        {
            connection.in_to_arm = true;
            self.to_arm.push(link);
        }
    }

    pub(crate) fn flush_later(&mut self, link: LinkId) {
        if let Some(Entry::Link(connection)) = self.entries.find(link)
            && !connection.in_to_flush
        {
            connection.in_to_flush = true;
            self.to_flush.push(link);
        }
    }

    // Deadlines

    /// Handles all deadlines that have passed.
    pub(crate) fn handle_deadlines(&mut self, now: Timestamp) {
        while let Some(&(deadline, key)) = self.deadlines.first()
            && deadline <= now
        {
            self.deadlines.pop_first();
            if key < SIGNALS_KEY {
                self.resume_paused_listener(key);
                continue;
            }
            let link = LinkId::from_u64(key);
            match self.entries.find(link) {
                None => {}
                Some(Entry::Dial(_)) => self.on_dial_timeout(link, now),
                Some(Entry::Handshake(_)) => self.on_handshake_timeout(link),
                Some(Entry::Link(connection)) => match connection.phase {
                    Phase::Live | Phase::Closed => {}
                    Phase::Broken(kind, _) => self.mark_down(link, LinkDown::Failed(kind)),
                    Phase::Flushing(_) => {
                        self.mark_down(link, LinkDown::Failed(ErrorKind::TimedOut));
                    }
                    Phase::Draining(_) => self.mark_down(link, LinkDown::Ended),
                },
            }
        }
    }

    // Shutdown

    /// Closes all listeners, aborts all dials, and closes all links gracefully.
    pub(crate) fn close_all(&mut self, now: Timestamp) {
        self.listeners.clear();
        self.stopping = true;
        for link in self.entries.ids().collect::<Vec<_>>() {
            match self.entries.find(link) {
                None => {}
                Some(Entry::Link(connection)) if matches!(connection.phase, Phase::Draining(_)) => {
                    self.start_draining(link, now);
                }
                Some(Entry::Link(_)) => self.close(link, CloseWhen::Flushed, now),
                Some(Entry::Handshake(_)) => self.abort_handshake(link),
                Some(Entry::Dial(_)) => {
                    if let Some(dialing) = self.remove_dial(link) {
                        self.on_dial_failed(
                            dialing.dial,
                            DialError::Failed(ErrorKind::Interrupted),
                        );
                    }
                }
            }
        }
    }

    /// Closes all links immediately, at the end of a graceful shutdown.
    pub(crate) fn abort_all(&mut self) {
        for link in self.entries.ids().collect::<Vec<_>>() {
            let Some(connection) = self.link(link) else {
                continue;
            };
            let why = match connection.phase {
                Phase::Draining(_) => LinkDown::Ended,
                Phase::Broken(kind, _) => LinkDown::Failed(kind),
                Phase::Live | Phase::Flushing(_) | Phase::Closed => {
                    LinkDown::Failed(ErrorKind::TimedOut)
                }
            };
            self.mark_down(link, why);
        }
    }

    /// Drops all sockets without notifying the machine.
    pub(crate) fn drop_all(&mut self) {
        self.listeners.clear();
        for link in self.entries.ids().collect::<Vec<_>>() {
            match self.entries.remove(link) {
                Some(Entry::Link(connection)) => {
                    self.uncount_link(&connection);
                    self.stats.queue_bytes.subtract(connection.queue.len());
                }
                Some(Entry::Handshake(handshake)) => self.uncount_handshake(&handshake),
                Some(Entry::Dial(_)) | None => {}
            }
        }
        self.stats.forget_watched_queues();
        self.send_lists.clear();
        self.read_buffer.clear();
        self.to_flush.clear();
        self.to_arm.clear();
        self.links_down.clear();
        self.reports.clear();
        self.crowded.clear();
        self.dials_failed.clear();
        self.deadlines.clear();
        self.with_plaintext.clear();
        self.handshakes.clear();
        self.headers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_link_is_small() {
        // A server may hold ten thousand idle links.
        let size = size_of::<Entry>();
        assert!(size <= 176, "{size} bytes");
    }
}
