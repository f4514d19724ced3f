//! Whole networks in one process: a directory and some peers on a virtual clock. Peers
//! join at any time, leave, crash and return; connections fail; the directory restarts.
//! When the faults are over, all running peers have the same list, and every pair of
//! them has exactly one connection.
//!
//! A run depends on its seed only. `RENDEZVOUS_SEEDS=100000 cargo test --release -p
//! crc-rendezvous --test simulation` runs more of them; `RENDEZVOUS_SEED=7` runs one
//! and prints what happens in it.

#![expect(clippy::print_stdout, reason = "a run prints its events on demand")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::env;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crc_machine::{
    CloseWhen, DialError, DialId, Effect, Endpoints, Event, LinkDown, LinkId, ListenerId, Machine,
    Origin, Outbox, PeerAddress, Random, Timestamp, Unsent,
};
use crc_rendezvous::{Directory, DirectoryConfig, Peer, PeerCommand, PeerConfig, PeerNotice, When};

/// The number of seeds.
const SEEDS: u64 = 2_000;

/// When the faults end, and when the network is at rest, in milliseconds. The longest
/// pause before a dial is half a minute, and one or two may follow each other.
const FAULTS: u64 = 30_000;
const REST: u64 = FAULTS + 150_000;

/// The limit of events, far more than any run needs.
const STEPS_MAX: u64 = 300_000;

const DIRECTORY: usize = 0;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The faults of a run, drawn from its seed.
#[derive(Debug, Clone, Copy)]
struct Faults {
    /// Whether peers survive the directory, so that it may stop.
    persist: bool,
    /// Whether nodes write no newlines, like v1 nodes.
    bare: bool,
    /// The percentage of dials that fail.
    dials_fail: u64,
    /// The percentage of pieces that arrive so late that a message seems complete.
    stalls: u64,
    /// The number of connections that break.
    breaks: u64,
}

enum Node {
    Directory(Box<Directory>),
    Peer(Box<Peer>),
}

struct Slot {
    address: SocketAddr,
    node: Option<Node>,
    /// The number of its starts. Events for an earlier one are dropped.
    start_count: u32,
    links: BTreeMap<LinkId, (usize, usize)>,
    links_made: u32,
    /// The deadline in the calendar.
    tick_at: Option<Timestamp>,
    /// The peers that its notices report as connected.
    up: BTreeSet<SocketAddr>,
    received: Vec<(SocketAddr, String)>,
    not_sent: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The node does not know it yet.
    Coming,
    Live,
    /// The node has closed it, and does not know the end yet.
    Closed,
    Gone,
}

#[derive(Debug)]
struct End {
    slot: usize,
    start_count: u32,
    link: LinkId,
    phase: Phase,
}

/// The bytes that one end has written.
#[derive(Debug, Default)]
struct Stream {
    bytes: VecDeque<u8>,
    written: bool,
    ended: bool,
    broken: bool,
    due: bool,
}

#[derive(Debug)]
struct Connection {
    endpoints: [End; 2],
    streams: [Stream; 2],
    dial: DialId,
    source: SocketAddr,
    latency: u64,
}

#[derive(Debug)]
enum Planned {
    Start(usize),
    Leave(usize),
    Crash {
        slot: usize,
        unnoticed: bool,
    },
    Break,
    Dial {
        slot: usize,
        start_count: u32,
        dial: DialId,
        to: SocketAddr,
    },
    DialFailed {
        slot: usize,
        start_count: u32,
        dial: DialId,
        why: DialError,
    },
    Up {
        connection: usize,
        side: usize,
    },
    /// Bytes that this side has written arrive.
    Arrive {
        connection: usize,
        side: usize,
    },
    Ended {
        connection: usize,
        side: usize,
    },
    BreakOff {
        connection: usize,
    },
    Tick {
        slot: usize,
        start_count: u32,
    },
}

struct World {
    seed: u64,
    faults: Faults,
    random: Random,
    now: Timestamp,
    calendar: BTreeMap<(Timestamp, u64), Planned>,
    entered: u64,
    slots: Vec<Slot>,
    connections: Vec<Connection>,
    ports: u16,
    steps: u64,
    verbose: bool,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let faults = Faults {
            persist: random.below(2) == 0,
            bare: random.below(3) == 0,
            dials_fail: [0, 0, 10, 30][pick(&mut random, 4)],
            stalls: [0, 0, 3, 15][pick(&mut random, 4)],
            breaks: [0, 0, 2, 8][pick(&mut random, 4)],
        };
        let mut world = World {
            seed,
            faults,
            random,
            now: Timestamp::START,
            calendar: BTreeMap::new(),
            entered: 0,
            slots: Vec::new(),
            connections: Vec::new(),
            ports: 40_000,
            steps: 0,
            verbose: env::var_os("RENDEZVOUS_SEED").is_some(),
        };
        world.add_slot(SocketAddr::from(([10, 0, 0, 1], 33_400)));
        world.plan();
        world
    }

    /// A world without planned events.
    fn without_faults(seed: u64) -> World {
        let mut world = World::new(seed);
        world.faults = Faults {
            persist: false,
            bare: false,
            dials_fail: 0,
            stalls: 0,
            breaks: 0,
        };
        world.calendar.clear();
        world.slots.truncate(1);
        world
    }

    fn add_slot(&mut self, address: SocketAddr) -> usize {
        self.slots.push(Slot {
            address,
            node: None,
            start_count: 0,
            links: BTreeMap::new(),
            links_made: 0,
            tick_at: None,
            up: BTreeSet::new(),
            received: Vec::new(),
            not_sent: 0,
        });
        self.slots.len() - 1
    }

    /// Plans the joins, leaves, crashes and breaks.
    fn plan(&mut self) {
        let hurry = [50, 2_000, 20_000][pick(&mut self.random, 3)];
        let late = self.below(3) == 0 && self.faults.persist;
        let first = if late { self.below(5_000) } else { 0 };
        self.enter(first, Planned::Start(DIRECTORY));
        if self.faults.persist {
            let mut when = first;
            for _ in 0..self.below(3) {
                when += 1 + self.below(10_000);
                let unnoticed = self.below(4) == 0;
                self.enter(
                    when,
                    Planned::Crash {
                        slot: DIRECTORY,
                        unnoticed,
                    },
                );
                when += self.below(4_000);
                self.enter(when, Planned::Start(DIRECTORY));
            }
        }
        let most = if self.below(20) == 0 { 16 } else { 7 };
        let count = 3 + self.below(most);
        for number in 0..count {
            let host = Ipv4Addr::new(10, 0, 0, 2 + low_byte(self.below(3)));
            // Nothing marks the end of a port of few digits.
            let base: u16 = [1, 100, 9_000, 33_400][pick(&mut self.random, 4)];
            let port = base + u16::from(low_byte(number));
            let slot = self.add_slot(SocketAddr::from((host, port)));
            let mut when = 1 + self.below(hurry);
            self.enter(when, Planned::Start(slot));
            for _ in 0..self.below(3) {
                when += 1 + self.below(8_000);
                if self.below(2) == 0 {
                    self.enter(when, Planned::Leave(slot));
                } else {
                    let unnoticed = self.below(4) == 0;
                    self.enter(when, Planned::Crash { slot, unnoticed });
                }
                if self.below(3) == 0 {
                    break;
                }
                when += [0, 5, 400, 4_000][pick(&mut self.random, 4)];
                self.enter(when, Planned::Start(slot));
            }
        }
        for _ in 0..self.faults.breaks {
            let when = self.below(FAULTS);
            self.enter(when, Planned::Break);
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    fn faults_are_over(&self) -> bool {
        self.now >= at(FAULTS)
    }

    fn enter(&mut self, when: u64, what: Planned) {
        self.enter_at(at(when), what);
    }

    fn enter_in(&mut self, pause: u64, what: Planned) {
        self.enter_at(self.now + millis(pause), what);
    }

    fn enter_at(&mut self, when: Timestamp, what: Planned) {
        self.entered += 1;
        self.calendar.insert((when, self.entered), what);
    }

    /// The delay of an event.
    fn delay(&mut self, latency: u64) -> u64 {
        let stalls = !self.faults_are_over() && self.below(100) < self.faults.stalls;
        let stall = if stalls { 50 + self.below(1_500) } else { 0 };
        1 + latency / 2 + self.below(latency) + stall
    }

    fn run_until(&mut self, end: u64) {
        while let Some(entry) = self.calendar.first_entry() {
            if entry.key().0 > at(end) {
                break;
            }
            let ((when, _), what) = entry.remove_entry();
            self.now = when;
            self.steps += 1;
            let seed = self.seed;
            assert!(self.steps < STEPS_MAX, "seed {seed}: there is no end to it");
            self.handle(what);
        }
        self.now = at(end);
    }

    fn handle(&mut self, what: Planned) {
        if self.verbose {
            println!("{:>9} {what:?}", self.now.as_micros());
        }
        match what {
            Planned::Start(slot) => self.start(slot),
            Planned::Leave(slot) => {
                if self.slots[slot].node.is_some() {
                    let leave = PeerCommand::Leave { when: When::Now };
                    self.send_to_peer(slot, Event::Command(leave));
                }
            }
            Planned::Crash { slot, unnoticed } => self.crash(slot, unnoticed),
            Planned::Break => {
                let live: Vec<_> = (0..self.connections.len())
                    .filter(|&index| self.is_live(index))
                    .collect();
                if !live.is_empty() {
                    let connection = live[pick(&mut self.random, live.len())];
                    self.break_off(connection);
                }
            }
            Planned::BreakOff { connection } => self.break_off(connection),
            Planned::Dial {
                slot,
                start_count,
                dial,
                to,
            } => self.dial(slot, start_count, dial, to),
            Planned::DialFailed {
                slot,
                start_count,
                dial,
                why,
            } => {
                if self.slots[slot].start_count == start_count {
                    self.send_event(slot, AnyEvent::DialFailed(dial, why));
                }
            }
            Planned::Up { connection, side } => self.come_up(connection, side),
            Planned::Arrive { connection, side } => self.arrive(connection, side),
            Planned::Ended { connection, side } => self.end(connection, side, LinkDown::Ended),
            Planned::Tick { slot, start_count } => {
                let due = self.slots[slot].tick_at;
                if self.slots[slot].start_count == start_count
                    && due.is_some_and(|due| due <= self.now)
                {
                    self.slots[slot].tick_at = None;
                    self.send_event(slot, AnyEvent::Tick);
                }
            }
        }
    }

    fn is_live(&self, connection: usize) -> bool {
        let live = |end: &End| end.phase == Phase::Live;
        self.connections[connection].endpoints.iter().all(live)
    }

    fn start(&mut self, slot: usize) {
        let seed = self.random.next_u64();
        let directory = PeerAddress::from(self.slots[DIRECTORY].address);
        let here = &mut self.slots[slot];
        if here.node.is_some() {
            return;
        }
        here.start_count += 1;
        here.up.clear();
        here.received.clear();
        if slot == DIRECTORY {
            let directory = Directory::new(DirectoryConfig::default());
            here.node = Some(Node::Directory(Box::new(directory)));
            return;
        }
        let mut config = PeerConfig::new(directory, seed);
        config.persist = self.faults.persist;
        here.node = Some(Node::Peer(Box::new(Peer::new(config))));
        let address = here.address;
        self.send_to_peer(slot, Event::Command(PeerCommand::Start { address }));
    }

    fn crash(&mut self, slot: usize, unnoticed: bool) {
        let here = &mut self.slots[slot];
        if here.node.take().is_none() {
            return;
        }
        here.tick_at = None;
        for (_, (connection, side)) in std::mem::take(&mut here.links) {
            self.connections[connection].endpoints[side].phase = Phase::Gone;
            if unnoticed {
                let pause = self.below(20_000);
                self.enter_in(pause, Planned::BreakOff { connection });
            } else {
                self.break_off(connection);
            }
        }
    }

    /// Breaks a connection. Each side learns it behind the bytes that have arrived.
    fn break_off(&mut self, connection: usize) {
        for side in [0, 1] {
            self.connections[connection].streams[side].broken = true;
            if self.below(2) == 0 {
                self.connections[connection].streams[side].bytes.clear();
            }
            self.arrive_later(connection, side);
        }
    }

    fn dial(&mut self, slot: usize, start_count: u32, dial: DialId, to: SocketAddr) {
        let fails = !self.faults_are_over() && self.below(100) < self.faults.dials_fail;
        let found = self
            .slots
            .iter()
            .position(|there| there.address == to && there.node.is_some());
        let Some(there) = found.filter(|_| !fails) else {
            let (pause, why) = if fails {
                (self.below(8_000), DialError::TimedOut)
            } else {
                let why = DialError::Failed(ErrorKind::ConnectionRefused);
                (self.below(30), why)
            };
            self.enter_in(
                pause,
                Planned::DialFailed {
                    slot,
                    start_count,
                    dial,
                    why,
                },
            );
            return;
        };
        let end = |slot, start_count| End {
            slot,
            start_count,
            link: LinkId::new(0, 0),
            phase: Phase::Coming,
        };
        self.ports = self.ports.checked_add(1).unwrap_or(40_000);
        let source = SocketAddr::new(self.slots[slot].address.ip(), self.ports);
        let latency = 1 + self.below(60);
        self.connections.push(Connection {
            endpoints: [
                end(slot, start_count),
                end(there, self.slots[there].start_count),
            ],
            streams: Default::default(),
            dial,
            source,
            latency,
        });
        let connection = self.connections.len() - 1;
        for side in [0, 1] {
            let pause = self.delay(latency);
            self.enter_in(pause, Planned::Up { connection, side });
        }
    }

    fn come_up(&mut self, connection: usize, side: usize) {
        let there = &self.connections[connection];
        let (slot, start_count) = (
            there.endpoints[side].slot,
            there.endpoints[side].start_count,
        );
        let (dial, source) = (there.dial, there.source);
        let target = self.slots[there.endpoints[1].slot].address;
        let here = &mut self.slots[slot];
        if here.start_count != start_count || here.node.is_none() {
            self.connections[connection].endpoints[side].phase = Phase::Gone;
            self.break_off(connection);
            return;
        }
        let link = LinkId::new(here.links_made, start_count);
        here.links_made += 1;
        here.links.insert(link, (connection, side));
        let end = &mut self.connections[connection].endpoints[side];
        (end.link, end.phase) = (link, Phase::Live);
        let (origin, endpoints) = if side == 0 {
            let endpoints = Endpoints {
                peer: target,
                local: source,
            };
            (Origin::Dialed { dial }, endpoints)
        } else {
            let listener = ListenerId(0);
            let endpoints = Endpoints {
                peer: source,
                local: target,
            };
            (Origin::Accepted { listener }, endpoints)
        };
        self.send_event(slot, AnyEvent::LinkUp(link, origin, endpoints));
    }

    fn arrive_later(&mut self, connection: usize, side: usize) {
        if std::mem::replace(&mut self.connections[connection].streams[side].due, true) {
            return;
        }
        let latency = self.connections[connection].latency;
        let pause = self.delay(latency);
        self.enter_in(pause, Planned::Arrive { connection, side });
    }

    fn arrive(&mut self, connection: usize, side: usize) {
        let reader = 1 - side;
        self.connections[connection].streams[side].due = false;
        match self.connections[connection].endpoints[reader].phase {
            Phase::Coming => {
                self.arrive_later(connection, side);
                return;
            }
            Phase::Live => {}
            Phase::Closed | Phase::Gone => return,
        }
        let whole = self.below(3) != 0;
        let waiting = self.connections[connection].streams[side].bytes.len();
        if waiting > 0 {
            let count = if whole {
                waiting
            } else {
                1 + pick(&mut self.random, waiting)
            };
            let stream = &mut self.connections[connection].streams[side];
            let bytes: Vec<u8> = stream.bytes.drain(..count).collect();
            let end = &self.connections[connection].endpoints[reader];
            let (slot, link) = (end.slot, end.link);
            self.send_event(slot, AnyEvent::Bytes(link, bytes));
        }
        let stream = &self.connections[connection].streams[side];
        if !stream.bytes.is_empty() {
            self.arrive_later(connection, side);
        } else if stream.broken {
            let why = LinkDown::Failed(ErrorKind::ConnectionReset);
            self.end(connection, reader, why);
        } else if stream.ended {
            self.end(connection, reader, LinkDown::PeerClosed);
        }
    }

    /// Ends a connection on one side, and tells the node.
    fn end(&mut self, connection: usize, side: usize, why: LinkDown) {
        let end = &mut self.connections[connection].endpoints[side];
        let (slot, start_count, link) = (end.slot, end.start_count, end.link);
        match std::mem::replace(&mut end.phase, Phase::Gone) {
            Phase::Gone => return,
            Phase::Coming => panic!("the node does not know the connection"),
            Phase::Live => {
                self.connections[connection].streams[side].ended = true;
                self.arrive_later(connection, side);
            }
            Phase::Closed => {}
        }
        let here = &mut self.slots[slot];
        if here.start_count == start_count && here.node.is_some() {
            here.links.remove(&link);
            self.send_event(slot, AnyEvent::LinkDown(link, why));
        }
    }

    fn send_to_peer(&mut self, slot: usize, event: Event<'_, PeerCommand>) {
        let mut out = Outbox::new();
        if let Some(Node::Peer(peer)) = &mut self.slots[slot].node {
            peer.handle(self.now, event, &mut out);
        }
        let notices = self.execute(slot, &mut out);
        for notice in notices {
            self.note(slot, notice);
        }
    }

    fn send_event(&mut self, slot: usize, event: AnyEvent) {
        if matches!(self.slots[slot].node, Some(Node::Peer(_))) {
            self.send_to_peer(slot, event.event());
            return;
        }
        let mut out = Outbox::new();
        if let Some(Node::Directory(directory)) = &mut self.slots[slot].node {
            directory.handle(self.now, event.event(), &mut out);
        }
        for notice in self.execute(slot, &mut out) {
            if self.verbose {
                println!("          {slot}: {notice:?}");
            }
        }
    }

    fn execute<N>(&mut self, slot: usize, out: &mut Outbox<N>) -> Vec<N> {
        let mut notices = Vec::new();
        for effect in out.take_effects() {
            match effect {
                Effect::Send { link, range, .. } => self.send(slot, link, out.bytes(range)),
                Effect::Bound { .. } => {}
                Effect::Close { link, when } => self.close(slot, link, when),
                Effect::Dial { dial, to } => {
                    let to = to.to_string().parse().expect("only addresses are dialled");
                    let start_count = self.slots[slot].start_count;
                    let pause = 1 + self.below(40);
                    self.enter_in(
                        pause,
                        Planned::Dial {
                            slot,
                            start_count,
                            dial,
                            to,
                        },
                    );
                }
                Effect::Notice(notice) => notices.push(notice),
                Effect::Stop => {
                    let links: Vec<_> = self.slots[slot].links.keys().copied().collect();
                    for link in links {
                        self.close(slot, link, CloseWhen::Flushed);
                    }
                    self.slots[slot].node = None;
                    self.slots[slot].links.clear();
                }
            }
        }
        let deadline = match &self.slots[slot].node {
            Some(Node::Directory(directory)) => directory.deadline(),
            Some(Node::Peer(peer)) => peer.deadline(),
            None => None,
        };
        let here = &mut self.slots[slot];
        if deadline != here.tick_at {
            here.tick_at = deadline;
            let start_count = here.start_count;
            if let Some(when) = deadline {
                self.enter_at(when.max(self.now), Planned::Tick { slot, start_count });
            }
        }
        notices
    }

    fn send(&mut self, slot: usize, link: LinkId, bytes: &[u8]) {
        let Some(&(connection, side)) = self.slots[slot].links.get(&link) else {
            return;
        };
        let there = &mut self.connections[connection];
        if there.endpoints[side].phase != Phase::Live {
            return;
        }
        let stream = &mut there.streams[side];
        // A v1 node writes no newline after a registration, a greeting or a list.
        let first = !std::mem::replace(&mut stream.written, true);
        let bare = self.faults.bare && (first && side == 0 || slot == DIRECTORY);
        let bytes = if bare {
            bytes.strip_suffix(b"\n").unwrap_or(bytes)
        } else {
            bytes
        };
        stream.bytes.extend(bytes);
        self.arrive_later(connection, side);
    }

    fn close(&mut self, slot: usize, link: LinkId, when: CloseWhen) {
        let Some(&(connection, side)) = self.slots[slot].links.get(&link) else {
            return;
        };
        let there = &mut self.connections[connection];
        if there.endpoints[side].phase != Phase::Live {
            return;
        }
        there.endpoints[side].phase = Phase::Closed;
        there.streams[side].ended = true;
        if when == CloseWhen::Now {
            there.streams[side].bytes.clear();
        }
        self.arrive_later(connection, side);
        let pause = self.below(100);
        self.enter_in(pause, Planned::Ended { connection, side });
    }

    /// Checks that the notices of a peer are consistent.
    fn note(&mut self, slot: usize, notice: PeerNotice) {
        if self.verbose {
            println!("          {slot}: {notice:?}");
        }
        let seed = self.seed;
        let here = &mut self.slots[slot];
        match notice {
            PeerNotice::Connected { peer } | PeerNotice::Hello { peer } => {
                assert!(here.up.insert(peer), "seed {seed}: {peer} is there twice");
            }
            PeerNotice::Lost { peer, .. } => {
                assert!(here.up.remove(&peer), "seed {seed}: {peer} was not there");
            }
            PeerNotice::Text { peer, text } => here.received.push((peer, text)),
            PeerNotice::NotSent { .. } => here.not_sent += 1,
            // A greeting in two pieces may name another peer first.
            PeerNotice::Refused { .. } if self.faults.stalls > 0 => {}
            PeerNotice::Refused { source, why } => {
                panic!("seed {seed}: {source} was refused: {why}")
            }
            _ => {}
        }
    }

    fn peers(&self) -> impl Iterator<Item = (usize, &Peer)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(slot, there)| match &there.node {
            Some(Node::Peer(peer)) => Some((slot, &**peer)),
            _ => None,
        })
    }

    /// The invariants of a network at rest.
    fn check_invariants(&self) {
        let seed = self.seed;
        let Some(Node::Directory(directory)) = &self.slots[DIRECTORY].node else {
            panic!("the directory is there in the end");
        };
        let list: Vec<_> = directory.peers().collect();
        let living: BTreeSet<_> = self
            .peers()
            .map(|(slot, _)| self.slots[slot].address)
            .collect();
        let listed: BTreeSet<_> = list.iter().copied().collect();
        assert_eq!(
            list.len(),
            listed.len(),
            "seed {seed}: a peer is listed twice"
        );
        assert_eq!(listed, living, "seed {seed}: the directory's list");
        for (slot, peer) in self.peers() {
            let address = self.slots[slot].address;
            assert_eq!(peer.list(), list, "seed {seed}: the list of {address}");
            assert!(peer.is_complete(), "seed {seed}: {address} is not complete");
            let connected: BTreeSet<_> = peer.connected().map(|(other, _)| other).collect();
            assert_eq!(
                connected, self.slots[slot].up,
                "seed {seed}: {address} reported"
            );
            let mut others = living.clone();
            others.remove(&address);
            assert_eq!(
                connected, others,
                "seed {seed}: those connected with {address}"
            );
            for (other, link) in peer.connected() {
                let (connection, side) = self.slots[slot].links[&link];
                assert!(
                    self.is_live(connection),
                    "seed {seed}: {address} to {other}"
                );
                let there = &self.connections[connection].endpoints[1 - side];
                let found = self.slots[there.slot].address;
                assert_eq!(
                    found, other,
                    "seed {seed}: whom {address} takes for {other}"
                );
            }
        }
        let live = (0..self.connections.len()).filter(|&index| self.is_live(index));
        let pairs = living.len() * living.len().saturating_sub(1) / 2;
        assert_eq!(
            live.count(),
            pairs + living.len(),
            "seed {seed}: connections"
        );
    }

    /// Every peer sends a line, and every other peer receives it once.
    fn check_chats(&mut self) {
        let speakers: Vec<usize> = self.peers().map(|(slot, _)| slot).collect();
        for &slot in &speakers {
            self.slots[slot].received.clear();
            self.slots[slot].not_sent = 0;
        }
        for &slot in &speakers {
            let text = format!("hello from {}", self.slots[slot].address);
            let when = When::MeshComplete;
            self.send_to_peer(slot, Event::Command(PeerCommand::SendText { text, when }));
        }
        self.run_until(REST + 10_000);
        for &slot in &speakers {
            let mut received = self.slots[slot].received.clone();
            received.sort();
            let others = speakers.iter().filter(|&&other| other != slot);
            let mut meant: Vec<_> = others
                .map(|&other| self.slots[other].address)
                .map(|other| (other, format!("hello from {other}")))
                .collect();
            meant.sort();
            assert_eq!(received, meant, "seed {}", self.seed);
            let alone = usize::from(speakers.len() == 1);
            assert_eq!(self.slots[slot].not_sent, alone, "seed {}", self.seed);
        }
    }
}

/// An event for either kind of node.
enum AnyEvent {
    LinkUp(LinkId, Origin, Endpoints),
    Bytes(LinkId, Vec<u8>),
    LinkDown(LinkId, LinkDown),
    DialFailed(DialId, DialError),
    Tick,
}

impl AnyEvent {
    fn event<C>(&self) -> Event<'_, C> {
        match self {
            &AnyEvent::LinkUp(link, origin, endpoints) => Event::LinkUp {
                link,
                origin,
                endpoints,
            },
            AnyEvent::Bytes(link, bytes) => Event::Bytes { link: *link, bytes },
            &AnyEvent::LinkDown(link, why) => Event::LinkDown {
                link,
                why,
                unsent: Unsent::default(),
            },
            &AnyEvent::DialFailed(dial, why) => Event::DialFailed { dial, why },
            AnyEvent::Tick => Event::Tick,
        }
    }
}

fn pick(random: &mut Random, len: usize) -> usize {
    usize::try_from(random.below(len as u64)).expect("less than a length")
}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

fn run(seed: u64) -> usize {
    let mut world = World::new(seed);
    if world.verbose {
        println!("{:?}", world.faults);
    }
    world.run_until(REST);
    world.check_invariants();
    world.check_chats();
    world.check_invariants();
    world.peers().count()
}

#[test]
fn every_pair_has_one_connection_at_rest() {
    let number = |name| env::var(name).ok().and_then(|value| value.parse().ok());
    if let Some(seed) = number("RENDEZVOUS_SEED") {
        run(seed);
        return;
    }
    let seeds = number("RENDEZVOUS_SEEDS").unwrap_or(SEEDS);
    let mut sizes = BTreeMap::new();
    for seed in 0..seeds {
        *sizes.entry(run(seed)).or_insert(0_u64) += 1;
    }
    println!("networks by number of peers: {sizes:?}");
    // Small networks alone would prove little.
    let large: u64 = sizes.range(4..).map(|(_, count)| count).sum();
    assert!(large * 5 > seeds, "{sizes:?}");
}

/// Two peers of which each takes the other for the later one, as when only one of them
/// has a new list. Returns the number of connections that were made.
fn cross(seed: u64) -> usize {
    let mut world = World::without_faults(seed);
    let peers = ["10.0.0.2:9000", "10.0.0.3:9000"].map(|text| text.parse().expect("an address"));
    let slots = peers.map(|address| world.add_slot(address));
    for (index, &slot) in slots.iter().enumerate() {
        let pause = 1 + world.below(60);
        let now = world.now.as_micros() / 1_000;
        world.run_until(now + pause);
        world.start(slot);
        let link = LinkId::new(u32::MAX, 0);
        let dial = DialId(1 << 63);
        let endpoints = Endpoints {
            peer: world.slots[DIRECTORY].address,
            local: peers[index],
        };
        let list = format!("list:\n{}\n{}\n", peers[index], peers[1 - index]);
        world.send_event(
            slot,
            AnyEvent::LinkUp(link, Origin::Dialed { dial }, endpoints),
        );
        world.send_event(slot, AnyEvent::Bytes(link, list.into_bytes()));
    }
    world.run_until(14_000);
    let live: Vec<_> = (0..world.connections.len())
        .filter(|&index| world.is_live(index))
        .collect();
    assert_eq!(live.len(), 1, "seed {seed}");
    for (slot, peer) in world.peers() {
        let connected: Vec<_> = peer.connected().map(|(_, link)| link).collect();
        let known = connected.iter().map(|link| world.slots[slot].links[link].0);
        assert_eq!(known.collect::<Vec<_>>(), live, "seed {seed}: {slot}");
    }
    world.connections.len()
}

#[test]
fn two_peers_that_dial_each_other_keep_one_connection() {
    let mut made = BTreeMap::new();
    for seed in 0..SEEDS {
        *made.entry(cross(seed)).or_insert(0_u64) += 1;
    }
    // Some of the dials must have crossed.
    let crossed: u64 = made.range(2..).map(|(_, count)| count).sum();
    assert!(crossed * 10 > SEEDS, "{made:?}");
    // Two, and more if a peer learns of a loss before the other greeting.
    assert!(made.keys().all(|count| *count <= 4), "{made:?}");
}
