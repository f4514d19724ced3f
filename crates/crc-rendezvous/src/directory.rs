//! The directory: keeps the list of the connected peers, in the order in which they
//! joined, and sends it to all of them.
//!
//! The directory decides which peers are on the list, when the list is sent, and when
//! the teardown comes. It never sees the messages between peers.

mod api;
mod budget;

use core::num::NonZeroUsize;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use crc_machine::{
    CloseWhen, Event, LinkDown, LinkId, LinkTable, Machine, Outbox, Timers, Timestamp,
};

use crate::codec::{MESSAGE_TIMEOUT, RegistrationDecoder, write_list, write_teardown};

pub use api::{DirectoryCommand, DirectoryNotice, LeaveReason, Refusal};
use budget::Budget;

/// The delay of the list after a peer has left, unless another peer joins before. A peer
/// that reconnects at once costs one list, and so do many peers that leave together.
const UPDATE_DELAY: Duration = Duration::from_millis(100);

/// The delay of the teardown after the last list, so that the last peer is connected with
/// the others before all of them stop. A v1 peer also takes two messages that arrive
/// together for one.
const TEARDOWN_DELAY: Duration = Duration::from_secs(1);

/// The configuration of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectoryConfig {
    /// The number of peers after which the teardown comes; `None` for never.
    pub max_peers: Option<NonZeroUsize>,
    /// Whether a peer may register any address. Otherwise the host of the address must
    /// be the one that the connection comes from.
    pub trust_addresses: bool,
    /// The limits.
    pub limits: DirectoryLimits,
}

/// The limits of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectoryLimits {
    /// The most peers on the list; further ones are refused. 1024.
    pub peers_max: usize,
    /// The most bytes before the registration is complete. 256.
    pub registration_bytes_max: usize,
    /// The longest wait for a registration. 10 s.
    pub registration_time_max: Duration,
    /// The most bytes that may wait for a peer that reads slowly. 1 MiB.
    pub queue_bytes_max: usize,
    /// The most bytes of lists per second, to all peers together. Beyond that, several
    /// changes share a list. 16 MiB.
    pub update_bytes_per_second: usize,
}

impl Default for DirectoryLimits {
    fn default() -> Self {
        DirectoryLimits {
            peers_max: 1024,
            registration_bytes_max: 256,
            registration_time_max: Duration::from_secs(10),
            queue_bytes_max: 1024 * 1024,
            update_bytes_per_second: 16 * 1024 * 1024,
        }
    }
}

/// A directory of peers. See the module's comment.
///
/// ```
/// use crc_machine::{Endpoints, Event, LinkId, ListenerId, Machine, Origin, Outbox, Timestamp};
/// use crc_rendezvous::{Directory, DirectoryConfig};
///
/// let mut directory = Directory::new(DirectoryConfig::default());
/// let mut out = Outbox::new();
/// let link = LinkId::new(0, 0);
/// let origin = Origin::Accepted { listener: ListenerId(0) };
/// let endpoints = Endpoints { peer: "127.0.0.1:50000".parse()?, local: "127.0.0.1:33400".parse()? };
/// let now = Timestamp::START;
/// directory.handle(now, Event::LinkUp { link, origin, endpoints, security: None }, &mut out);
/// directory.handle(now, Event::Bytes { link, bytes: b"127.0.0.1:9000\n" }, &mut out);
/// assert_eq!(directory.peers().collect::<Vec<_>>(), ["127.0.0.1:9000".parse()?]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub struct Directory {
    config: DirectoryConfig,
    connections: LinkTable<Connection>,
    /// The peers that have registered, in that order.
    list: Vec<(LinkId, SocketAddr)>,
    /// The link of each registered address.
    by_address: BTreeMap<SocketAddr, LinkId>,
    timers: Timers<Timer>,
    budget: Budget,
    phase: Phase,
}

/// A connection.
#[derive(Debug)]
struct Connection {
    /// The address of the other end.
    source: SocketAddr,
    decoder: RegistrationDecoder,
    /// The number of bytes before the registration was complete.
    registration_bytes: usize,
    registered: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The registration of a connection is overdue.
    Registration(LinkId),
    /// No more bytes have arrived on a connection for a while.
    Pause(LinkId),
    /// The list is to be sent.
    Update,
    Teardown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The maximum of peers is connected, and the teardown follows.
    Full,
    Done,
}

type Out = Outbox<DirectoryNotice>;

impl Directory {
    /// A directory without peers.
    #[must_use]
    pub fn new(config: DirectoryConfig) -> Self {
        Directory {
            budget: Budget::new(config.limits.update_bytes_per_second),
            config,
            connections: LinkTable::default(),
            list: Vec::new(),
            by_address: BTreeMap::new(),
            timers: Timers::new(),
            phase: Phase::Open,
        }
    }

    /// The connected peers, in the order in which they joined.
    pub fn peers(&self) -> impl Iterator<Item = SocketAddr> {
        self.list.iter().map(|&(_, address)| address)
    }

    fn handle_bytes(&mut self, now: Timestamp, link: LinkId, bytes: &[u8], out: &mut Out) {
        let Some(connection) = self.connections.find_mut(link) else {
            return;
        };
        if connection.registered.is_none() {
            connection.registration_bytes += bytes.len();
            let max = self.config.limits.registration_bytes_max;
            if connection.registration_bytes > max {
                self.refuse(now, link, Refusal::TooManyBytes { max }, out);
                return;
            }
        }
        let decoded = connection.decoder.push(bytes);
        if connection.decoder.needs_pause() {
            self.timers.set(Timer::Pause(link), now + MESSAGE_TIMEOUT);
        } else {
            self.timers.cancel(Timer::Pause(link));
        }
        match decoded {
            Ok(Some(address)) => self.register(now, link, address, out),
            Ok(None) => {}
            Err(error) => self.refuse(now, link, Refusal::Codec(error), out),
        }
    }

    /// Adds a peer to the list, or corrects its address in place.
    fn register(&mut self, now: Timestamp, link: LinkId, address: SocketAddr, out: &mut Out) {
        if self.phase != Phase::Open {
            return;
        }
        let Some(connection) = self.connections.find(link) else {
            return;
        };
        let (source, before) = (connection.source, connection.registered);
        if let Some(why) = self.refusal(address, source, before) {
            self.refuse(now, link, why, out);
            return;
        }
        if let Some(connection) = self.connections.find_mut(link) {
            connection.registered = Some(address);
        }
        self.timers.cancel(Timer::Registration(link));
        self.by_address.insert(address, link);
        if let Some(before) = before {
            self.by_address.remove(&before);
            for place in &mut self.list {
                if place.0 == link {
                    place.1 = address;
                }
            }
        } else {
            self.list.push((link, address));
        }
        let peers = self.list.len();
        out.notice(DirectoryNotice::Joined {
            address,
            previous: before,
            peers,
        });
        if self.config.max_peers.is_some_and(|max| peers >= max.get()) {
            self.phase = Phase::Full;
            self.send_list(out);
            self.timers.cancel(Timer::Update);
            self.timers.set(Timer::Teardown, now + TEARDOWN_DELAY);
        } else {
            self.update(now, out);
        }
    }

    /// Why an address is refused; `None` when it is admitted. `before` is the address
    /// that it corrects.
    fn refusal(
        &self,
        address: SocketAddr,
        source: SocketAddr,
        before: Option<SocketAddr>,
    ) -> Option<Refusal> {
        let host = address.ip();
        let max = self.config.limits.peers_max;
        if host.is_unspecified() || host.is_multicast() {
            Some(Refusal::UnreachableAddress(address))
        } else if !self.config.trust_addresses && host != source.ip().to_canonical() {
            Some(Refusal::ForeignAddress(address))
        } else if self.by_address.contains_key(&address) {
            Some(Refusal::AddressInUse(address))
        } else if before.is_none() && self.list.len() >= max {
            Some(Refusal::Full { max })
        } else {
            None
        }
    }

    /// Sends the list to all peers, as soon as the budget allows.
    fn update(&mut self, now: Timestamp, out: &mut Out) {
        match self.budget.free_at(now) {
            Some(later) => self.timers.set(Timer::Update, later),
            None => {
                self.timers.cancel(Timer::Update);
                let bytes = self.send_list(out);
                self.budget.spend(now, bytes);
            }
        }
    }

    /// Sends the list to all peers; returns the number of bytes.
    fn send_list(&mut self, out: &mut Out) -> usize {
        let list = out.store(|arena| write_list(self.peers(), arena));
        for &(link, _) in &self.list {
            out.send_stored(link, list);
        }
        list.len() * self.list.len()
    }

    fn refuse(&mut self, now: Timestamp, link: LinkId, why: Refusal, out: &mut Out) {
        let Some(connection) = self.connections.find(link) else {
            return;
        };
        out.notice(DirectoryNotice::Refused {
            source: connection.source,
            why,
        });
        out.close(link, CloseWhen::Flushed);
        self.remove(now, link, LeaveReason::Refused(why), out);
    }

    /// Removes a connection, and its peer from the list.
    fn remove(&mut self, now: Timestamp, link: LinkId, why: LeaveReason, out: &mut Out) {
        let Some(connection) = self.connections.remove(link) else {
            return;
        };
        self.timers.cancel(Timer::Registration(link));
        self.timers.cancel(Timer::Pause(link));
        let Some(address) = connection.registered else {
            return;
        };
        self.by_address.remove(&address);
        self.list.retain(|&(other, _)| other != link);
        out.notice(DirectoryNotice::Left {
            address,
            why,
            peers: self.list.len(),
        });
        if self.phase == Phase::Open && !self.timers.is_set(Timer::Update) {
            self.timers.set(Timer::Update, now + UPDATE_DELAY);
        }
    }

    fn tear_down(&mut self, out: &mut Out) {
        if self.phase == Phase::Done {
            return;
        }
        self.phase = Phase::Done;
        let teardown = out.store(write_teardown);
        for &(link, _) in &self.list {
            out.send_stored(link, teardown);
        }
        self.timers = Timers::new();
        out.notice(DirectoryNotice::Teardown);
        out.stop();
    }

    fn handle_tick(&mut self, now: Timestamp, out: &mut Out) {
        while let Some(due) = self.timers.pop_due(now) {
            match due {
                Timer::Registration(link) => {
                    let within = self.config.limits.registration_time_max;
                    self.refuse(now, link, Refusal::RegistrationTimeout { within }, out);
                }
                Timer::Pause(link) => {
                    let connection = self.connections.find_mut(link);
                    if let Some(address) =
                        connection.and_then(|connection| connection.decoder.pause())
                    {
                        self.register(now, link, address, out);
                    }
                }
                Timer::Update => self.update(now, out),
                Timer::Teardown => self.tear_down(out),
            }
        }
    }
}

impl Machine for Directory {
    type Command = DirectoryCommand;
    type Notice = DirectoryNotice;

    fn handle(&mut self, now: Timestamp, event: Event<'_, DirectoryCommand>, out: &mut Out) {
        match event {
            Event::LinkUp {
                link, endpoints, ..
            } if self.phase == Phase::Open => {
                let connection = Connection {
                    source: endpoints.peer,
                    decoder: RegistrationDecoder::new(),
                    registration_bytes: 0,
                    registered: None,
                };
                self.connections.insert(link, connection);
                out.bound(link, self.config.limits.queue_bytes_max);
                let until = now + self.config.limits.registration_time_max;
                self.timers.set(Timer::Registration(link), until);
            }
            Event::LinkUp { link, .. } => out.close(link, CloseWhen::Flushed),
            Event::Bytes { link, bytes } => self.handle_bytes(now, link, bytes, out),
            Event::LinkDown { link, why, .. } => {
                if why == LinkDown::SlowConsumer
                    && let Some(connection) = self.connections.find(link)
                {
                    out.notice(DirectoryNotice::Refused {
                        source: connection.source,
                        why: Refusal::SlowConsumer,
                    });
                }
                self.remove(now, link, LeaveReason::LinkDown(why), out);
            }
            Event::Command(DirectoryCommand::Leave) => self.tear_down(out),
            Event::DialFailed { .. } | Event::Queue { .. } | Event::Crowded { .. } => {}
            Event::Tick => self.handle_tick(now, out),
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }
}
