//! A network on a virtual clock: a calendar decides when each end learns of something.
//!
//! Does with bytes what `crc-net` does with sockets: bounded queues, lingering ends, one
//! `LinkDown` for each `LinkUp`. Latency, segmentation and dial failures are drawn from
//! the seed within [`Conditions`]; faults happen when the caller asks for them.

mod api;
mod faults;
mod hosts;
mod links;

use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;

use core::time::Duration;

use crc_machine::{
    ByteRange, DialError, DialId, Effect, Endpoints, LinkDown, ListenerId, Origin, Outbox,
    PeerAddress, QueueReport, Random, Timestamp,
};

use crate::calendar::Calendar;
use crate::connection::{Connection, End, Phase, Side};
use crate::draw::{Draw, mix};
use crate::event::LinkEvent;

pub use api::{Conditions, Dialing, Life, Partition, Progress, Step};
pub use hosts::{Failure, Host, HostOptions};

/// How long `crc-net` waits for the peer's end after a link was closed.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// How long it waits for the queue of a closed link.
const FLUSH_MAX: Duration = Duration::from_secs(10);
/// How long it waits for an answer to a dial.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How many bytes it reads at once.
const EVENT_BYTES_MAX: usize = 16 * 1024;
/// The bound of a new link's queue, until its machine sets another.
const QUEUE_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Clone, Copy)]
enum Entry<E> {
    Caller(E),
    Wake {
        host: usize,
        life: u32,
    },
    Up {
        connection: usize,
        side: Side,
    },
    Deliver {
        connection: usize,
        reader: Side,
    },
    Reset {
        connection: usize,
        side: Side,
        kind: ErrorKind,
    },
    Deadline {
        connection: usize,
        side: Side,
    },
    DialFailed {
        host: usize,
        life: u32,
        dial: DialId,
        why: DialError,
    },
    Stopped {
        host: usize,
        life: u32,
    },
}

/// A connection of this network.
type TimedConnection = Connection<usize, Life>;

/// What the network knows of a connection beside its streams.
#[derive(Debug)]
struct Path {
    /// The dialler's port.
    port: u16,
    random: Random,
    latency: (u64, u64),
}

impl Path {
    /// Draws a latency.
    fn delay(&mut self) -> Duration {
        let (low, high) = self.latency;
        Duration::from_micros(self.random.between(low, high))
    }
}

/// The network. `E` is what the caller enters into its calendar.
#[derive(Debug)]
pub struct TimedNet<E> {
    seed: u64,
    conditions: Conditions,
    now: Timestamp,
    calendar: Calendar<Entry<E>>,
    entries: u64,
    hosts: Vec<Host>,
    /// The hosts that listen at each address, and with which of their listeners.
    addresses: BTreeMap<SocketAddr, (usize, ListenerId)>,
    connections: Vec<TimedConnection>,
    paths: Vec<Path>,
    partition: Option<Partition>,
    /// Ends that are closed and whose machines have not handled the `LinkDown` yet.
    over: VecDeque<(usize, Side)>,
    /// Ends with a report about their queue that their machines have not got yet.
    reports: VecDeque<(usize, Side, QueueReport)>,
    /// The reader of a delivery, whose next one is scheduled after its machine has
    /// handled this one.
    delivered: Option<(usize, Side)>,
    progress: Vec<Progress>,
    scratch: Vec<u8>,
}

impl<E: Copy> TimedNet<E> {
    /// A network without hosts.
    #[must_use]
    pub fn new(seed: u64, conditions: Conditions) -> Self {
        TimedNet {
            seed,
            conditions,
            now: Timestamp::START,
            calendar: Calendar::new(),
            entries: 0,
            hosts: Vec::new(),
            addresses: BTreeMap::new(),
            connections: Vec::new(),
            paths: Vec::new(),
            partition: None,
            over: VecDeque::new(),
            reports: VecDeque::new(),
            delivered: None,
            progress: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// How many entries of the calendar were due so far.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// All connections there have been.
    #[must_use]
    pub fn connections(&self) -> &[Connection<usize, Life>] {
        &self.connections
    }

    /// Changes the conditions for new connections and dials, and for the next reads.
    pub const fn set_conditions(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    /// Enters an entry of the caller into the calendar.
    pub fn schedule(&mut self, when: Timestamp, entry: E) {
        self.calendar.enter(when, Entry::Caller(entry));
    }

    /// The progress of the streams since the last call, in order.
    pub fn take_progress(&mut self) -> Vec<Progress> {
        core::mem::take(&mut self.progress)
    }

    /// Gives the buffer of a [`LinkEvent::Bytes`] back for the next one.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        self.scratch = bytes;
    }

    /// The next step up to `until`. The clock advances to it, or to `until`.
    pub fn poll(&mut self, until: Timestamp) -> Option<Step<E>> {
        loop {
            if let Some(step) = self.poll_down() {
                return Some(step);
            }
            if let Some((connection, reader)) = self.delivered.take() {
                self.schedule_delivery(connection, reader, false);
            }
            let Some((when, entry)) = self.calendar.next(until) else {
                self.now = self.now.max(until);
                return None;
            };
            self.now = self.now.max(when);
            self.entries += 1;
            if let Some(step) = self.enter(entry) {
                return Some(step);
            }
        }
    }

    fn enter(&mut self, entry: Entry<E>) -> Option<Step<E>> {
        match entry {
            Entry::Caller(entry) => return Some(Step::Entry(entry)),
            Entry::Wake { host, life } => return self.wake(host, life),
            Entry::Up { connection, side } => return self.up(connection, side),
            Entry::Deliver { connection, reader } => return self.deliver(connection, reader),
            Entry::Reset {
                connection,
                side,
                kind,
            } => self.reset(connection, side, kind),
            Entry::Deadline { connection, side } => self.deadline(connection, side),
            Entry::DialFailed {
                host,
                life,
                dial,
                why,
            } => {
                if self.is_there(host, life) && !self.is_put_off(host, entry) {
                    let event = LinkEvent::DialFailed { dial, why };
                    return Some(Step::DialFailed { host, event });
                }
            }
            Entry::Stopped { host, life } => {
                if self.is_there(host, life) {
                    return Some(Step::Stopped { host });
                }
            }
        }
        None
    }

    /// Carries out one effect of the machine of `host`, whose bytes are in `out`.
    /// The caller handles notices.
    pub fn apply<N>(&mut self, host: usize, effect: &Effect<N>, out: &Outbox<N>) {
        let bytes = |range: ByteRange| out.bytes(range);
        match effect {
            Effect::Send { link, range, .. } => {
                if let Some((connection, side)) = self.sendable(host, *link) {
                    self.send(connection, side, bytes(*range));
                }
            }
            Effect::Bound { link, bytes_max } => self.bound(host, *link, *bytes_max),
            Effect::Watch { link, step } => self.watch(host, *link, *step),
            Effect::Pause { link, paused } => self.pause(host, *link, *paused),
            Effect::Close { link, when } => self.close(host, *link, *when),
            Effect::Dial { dial, to, .. } => {
                self.dial(host, *dial, to);
            }
            // An address has no limit here.
            Effect::Readdress { .. } | Effect::Notice(_) => {}
            Effect::Stop => self.stop(host),
        }
    }

    // Dials

    /// A host dials an address.
    pub fn dial(&mut self, host: usize, dial: DialId, to: &PeerAddress) -> Dialing {
        self.hosts[host].dials += 1;
        let (life, number) = (self.hosts[host].life, self.hosts[host].dials);
        let mut random = Random::new(mix(self.seed ^ 0xd1a1, (host as u64) << 32 | number));
        let target = to.host.parse().ok();
        let target = target.map(|ip| SocketAddr::new(ip, to.port));
        let target = target.and_then(|address| self.addresses.get(&address).copied());
        let (low, high) = self.conditions.latency;
        let trip = Duration::from_micros(random.between(low, high));
        let parted = target.and_then(|(target, _)| self.parted_until(host, target));
        let hangs = random.chance(self.conditions.dial_hangs_percent);
        let fails = random.chance(self.conditions.dial_fails_percent);
        let target = target.filter(|&(target, _)| self.hosts[target].accepts());
        let failure = match target {
            _ if parted.is_some() || hangs => Some((DialError::TimedOut, CONNECT_TIMEOUT)),
            Some(_) if !fails => None,
            _ => Some((DialError::Failed(ErrorKind::ConnectionRefused), trip)),
        };
        let (Some((target, listener)), None) = (target, failure) else {
            let (why, after) = failure.unwrap_or((DialError::TimedOut, CONNECT_TIMEOUT));
            let entry = Entry::DialFailed {
                host,
                life,
                dial,
                why,
            };
            self.calendar.enter(self.now + after, entry);
            return Dialing::Failing;
        };
        let connection = self.connect(host, dial, target, listener);
        // The dialler learns of it after two trips, the other end after one, when its
        // process accepts it.
        let side = 0;
        let entry = Entry::Up { connection, side };
        self.calendar.enter(self.now + 2 * trip, entry);
        let accepted = trip + Duration::from_micros(random.between(low, high));
        let side = 1;
        let entry = Entry::Up { connection, side };
        self.calendar.enter(self.now + accepted, entry);
        Dialing::Connecting(connection)
    }

    fn connect(&mut self, host: usize, dial: DialId, target: usize, listener: ListenerId) -> usize {
        let end =
            |host: usize, number, origin| End::new(host, QUEUE_BYTES_MAX, Life { number, origin });
        let ends = [
            end(host, self.hosts[host].life, Origin::Dialed { dial }),
            end(
                target,
                self.hosts[target].life,
                Origin::Accepted { listener },
            ),
        ];
        let connection = self.connections.len();
        let mut random = Random::new(mix(self.seed ^ 0xc0, connection as u64));
        let steady = [host, target]
            .iter()
            .any(|&host| self.hosts[host].options.steady);
        let (window, latency) = match steady {
            true => (1 << 20, (1_000, 1_000)),
            false => (self.conditions.window, self.conditions.latency),
        };
        let port = 1024 + u16::try_from(random.below(60_000)).unwrap_or(0);
        self.connections.push(Connection::new(ends, window));
        self.paths.push(Path {
            port,
            random,
            latency,
        });
        for side in 0..2 {
            let host = self.connections[connection].ends[side].host;
            self.hosts[host].ends.push((connection, side));
        }
        connection
    }

    /// A connection has come up, as one end learns now.
    fn up(&mut self, connection: usize, side: Side) -> Option<Step<E>> {
        let end = &self.connections[connection].ends[side];
        let (host, life) = (end.host, end.data);
        if end.phase != Phase::Coming || self.is_put_off(host, Entry::Up { connection, side }) {
            return None;
        }
        if !self.is_there(host, life.number) || self.hosts[host].stop_by.is_some() {
            self.hosts[host].forget(connection, side);
            self.close_socket(connection, side);
            return None;
        }
        let link = self.hosts[host].links.open(connection, side);
        let it = &mut self.connections[connection];
        it.ends[side].link = link;
        it.ends[side].phase = Phase::Live;
        let address = |side: Side| self.hosts[it.ends[side].host].options.address;
        let dialler = SocketAddr::new(address(0).ip(), self.paths[connection].port);
        let (peer, local) = match side {
            0 => (address(1), dialler),
            _ => (dialler, address(1)),
        };
        self.delivered = Some((connection, side));
        let event = LinkEvent::Up {
            link,
            origin: life.origin,
            endpoints: Endpoints { peer, local },
        };
        Some(Step::Link {
            host,
            connection,
            side,
            event,
        })
    }

    // Deliveries

    /// Schedules a delivery, if the reader has something to learn: after the latency if
    /// it comes from `far`, otherwise as soon as the reader can read.
    fn schedule_delivery(&mut self, connection: usize, reader: Side, far: bool) {
        let it = &mut self.connections[connection];
        let stream = &mut it.streams[1 - reader];
        let end = &it.ends[reader];
        if stream.due || !stream.has_news() || end.phase == Phase::Coming || end.is_paused() {
            return;
        }
        if stream.in_flight() == 0 && end.saw_end && stream.reset.is_none() {
            return;
        }
        let path = &mut self.paths[connection];
        let after = if far {
            path.delay()
        } else {
            Duration::from_micros(path.random.below(300))
        };
        stream.due = true;
        let entry = Entry::Deliver { connection, reader };
        self.calendar.enter(self.now + after, entry);
    }

    /// A reader learns what has arrived.
    fn deliver(&mut self, connection: usize, reader: Side) -> Option<Step<E>> {
        let it = &mut self.connections[connection];
        let writer = 1 - reader;
        let (host, other) = (it.ends[reader].host, it.ends[writer].host);
        let (phase, paused) = (it.ends[reader].phase, it.ends[reader].is_paused());
        let stream = &mut it.streams[writer];
        stream.due = false;
        if paused || !stream.has_news() {
            return None;
        }
        if phase == Phase::Gone {
            self.discard(connection, writer);
            return None;
        }
        let parted = self.parted_until(host, other).unwrap_or(Timestamp::START);
        let frozen = self.hosts[host].frozen_until;
        let stream = &mut self.connections[connection].streams[writer];
        let until = stream.stalled_until.max(frozen).max(parted);
        if until > self.now {
            stream.due = true;
            let entry = Entry::Deliver { connection, reader };
            self.calendar.enter(until, entry);
            return None;
        }
        self.delivered = Some((connection, reader));
        let (in_flight, reset) = (stream.in_flight(), stream.reset);
        let why = match (phase, reset) {
            _ if in_flight > 0 => return self.read(connection, reader),
            (Phase::Broken(kind), _) => LinkDown::Failed(kind),
            (Phase::Draining, _) => LinkDown::Ended,
            (_, Some(kind)) => LinkDown::Failed(kind),
            (Phase::Live, None) => LinkDown::PeerClosed,
            (_, None) => {
                // Half of the connection is still open, and that is the half it needs.
                self.connections[connection].ends[reader].saw_end = true;
                return None;
            }
        };
        self.end(connection, reader, why);
        None
    }

    /// Bytes that arrive at a closed end are answered with a reset.
    fn discard(&mut self, connection: usize, writer: Side) {
        let stream = &mut self.connections[connection].streams[writer];
        let unread = stream.in_flight();
        let after = stream.delivered;
        stream.truncate(0);
        self.lose(connection, writer, after, after + unread as u64);
        if unread > 0 {
            let after = self.paths[connection].delay();
            self.reset_after(connection, writer, after, ErrorKind::ConnectionReset);
        }
    }

    fn read(&mut self, connection: usize, reader: Side) -> Option<Step<E>> {
        let writer = 1 - reader;
        let it = &mut self.connections[connection];
        let end = &it.ends[reader];
        let (host, link, kept) = (end.host, end.link, end.is_open());
        let arrived = it.streams[writer].in_flight();
        let mut count = arrived.min(EVENT_BYTES_MAX);
        let random = &mut self.paths[connection].random;
        if let Some(reads_max) = self.hosts[host].options.whole_reads {
            count = count.min(reads_max);
        } else if random.chance(self.conditions.cut_percent) {
            count = 1 + random.index(count);
        }
        let mut bytes = core::mem::take(&mut self.scratch);
        bytes.clear();
        it.streams[writer].take(count, &mut bytes);
        let upto = it.streams[writer].delivered;
        self.schedule_delivery(connection, reader, false);
        self.pump(connection, writer);
        self.progress.push(Progress::Read {
            connection,
            writer,
            upto,
            kept,
        });
        if !kept {
            self.scratch = bytes;
            return None;
        }
        Some(Step::Link {
            host,
            connection,
            side: reader,
            event: LinkEvent::Bytes { link, bytes },
        })
    }
}
