//! All sockets of a driver, and what they are watched for. What becomes of them
//! stands in the modules below. Knows no machine: what a machine is to be told
//! is left in lists for the driver to tell.

mod accepting;
mod dialing;
mod links;

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use crc_machine::{CloseWhen, DialError, DialId, Endpoints, LinkDown, LinkId, Origin, Timestamp};

pub(crate) use accepting::Accepted;

use crate::clock::Clock;
use crate::config::DriverConfig;
use crate::connection::{Connection, Phase};
use crate::descriptors;
use crate::dialer::{Dialing, Resolver};
use crate::error::DriverError;
use crate::listener::Listener;
use crate::read_buffer::ReadBuffer;
use crate::selector::{Events, Selector};
use crate::send_lists::SendLists;
use crate::stats::Stats;
use crate::table::Table;

/// The key of the signals' descriptor. Keys below are those of the listeners;
/// all others are links'.
pub(crate) const SIGNALS_KEY: u64 = u32::MAX as u64;

/// The listeners, links and dials of one driver.
pub(crate) struct Sockets {
    pub(crate) config: DriverConfig,
    pub(crate) clock: Clock,
    pub(crate) selector: Arc<Selector>,
    pub(crate) stats: Arc<Stats>,
    /// Links that are over, in order; the machine has not been told yet.
    pub(crate) over: VecDeque<(LinkId, LinkDown)>,
    /// Dials that came to nothing; the machine has not been told yet.
    pub(crate) dials_failed: VecDeque<(DialId, DialError)>,
    entries: Table<Entry>,
    /// How many of the entries are links, without those that are counted apart.
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
    /// What is read, and stays there until what is sent of it has been written.
    pub(crate) input: ReadBuffer,
    /// What this turn has to send.
    pieces: SendLists,
    /// The links that are to be written to, each once.
    to_flush: Vec<LinkId>,
    /// The links that have something to be told that is not urgent, each once.
    news: Vec<LinkId>,
    /// When they are told at the earliest.
    news_at: Timestamp,
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
    pub(crate) endpoints: Endpoints,
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
        let selector = Arc::new(Selector::new().map_err(DriverError::Selector)?);
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
            resolver: Resolver::new(&selector),
            input: ReadBuffer::new(config.read_buffer_bytes),
            pieces: SendLists::default(),
            to_flush: Vec::new(),
            news: Vec::new(),
            news_at: Timestamp::START,
            to_arm: Vec::new(),
            selector,
            config,
        })
    }

    // Waiting

    /// Waits until a socket is ready, somebody wakes us, a deadline of ours
    /// passes, or `until`.
    pub(crate) fn wait(&self, events: &mut Events, until: Option<Timestamp>) -> io::Result<()> {
        let ours = self.deadlines.first().map(|&(deadline, _)| deadline);
        let news = (!self.news.is_empty()).then_some(self.news_at);
        let deadline = [ours, news, until].into_iter().flatten().min();
        let timeout = deadline.map(|deadline| match deadline {
            Timestamp::START => Duration::ZERO,
            _ => deadline.since(self.clock.now()),
        });
        self.selector.wait(events, timeout)?;
        self.stats.turns.add(1);
        Ok(())
    }

    /// Sorts events into `ready`, and notes which links can be written to.
    pub(crate) fn sort(&mut self, events: &Events, ready: &mut Ready) {
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
            if let Err(error) = connection.socket.arm_link(link.as_u64(), interest) {
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

    /// Endpoints all links that are still closing.
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
                self.link_is_gone(connection.counted_by);
                self.stats.queue_bytes.subtract(connection.queue.len());
            }
        }
        self.pieces.clear();
        self.input.clear();
        self.to_flush.clear();
        self.to_arm.clear();
        self.over.clear();
        self.dials_failed.clear();
        self.deadlines.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_link_is_small() {
        // Ten thousand of them are to be nothing to speak of.
        let size = size_of::<Entry>();
        assert!(size <= 176, "{size} bytes");
    }
}
