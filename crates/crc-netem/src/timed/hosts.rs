//! The hosts of a [`TimedNet`]: processes that start, freeze, stop and fail.

use std::io::ErrorKind;
use std::net::SocketAddr;

use crc_machine::{CloseWhen, LinkId, ListenerId, Timestamp};

use super::{Entry, LINGER_MAX, Step, TimedNet};
use crate::connection::{Phase, Side};
use crate::draw::Draw;
use crate::link_slots::LinkSlots;

/// What a host is like, in all its lives.
#[derive(Debug, Clone, Copy)]
pub struct HostOptions {
    /// Where it listens, and what it dials from.
    pub address: SocketAddr,
    /// Whether it accepts connections.
    pub listens: bool,
    /// For a host that takes each read for whole messages: how many bytes it reads at
    /// once. What arrives is not cut then, and a reset leaves it nothing to read.
    pub whole_reads: Option<usize>,
    /// Whether its connections have a wide window and a latency of 1 ms.
    pub steady: bool,
    /// Whether partitions concern it.
    pub partitioned: bool,
}

impl HostOptions {
    /// A host that listens at `address`.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        HostOptions {
            address,
            listens: true,
            whole_reads: None,
            steady: false,
            partitioned: true,
        }
    }
}

/// How a host ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The process ends, and the kernel closes its sockets.
    Process,
    /// The computer is gone, and its peers get no error.
    Computer,
}

/// A host: a process that may start more than once.
#[derive(Debug)]
pub struct Host {
    pub(super) options: HostOptions,
    pub(super) life: u32,
    alive: bool,
    /// When it ends at the latest. It accepts and dials no more until then.
    pub(super) stop_by: Option<Timestamp>,
    pub(super) frozen_until: Timestamp,
    started_at: Timestamp,
    /// When the calendar wakes it.
    wake_at: Option<Timestamp>,
    /// Its connections, coming ones included.
    pub(super) ends: Vec<(usize, Side)>,
    pub(super) links: LinkSlots,
    pub(super) dials: u64,
}

impl Host {
    /// How often it has started.
    #[must_use]
    pub const fn life(&self) -> u32 {
        self.life
    }

    /// Whether its process runs.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        self.alive
    }

    /// Whether its machine has stopped, and only its links are still to be closed.
    #[must_use]
    pub const fn is_stopping(&self) -> bool {
        self.stop_by.is_some()
    }

    /// Until when its process stands still.
    #[must_use]
    pub const fn frozen_until(&self) -> Timestamp {
        self.frozen_until
    }

    /// Its ends of connections, coming ones included, in the order of their coming.
    #[must_use]
    pub fn ends(&self) -> &[(usize, Side)] {
        &self.ends
    }

    /// Its links.
    #[must_use]
    pub const fn links(&self) -> &LinkSlots {
        &self.links
    }

    /// Whether it accepts connections now.
    #[must_use]
    pub const fn accepts(&self) -> bool {
        self.alive && self.stop_by.is_none() && self.options.listens
    }

    pub(super) fn forget(&mut self, connection: usize, side: Side) {
        self.ends.retain(|end| *end != (connection, side));
    }

    /// A time on its own clock, which begins with each life, as the network has it.
    fn in_network(&self, time: Timestamp) -> Timestamp {
        self.started_at + time.since(Timestamp::START)
    }
}

impl<E: Copy> TimedNet<E> {
    /// Adds a host, which is yet to be started.
    pub fn add_host(&mut self, options: HostOptions) -> usize {
        let host = self.hosts.len();
        self.listen(host, options.address, ListenerId(0));
        self.hosts.push(Host {
            options,
            life: 0,
            alive: false,
            stop_by: None,
            frozen_until: Timestamp::START,
            started_at: Timestamp::START,
            wake_at: None,
            ends: Vec::new(),
            links: LinkSlots::default(),
            dials: 0,
        });
        host
    }

    /// Lets a host accept connections at one more address, with another listener than
    /// the first, which is `ListenerId(0)`.
    pub fn listen(&mut self, host: usize, address: SocketAddr, listener: ListenerId) {
        self.addresses.insert(address, (host, listener));
    }

    /// A host.
    #[must_use]
    pub fn host(&self, host: usize) -> &Host {
        &self.hosts[host]
    }

    /// The time on the host's own clock, which begins with each of its lives.
    #[must_use]
    pub fn clock(&self, host: usize) -> Timestamp {
        self.clock_at(host, self.now)
    }

    /// A time of the network on the host's own clock.
    #[must_use]
    pub fn clock_at(&self, host: usize, time: Timestamp) -> Timestamp {
        Timestamp::START + time.since(self.hosts[host].started_at)
    }

    /// Whether a time on the host's own clock has come.
    #[must_use]
    pub fn has_come(&self, host: usize, time: Timestamp) -> bool {
        self.hosts[host].in_network(time) <= self.now
    }

    /// Starts the process of a host, and returns which of its lives this is.
    pub fn start(&mut self, host: usize) -> u32 {
        let it = &mut self.hosts[host];
        it.life += 1;
        it.alive = true;
        it.stop_by = None;
        it.frozen_until = Timestamp::START;
        it.started_at = self.now;
        it.wake_at = None;
        it.life
    }

    /// Ends a host: what it has not written is lost, and its peers learn of its end as
    /// TCP lets them.
    pub fn fail(&mut self, host: usize, failure: Failure) {
        let it = &mut self.hosts[host];
        if !it.alive {
            return;
        }
        it.alive = false;
        it.links.clear();
        for (connection, side) in core::mem::take(&mut it.ends) {
            let it = &mut self.connections[connection];
            it.take_queue(side);
            let written = it.streams[side].sent;
            self.lose(connection, side, written, u64::MAX);
            match failure {
                Failure::Process => self.close_socket(connection, side),
                Failure::Computer => {
                    self.connections[connection].ends[side].phase = Phase::Gone;
                    self.black_hole(connection);
                    let after = self.paths[connection].random.millis(200, 33_000);
                    self.reset_after(connection, 1 - side, after, ErrorKind::TimedOut);
                }
            }
        }
    }

    /// The machine of a host has stopped: its links are closed, and then its process
    /// ends, see [`Step::Stopped`].
    pub fn stop(&mut self, host: usize) {
        if self.hosts[host].stop_by.is_some() {
            return;
        }
        let until = self.now + LINGER_MAX;
        self.hosts[host].stop_by = Some(until);
        let links: Vec<LinkId> = self.hosts[host].links.iter().collect();
        for link in links {
            self.close(host, link, CloseWhen::Flushed);
        }
        let until = if self.hosts[host].ends.is_empty() {
            self.now
        } else {
            until
        };
        let life = self.hosts[host].life;
        self.calendar.enter(until, Entry::Stopped { host, life });
    }

    /// Lets a stopping host end now, if it has no links left. To be called after each
    /// `LinkDown` that its machine has handled.
    pub fn finish_stop(&mut self, host: usize) {
        let it = &self.hosts[host];
        if it.stop_by.is_some() && it.ends.is_empty() {
            let life = it.life;
            self.calendar.enter(self.now, Entry::Stopped { host, life });
        }
    }

    /// Freezes a process until `until`, unless it is frozen for longer.
    pub fn freeze(&mut self, host: usize, until: Timestamp) {
        let it = &mut self.hosts[host];
        it.frozen_until = it.frozen_until.max(until);
    }

    /// Resumes a frozen process.
    pub fn thaw(&mut self, host: usize) {
        self.hosts[host].frozen_until = self.now;
    }

    /// Wakes a host at the deadline of its machine, which is a time on its own clock. To
    /// be called after each event that the machine has handled.
    pub fn wake_at(&mut self, host: usize, deadline: Option<Timestamp>) {
        let Some(deadline) = deadline else { return };
        let it = &mut self.hosts[host];
        let when = it.in_network(deadline).max(self.now);
        if it.wake_at.is_none_or(|wake_at| when < wake_at) {
            it.wake_at = Some(when);
            let life = it.life;
            self.calendar.enter(when, Entry::Wake { host, life });
        }
    }

    pub(super) fn wake(&mut self, host: usize, life: u32) -> Option<Step<E>> {
        if !self.is_there(host, life) || self.hosts[host].wake_at != Some(self.now) {
            return None;
        }
        let frozen_until = self.hosts[host].frozen_until;
        if frozen_until > self.now {
            self.hosts[host].wake_at = Some(frozen_until);
            self.calendar
                .enter(frozen_until, Entry::Wake { host, life });
            return None;
        }
        self.hosts[host].wake_at = None;
        Some(Step::Wake { host })
    }

    pub(super) fn is_there(&self, host: usize, life: u32) -> bool {
        self.hosts[host].alive && self.hosts[host].life == life
    }

    /// Delays an entry while its host is frozen.
    pub(super) fn is_put_off(&mut self, host: usize, entry: Entry<E>) -> bool {
        let until = self.hosts[host].frozen_until;
        let frozen = until > self.now;
        if frozen {
            self.calendar.enter(until, entry);
        }
        frozen
    }
}
