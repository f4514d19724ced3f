//! A network in which the caller chooses what happens next.
//!
//! There is no latency and no window: bytes stay in the queue of their sender until
//! the reader takes them. Time passes only when the caller says so, and only links that
//! linger depend on it. A connection that breaks, or that an end closes at once, loses
//! all that is in flight in both directions: the most that TCP may lose.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;

use crc_machine::{
    CloseWhen, DialId, LinkDown, LinkId, OverBound, PeerAddress, QueueReport, Random, Timestamp,
};

use crate::connection::{Connection, End, Phase, Side};
use crate::event::LinkEvent;

/// How long a closed link waits for the end of its peer.
const LINGER: Duration = Duration::from_secs(2);

/// How many bytes an end reads in a random step, at most: as many as `crc-net` reads.
const READ_BYTES_MAX: usize = 64 * 1024;

/// Something that can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Possible {
    /// This dial is answered.
    Dial(usize),
    /// The end at a side of a connection learns of something.
    End(usize, Side),
}

/// What happens in a step.
#[derive(Debug)]
pub enum StepEvent<H> {
    /// `host` dials `to`. The caller knows who listens there: it
    /// [connects](SteppedNet::connect) the two, or tells the machine that its dial has
    /// failed.
    Dial {
        /// The dialling host.
        host: H,
        /// The dial.
        dial: DialId,
        /// The address.
        to: PeerAddress,
    },
    /// `host` learns of something on one of its links.
    Link {
        /// The host.
        host: H,
        /// [`LinkEvent::Bytes`] or [`LinkEvent::Down`].
        event: LinkEvent,
    },
    /// Bytes arrived at an end that its host has closed. They are dropped.
    Dropped,
}

#[derive(Debug)]
struct Dial<H> {
    host: H,
    dial: DialId,
    to: PeerAddress,
}

/// The network. `H` names a host, `T` is what the caller keeps with each end of a
/// connection.
#[derive(Debug)]
pub struct SteppedNet<H, T = ()> {
    now: Timestamp,
    connections: Vec<Connection<H, T>>,
    dials: Vec<Dial<H>>,
    /// Which slots of each host have a link.
    slots: BTreeMap<H, Vec<bool>>,
    links: u32,
    reports: VecDeque<(H, LinkId, QueueReport)>,
    scratch: Vec<u8>,
}

impl<H: Copy + Ord, T: Default> Default for SteppedNet<H, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Copy + Ord, T: Default> SteppedNet<H, T> {
    /// A network without connections.
    #[must_use]
    pub const fn new() -> Self {
        SteppedNet {
            now: Timestamp::START,
            connections: Vec::new(),
            dials: Vec::new(),
            slots: BTreeMap::new(),
            links: 0,
            reports: VecDeque::new(),
            scratch: Vec::new(),
        }
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets time pass until `time`, unless it is past.
    pub fn advance_to(&mut self, time: Timestamp) {
        self.now = self.now.max(time);
    }

    /// Ends links that have lingered for too long by now.
    pub fn end_lingering(&mut self) {
        for connection in &mut self.connections {
            for side in 0..2 {
                let end = &mut connection.ends[side];
                if end.phase != Phase::Gone && end.deadline.is_some_and(|when| when <= self.now) {
                    end.deadline = None;
                    end.down = Some(LinkDown::Ended);
                    break_as_seen_by(connection, 1 - side);
                }
            }
        }
    }

    /// When the next link has lingered for too long.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let ends = self.connections.iter().flat_map(Connection::ends);
        let open = ends.filter(|end| end.phase != Phase::Gone);
        open.filter_map(|end| end.deadline).min()
    }

    /// The connections that have an end that is not gone, oldest first.
    #[must_use]
    pub fn connections(&self) -> &[Connection<H, T>] {
        &self.connections
    }

    /// The end at `side` of a connection, and the other one.
    pub fn near_and_far(&mut self, connection: usize, side: Side) -> [&mut End<H, T>; 2] {
        self.connections[connection].near_and_far(side)
    }

    /// Where a link of `host` is.
    #[must_use]
    pub fn find(&self, host: H, link: LinkId) -> Option<(usize, Side)> {
        self.find_end(|end| end.host == host && end.link == link)
    }

    /// The oldest end of `host`.
    #[must_use]
    pub fn find_host(&self, host: H) -> Option<(usize, Side)> {
        self.find_end(|end| end.host == host)
    }

    fn find_end(&self, is_it: impl Fn(&End<H, T>) -> bool) -> Option<(usize, Side)> {
        let connections = self.connections.iter().enumerate();
        connections.into_iter().find_map(|(index, connection)| {
            let is_it = |end: &End<H, T>| end.phase != Phase::Gone && is_it(end);
            Some((index, connection.ends.iter().position(is_it)?))
        })
    }

    // Connections

    /// Connects two hosts, and returns each one's name for the link. The caller tells
    /// their machines.
    pub fn connect(&mut self, near: H, far: H) -> [LinkId; 2] {
        let ends = [near, far].map(|host| {
            let mut end = End::new(host, usize::MAX, T::default());
            (end.link, end.phase) = (self.open_link(host), Phase::Live);
            end
        });
        let links = ends.each_ref().map(|end| end.link);
        self.connections.push(Connection::new(ends, 0));
        links
    }

    fn open_link(&mut self, host: H) -> LinkId {
        self.links += 1;
        let slots = self.slots.entry(host).or_default();
        let slot = slots.iter().position(|used| !used).unwrap_or(slots.len());
        slots.resize(slots.len().max(slot + 1), true);
        slots[slot] = true;
        LinkId::new(u32::try_from(slot).unwrap_or(u32::MAX), self.links)
    }

    /// `host` dials `to`, which is answered in a later step.
    pub fn dial(&mut self, host: H, dial: DialId, to: PeerAddress) {
        self.dials.push(Dial { host, dial, to });
    }

    /// Sends bytes from an end.
    ///
    /// # Errors
    ///
    /// [`OverBound`] when its queue exceeds its bound now. Its link ends as a slow
    /// consumer.
    pub fn send(&mut self, connection: usize, side: Side, bytes: &[u8]) -> Result<(), OverBound> {
        let it = &mut self.connections[connection];
        if it.is_broken() {
            return Ok(());
        }
        let sent = it.send(side, bytes);
        note_report(&mut it.ends[side], &mut self.reports);
        if sent.is_err() {
            it.ends[side].down = Some(LinkDown::SlowConsumer);
            break_as_seen_by(it, 1 - side);
        }
        sent
    }

    /// Bounds the queue of a link.
    pub fn bound(&mut self, host: H, link: LinkId, bytes_max: usize) {
        if let Some((connection, side)) = self.find(host, link) {
            self.connections[connection].ends[side].set_bound(bytes_max);
        }
    }

    /// Watches the queue of a link. [`poll_report`](Self::poll_report) has the reports.
    pub fn watch(&mut self, host: H, link: LinkId, step: usize) {
        if let Some((connection, side)) = self.find(host, link) {
            self.connections[connection].ends[side].queue.watch(step);
        }
    }

    /// A host stops reading from a link, or goes on.
    pub fn pause(&mut self, host: H, link: LinkId, paused: bool) {
        if let Some((connection, side)) = self.find(host, link) {
            self.connections[connection].ends[side].paused = paused;
        }
    }

    /// The next report about a watched queue, for the machine of a host. Ask after each step and
    /// each event.
    pub fn poll_report(&mut self) -> Option<(H, LinkEvent)> {
        let (host, link, report) = self.reports.pop_front()?;
        Some((host, LinkEvent::Queue { link, report }))
    }

    /// Closes an end, as the effect `Close` does.
    pub fn close(&mut self, connection: usize, side: Side, when: CloseWhen) {
        let it = &mut self.connections[connection];
        let end = &mut it.ends[side];
        end.phase = Phase::Flushing;
        if when == CloseWhen::Now && end.down.is_none() {
            end.down = Some(LinkDown::Ended);
            break_as_seen_by(it, 1 - side);
        } else {
            end.deadline = Some(self.now + LINGER);
        }
    }

    /// Closes an end that waits for the end of its peer as long as it takes.
    pub fn close_patiently(&mut self, connection: usize, side: Side) {
        let end = &mut self.connections[connection].ends[side];
        if end.phase == Phase::Live {
            end.phase = Phase::Flushing;
        }
    }

    /// The machine of a host has stopped: it dials no more, and its ends close patiently.
    pub fn stop(&mut self, host: H) {
        self.dials.retain(|dial| dial.host != host);
        for connection in 0..self.connections.len() {
            for side in 0..2 {
                if self.connections[connection].ends[side].host == host {
                    self.close_patiently(connection, side);
                }
            }
        }
    }

    /// A host is gone: its connections break, and it learns of nothing.
    pub fn kill(&mut self, host: H) {
        self.dials.retain(|dial| dial.host != host);
        self.slots.remove(&host);
        for connection in &mut self.connections {
            for side in 0..2 {
                let end = &mut connection.ends[side];
                if end.host == host && end.phase != Phase::Gone {
                    end.phase = Phase::Gone;
                    break_as_seen_by(connection, 1 - side);
                }
            }
        }
        self.sweep();
    }

    /// A connection breaks. Ends of hosts for which `is_told` is false are gone at once,
    /// the others learn of it in a later step.
    pub fn break_connection(&mut self, connection: usize, is_told: impl Fn(H) -> bool) {
        for side in 0..2 {
            self.break_from(connection, side, &is_told);
        }
        self.sweep();
    }

    /// A connection breaks at `side`: that end is gone at once, the other one learns of
    /// it in a later step.
    pub fn reset(&mut self, connection: usize, side: Side) {
        self.break_from(connection, side, |_| false);
        self.sweep();
    }

    fn break_from(&mut self, connection: usize, side: Side, is_told: impl Fn(H) -> bool) {
        let it = &mut self.connections[connection];
        if !is_told(it.ends[side].host) {
            it.ends[side].phase = Phase::Gone;
        }
        break_as_seen_by(it, 1 - side);
    }

    /// The reader of the end at `side` stops reading, or goes on.
    pub fn toggle_reading(&mut self, connection: usize, side: Side) {
        let incoming = &mut self.connections[connection].streams[1 - side];
        incoming.stalled_until = match incoming.stalled_until {
            Timestamp::NEVER => Timestamp::START,
            _ => Timestamp::NEVER,
        };
    }

    // Steps

    /// Everything that can happen next, in a fixed order.
    pub fn possible(&self) -> impl Iterator<Item = Possible> {
        let dials = (0..self.dials.len()).map(Possible::Dial);
        let connections = self.connections.iter().enumerate();
        dials.chain(connections.flat_map(|(index, connection)| {
            let sides = (0..2).filter(|&side| has_news(connection, side));
            sides.map(move |side| Possible::End(index, side))
        }))
    }

    /// Lets one thing happen: the one with the index `which`, modulo their number. At most
    /// `bytes_max` bytes are read. `None` if nothing can happen.
    pub fn step(&mut self, which: usize, bytes_max: usize) -> Option<StepEvent<H>> {
        let count = self.possible().count();
        if count == 0 {
            return None;
        }
        let next = self.possible().nth(which % count)?;
        match next {
            Possible::Dial(index) => {
                let Dial { host, dial, to } = self.dials.remove(index);
                Some(StepEvent::Dial { host, dial, to })
            }
            Possible::End(connection, side) => Some(self.learn(connection, side, bytes_max.max(1))),
        }
    }

    /// A [step](Self::step) that is drawn from `random`: any of them, and sometimes only
    /// a part of what can be read.
    pub fn random_step(&mut self, random: &mut Random) -> Option<StepEvent<H>> {
        let which = random.next_u64() >> 32;
        let bytes_max = match random.below(3) {
            0 => 1 + usize::try_from(random.below(40)).unwrap_or(0),
            _ => READ_BYTES_MAX,
        };
        self.step(usize::try_from(which).unwrap_or(0), bytes_max)
    }

    /// An end learns what is next for it: bytes, or the end of its link.
    fn learn(&mut self, connection: usize, side: Side, bytes_max: usize) -> StepEvent<H> {
        let it = &mut self.connections[connection];
        let (near, far) = (&it.ends[side], &it.ends[1 - side]);
        let (host, link, closed) = (near.host, near.link, near.phase != Phase::Live);
        if near.down.is_none() && !far.queue.is_empty() {
            let mut bytes = core::mem::take(&mut self.scratch);
            bytes.clear();
            it.take_queued(1 - side, bytes_max, &mut bytes);
            note_report(&mut it.ends[1 - side], &mut self.reports);
            if closed {
                self.scratch = bytes;
                return StepEvent::Dropped;
            }
            let event = LinkEvent::Bytes { link, bytes };
            return StepEvent::Link { host, event };
        }
        let why = match near.down {
            Some(why) => why,
            None if closed => LinkDown::Ended,
            None => LinkDown::PeerClosed,
        };
        let queue = it.take_queue(side);
        it.ends[side].phase = Phase::Gone;
        it.ends[side].down = None;
        if let Some(used) = self
            .slots
            .get_mut(&host)
            .and_then(|slots| slots.get_mut(link.slot()))
        {
            *used = false;
        }
        self.sweep();
        let event = LinkEvent::Down { link, why, queue };
        StepEvent::Link { host, event }
    }

    /// Gives the buffer of a [`LinkEvent::Bytes`] back for the next one.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        self.scratch = bytes;
    }

    /// Forgets connections of which both ends are gone.
    fn sweep(&mut self) {
        self.connections
            .retain(|connection| connection.ends.iter().any(|end| end.phase != Phase::Gone));
    }
}

/// Notes a report about the queue of an end, if one is due.
fn note_report<H: Copy, T>(end: &mut End<H, T>, reports: &mut VecDeque<(H, LinkId, QueueReport)>) {
    if end.phase != Phase::Gone
        && let Some(report) = end.queue.take_report()
    {
        reports.push_back((end.host, end.link, report));
    }
}

/// Whether the end at `side` has something to learn.
fn has_news<H: Copy, T>(connection: &Connection<H, T>, side: Side) -> bool {
    let (near, far) = (&connection.ends[side], &connection.ends[1 - side]);
    if near.is_paused() && near.down.is_none() {
        return false;
    }
    if near.phase == Phase::Gone || near.down.is_some() {
        return near.phase != Phase::Gone;
    }
    if connection.is_broken() {
        return false;
    }
    if far.queue.is_empty() {
        return far.phase != Phase::Live;
    }
    let stalled = connection.streams[1 - side].stalled_until > Timestamp::START;
    !stalled || near.phase != Phase::Live
}

/// Breaks a connection; the end at `side` is to learn of it.
fn break_as_seen_by<H: Copy, T>(connection: &mut Connection<H, T>, side: Side) {
    for stream in &mut connection.streams {
        stream.dead = true;
    }
    let end = &mut connection.ends[side];
    let why = match end.phase {
        Phase::Live => LinkDown::Failed(ErrorKind::ConnectionReset),
        _ => LinkDown::Ended,
    };
    end.down.get_or_insert(why);
}
