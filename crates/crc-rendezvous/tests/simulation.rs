//! Whole networks in one process: a directory and some peers on a virtual clock,
//! joining in any order and at any time, leaving, crashing and coming back, with
//! connections that fail and a directory that is started anew. When the trouble is
//! over, every living peer knows the same list, and every pair of them has exactly
//! one connection.
//!
//! A run follows from its seed. `RENDEZVOUS_SEEDS=100000 cargo test --release -p
//! crc-rendezvous --test simulation` runs more of them; `RENDEZVOUS_SEED=7` runs one
//! and prints what happens in it.

#![expect(clippy::print_stdout, reason = "a run is told on demand")]

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

/// How many seeds a run of the tests tries.
const SEEDS: u64 = 2_000;

/// When the trouble is over, and when everything has come to rest: the longest
/// pause before a dial is half a minute, and one or two may follow each other.
const TROUBLE: u64 = 30_000;
const REST: u64 = TROUBLE + 150_000;

/// Far more than happens in any run.
const STEPS_MAX: u64 = 300_000;

const DIRECTORY: usize = 0;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(millis * 1_000)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What may happen in a run, drawn from its seed.
#[derive(Debug, Clone, Copy)]
struct Weather {
    /// Whether peers stay when the directory goes, so that it may.
    persist: bool,
    /// Whether nodes are like the original, and put nothing behind a message.
    bare: bool,
    /// How often in a hundred times a dial comes to nothing.
    dials_fail: u64,
    /// How often in a hundred times a piece takes so long that a message seems to
    /// be over.
    stalls: u64,
    /// How many connections fail.
    breaks: u64,
}

enum Node {
    Directory(Box<Directory>),
    Peer(Box<Peer>),
}

struct Place {
    address: SocketAddr,
    node: Option<Node>,
    /// How often it was started; what was meant for an earlier life is dropped.
    life: u32,
    links: BTreeMap<LinkId, (usize, usize)>,
    links_made: u32,
    /// The deadline that stands in the calendar.
    tick_at: Option<Timestamp>,
    /// Whom it has told to be connected with.
    up: BTreeSet<SocketAddr>,
    heard: Vec<(SocketAddr, String)>,
    said_nothing: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its node has not been told of it.
    Coming,
    Live,
    /// Closed by its node, which has not been told of the end.
    Closed,
    Gone,
}

#[derive(Debug)]
struct End {
    place: usize,
    life: u32,
    link: LinkId,
    phase: Phase,
}

/// What one end has written.
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
enum What {
    Start(usize),
    Leave(usize),
    Crash {
        place: usize,
        unnoticed: bool,
    },
    Break,
    Dial {
        place: usize,
        life: u32,
        dial: DialId,
        to: SocketAddr,
    },
    DialFailed {
        place: usize,
        life: u32,
        dial: DialId,
        why: DialError,
    },
    Up {
        connection: usize,
        side: usize,
    },
    /// Something that this side has written arrives.
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
        place: usize,
        life: u32,
    },
}

struct World {
    seed: u64,
    weather: Weather,
    random: Random,
    now: Timestamp,
    calendar: BTreeMap<(Timestamp, u64), What>,
    entered: u64,
    places: Vec<Place>,
    connections: Vec<Connection>,
    ports: u16,
    steps: u64,
    loud: bool,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random::new(seed);
        let weather = Weather {
            persist: random.below(2) == 0,
            bare: random.below(3) == 0,
            dials_fail: [0, 0, 10, 30][pick(&mut random, 4)],
            stalls: [0, 0, 3, 15][pick(&mut random, 4)],
            breaks: [0, 0, 2, 8][pick(&mut random, 4)],
        };
        let mut world = World {
            seed,
            weather,
            random,
            now: Timestamp::START,
            calendar: BTreeMap::new(),
            entered: 0,
            places: Vec::new(),
            connections: Vec::new(),
            ports: 40_000,
            steps: 0,
            loud: env::var_os("RENDEZVOUS_SEED").is_some(),
        };
        world.add_place(SocketAddr::from(([10, 0, 0, 1], 33_400)));
        world.plan();
        world
    }

    /// One in which nothing happens by itself.
    fn without_trouble(seed: u64) -> World {
        let mut world = World::new(seed);
        world.weather = Weather {
            persist: false,
            bare: false,
            dials_fail: 0,
            stalls: 0,
            breaks: 0,
        };
        world.calendar.clear();
        world.places.truncate(1);
        world
    }

    fn add_place(&mut self, address: SocketAddr) -> usize {
        self.places.push(Place {
            address,
            node: None,
            life: 0,
            links: BTreeMap::new(),
            links_made: 0,
            tick_at: None,
            up: BTreeSet::new(),
            heard: Vec::new(),
            said_nothing: 0,
        });
        self.places.len() - 1
    }

    /// Who comes and goes, and when.
    fn plan(&mut self) {
        let hurry = [50, 2_000, 20_000][pick(&mut self.random, 3)];
        let late = self.below(3) == 0 && self.weather.persist;
        let first = if late { self.below(5_000) } else { 0 };
        self.enter(first, What::Start(DIRECTORY));
        if self.weather.persist {
            let mut when = first;
            for _ in 0..self.below(3) {
                when += 1 + self.below(10_000);
                let unnoticed = self.below(4) == 0;
                self.enter(
                    when,
                    What::Crash {
                        place: DIRECTORY,
                        unnoticed,
                    },
                );
                when += self.below(4_000);
                self.enter(when, What::Start(DIRECTORY));
            }
        }
        let most = if self.below(20) == 0 { 16 } else { 7 };
        let count = 3 + self.below(most);
        for number in 0..count {
            let host = Ipv4Addr::new(10, 0, 0, 2 + low_byte(self.below(3)));
            // Ports of few digits are those whose end one can't see.
            let base: u16 = [1, 100, 9_000, 33_400][pick(&mut self.random, 4)];
            let port = base + u16::from(low_byte(number));
            let place = self.add_place(SocketAddr::from((host, port)));
            let mut when = 1 + self.below(hurry);
            self.enter(when, What::Start(place));
            for _ in 0..self.below(3) {
                when += 1 + self.below(8_000);
                if self.below(2) == 0 {
                    self.enter(when, What::Leave(place));
                } else {
                    let unnoticed = self.below(4) == 0;
                    self.enter(when, What::Crash { place, unnoticed });
                }
                if self.below(3) == 0 {
                    break;
                }
                when += [0, 5, 400, 4_000][pick(&mut self.random, 4)];
                self.enter(when, What::Start(place));
            }
        }
        for _ in 0..self.weather.breaks {
            let when = self.below(TROUBLE);
            self.enter(when, What::Break);
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    fn is_calm(&self) -> bool {
        self.now >= at(TROUBLE)
    }

    fn enter(&mut self, when: u64, what: What) {
        self.enter_at(at(when), what);
    }

    fn enter_in(&mut self, pause: u64, what: What) {
        self.enter_at(self.now + millis(pause), what);
    }

    fn enter_at(&mut self, when: Timestamp, what: What) {
        self.entered += 1;
        self.calendar.insert((when, self.entered), what);
    }

    /// How long something takes.
    fn delay(&mut self, latency: u64) -> u64 {
        let stalls = !self.is_calm() && self.below(100) < self.weather.stalls;
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
            self.happen(what);
        }
        self.now = at(end);
    }

    fn happen(&mut self, what: What) {
        if self.loud {
            println!("{:>9} {what:?}", self.now.as_micros());
        }
        match what {
            What::Start(place) => self.start(place),
            What::Leave(place) => {
                if self.places[place].node.is_some() {
                    let leave = PeerCommand::Leave { when: When::Now };
                    self.tell_peer(place, Event::Command(leave));
                }
            }
            What::Crash { place, unnoticed } => self.crash(place, unnoticed),
            What::Break => {
                let live: Vec<_> = (0..self.connections.len())
                    .filter(|&index| self.is_live(index))
                    .collect();
                if !live.is_empty() {
                    let connection = live[pick(&mut self.random, live.len())];
                    self.break_off(connection);
                }
            }
            What::BreakOff { connection } => self.break_off(connection),
            What::Dial {
                place,
                life,
                dial,
                to,
            } => self.dial(place, life, dial, to),
            What::DialFailed {
                place,
                life,
                dial,
                why,
            } => {
                if self.places[place].life == life {
                    self.tell_any(place, AnyEvent::DialFailed(dial, why));
                }
            }
            What::Up { connection, side } => self.come_up(connection, side),
            What::Arrive { connection, side } => self.arrive(connection, side),
            What::Ended { connection, side } => self.end(connection, side, LinkDown::Ended),
            What::Tick { place, life } => {
                let due = self.places[place].tick_at;
                if self.places[place].life == life && due.is_some_and(|due| due <= self.now) {
                    self.places[place].tick_at = None;
                    self.tell_any(place, AnyEvent::Tick);
                }
            }
        }
    }

    fn is_live(&self, connection: usize) -> bool {
        let live = |end: &End| end.phase == Phase::Live;
        self.connections[connection].endpoints.iter().all(live)
    }

    fn start(&mut self, place: usize) {
        let seed = self.random.next_u64();
        let directory = PeerAddress::from(self.places[DIRECTORY].address);
        let here = &mut self.places[place];
        if here.node.is_some() {
            return;
        }
        here.life += 1;
        here.up.clear();
        here.heard.clear();
        if place == DIRECTORY {
            let directory = Directory::new(DirectoryConfig::default());
            here.node = Some(Node::Directory(Box::new(directory)));
            return;
        }
        let mut config = PeerConfig::new(directory, seed);
        config.persist = self.weather.persist;
        here.node = Some(Node::Peer(Box::new(Peer::new(config))));
        let address = here.address;
        self.tell_peer(place, Event::Command(PeerCommand::Start { address }));
    }

    fn crash(&mut self, place: usize, unnoticed: bool) {
        let here = &mut self.places[place];
        if here.node.take().is_none() {
            return;
        }
        here.tick_at = None;
        for (_, (connection, side)) in std::mem::take(&mut here.links) {
            self.connections[connection].endpoints[side].phase = Phase::Gone;
            if unnoticed {
                let pause = self.below(20_000);
                self.enter_in(pause, What::BreakOff { connection });
            } else {
                self.break_off(connection);
            }
        }
    }

    /// Breaks a connection; each side finds that behind what has come to it.
    fn break_off(&mut self, connection: usize) {
        for side in [0, 1] {
            self.connections[connection].streams[side].broken = true;
            if self.below(2) == 0 {
                self.connections[connection].streams[side].bytes.clear();
            }
            self.arrive_later(connection, side);
        }
    }

    fn dial(&mut self, place: usize, life: u32, dial: DialId, to: SocketAddr) {
        let fails = !self.is_calm() && self.below(100) < self.weather.dials_fail;
        let found = self
            .places
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
                What::DialFailed {
                    place,
                    life,
                    dial,
                    why,
                },
            );
            return;
        };
        let end = |place, life| End {
            place,
            life,
            link: LinkId::new(0, 0),
            phase: Phase::Coming,
        };
        self.ports = self.ports.checked_add(1).unwrap_or(40_000);
        let source = SocketAddr::new(self.places[place].address.ip(), self.ports);
        let latency = 1 + self.below(60);
        self.connections.push(Connection {
            endpoints: [end(place, life), end(there, self.places[there].life)],
            streams: Default::default(),
            dial,
            source,
            latency,
        });
        let connection = self.connections.len() - 1;
        for side in [0, 1] {
            let pause = self.delay(latency);
            self.enter_in(pause, What::Up { connection, side });
        }
    }

    fn come_up(&mut self, connection: usize, side: usize) {
        let there = &self.connections[connection];
        let (place, life) = (there.endpoints[side].place, there.endpoints[side].life);
        let (dial, source) = (there.dial, there.source);
        let target = self.places[there.endpoints[1].place].address;
        let here = &mut self.places[place];
        if here.life != life || here.node.is_none() {
            self.connections[connection].endpoints[side].phase = Phase::Gone;
            self.break_off(connection);
            return;
        }
        let link = LinkId::new(here.links_made, life);
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
        self.tell_any(place, AnyEvent::LinkUp(link, origin, endpoints));
    }

    fn arrive_later(&mut self, connection: usize, side: usize) {
        if std::mem::replace(&mut self.connections[connection].streams[side].due, true) {
            return;
        }
        let latency = self.connections[connection].latency;
        let pause = self.delay(latency);
        self.enter_in(pause, What::Arrive { connection, side });
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
            let (place, link) = (end.place, end.link);
            self.tell_any(place, AnyEvent::Bytes(link, bytes));
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

    /// An end is no more, and its node is told.
    fn end(&mut self, connection: usize, side: usize, why: LinkDown) {
        let end = &mut self.connections[connection].endpoints[side];
        let (place, life, link) = (end.place, end.life, end.link);
        match std::mem::replace(&mut end.phase, Phase::Gone) {
            Phase::Gone => return,
            Phase::Coming => panic!("nobody was told of it"),
            Phase::Live => {
                self.connections[connection].streams[side].ended = true;
                self.arrive_later(connection, side);
            }
            Phase::Closed => {}
        }
        let here = &mut self.places[place];
        if here.life == life && here.node.is_some() {
            here.links.remove(&link);
            self.tell_any(place, AnyEvent::LinkDown(link, why));
        }
    }

    fn tell_peer(&mut self, place: usize, event: Event<'_, PeerCommand>) {
        let mut out = Outbox::new();
        if let Some(Node::Peer(peer)) = &mut self.places[place].node {
            peer.handle(self.now, event, &mut out);
        }
        let notices = self.carry_out(place, &mut out);
        for notice in notices {
            self.note(place, notice);
        }
    }

    fn tell_any(&mut self, place: usize, event: AnyEvent) {
        if matches!(self.places[place].node, Some(Node::Peer(_))) {
            self.tell_peer(place, event.event());
            return;
        }
        let mut out = Outbox::new();
        if let Some(Node::Directory(directory)) = &mut self.places[place].node {
            directory.handle(self.now, event.event(), &mut out);
        }
        for notice in self.carry_out(place, &mut out) {
            if self.loud {
                println!("          {place}: {notice:?}");
            }
        }
    }

    fn carry_out<N>(&mut self, place: usize, out: &mut Outbox<N>) -> Vec<N> {
        let mut notices = Vec::new();
        for effect in out.take_effects() {
            match effect {
                Effect::Send { link, range, .. } => self.send(place, link, out.bytes(range)),
                Effect::Bound { .. } => {}
                Effect::Close { link, when } => self.close(place, link, when),
                Effect::Dial { dial, to } => {
                    let to = to.to_string().parse().expect("only addresses are dialled");
                    let life = self.places[place].life;
                    let pause = 1 + self.below(40);
                    self.enter_in(
                        pause,
                        What::Dial {
                            place,
                            life,
                            dial,
                            to,
                        },
                    );
                }
                Effect::Notice(notice) => notices.push(notice),
                Effect::Stop => {
                    let links: Vec<_> = self.places[place].links.keys().copied().collect();
                    for link in links {
                        self.close(place, link, CloseWhen::Flushed);
                    }
                    self.places[place].node = None;
                    self.places[place].links.clear();
                }
            }
        }
        let deadline = match &self.places[place].node {
            Some(Node::Directory(directory)) => directory.deadline(),
            Some(Node::Peer(peer)) => peer.deadline(),
            None => None,
        };
        let here = &mut self.places[place];
        if deadline != here.tick_at {
            here.tick_at = deadline;
            let life = here.life;
            if let Some(when) = deadline {
                self.enter_at(when.max(self.now), What::Tick { place, life });
            }
        }
        notices
    }

    fn send(&mut self, place: usize, link: LinkId, bytes: &[u8]) {
        let Some(&(connection, side)) = self.places[place].links.get(&link) else {
            return;
        };
        let there = &mut self.connections[connection];
        if there.endpoints[side].phase != Phase::Live {
            return;
        }
        let stream = &mut there.streams[side];
        // A node like the original: nothing stands behind a registration, a greeting
        // or a list.
        let first = !std::mem::replace(&mut stream.written, true);
        let bare = self.weather.bare && (first && side == 0 || place == DIRECTORY);
        let bytes = if bare {
            bytes.strip_suffix(b"\n").unwrap_or(bytes)
        } else {
            bytes
        };
        stream.bytes.extend(bytes);
        self.arrive_later(connection, side);
    }

    fn close(&mut self, place: usize, link: LinkId, when: CloseWhen) {
        let Some(&(connection, side)) = self.places[place].links.get(&link) else {
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
        self.enter_in(pause, What::Ended { connection, side });
    }

    /// What a peer tells must fit together.
    fn note(&mut self, place: usize, notice: PeerNotice) {
        if self.loud {
            println!("          {place}: {notice:?}");
        }
        let seed = self.seed;
        let here = &mut self.places[place];
        match notice {
            PeerNotice::Connected { peer } | PeerNotice::Hello { peer } => {
                assert!(here.up.insert(peer), "seed {seed}: {peer} is there twice");
            }
            PeerNotice::Lost { peer, .. } => {
                assert!(here.up.remove(&peer), "seed {seed}: {peer} was not there");
            }
            PeerNotice::Text { peer, text } => here.heard.push((peer, text)),
            PeerNotice::NotSent { .. } => here.said_nothing += 1,
            // A greeting that comes in two pieces may be taken for another's first.
            PeerNotice::Refused { .. } if self.weather.stalls > 0 => {}
            PeerNotice::Refused { source, why } => {
                panic!("seed {seed}: {source} was refused: {why}")
            }
            _ => {}
        }
    }

    fn peers(&self) -> impl Iterator<Item = (usize, &Peer)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(place, there)| match &there.node {
            Some(Node::Peer(peer)) => Some((place, &**peer)),
            _ => None,
        })
    }

    /// What must be true when nothing moves any more.
    fn judge(&self) {
        let seed = self.seed;
        let Some(Node::Directory(directory)) = &self.places[DIRECTORY].node else {
            panic!("the directory is there in the end");
        };
        let list: Vec<_> = directory.peers().collect();
        let living: BTreeSet<_> = self
            .peers()
            .map(|(place, _)| self.places[place].address)
            .collect();
        let listed: BTreeSet<_> = list.iter().copied().collect();
        assert_eq!(
            list.len(),
            listed.len(),
            "seed {seed}: somebody is listed twice"
        );
        assert_eq!(listed, living, "seed {seed}: the directory's list");
        for (place, peer) in self.peers() {
            let address = self.places[place].address;
            assert_eq!(peer.list(), list, "seed {seed}: the list of {address}");
            assert!(peer.is_complete(), "seed {seed}: {address} is not complete");
            let connected: BTreeSet<_> = peer.connected().map(|(other, _)| other).collect();
            assert_eq!(
                connected, self.places[place].up,
                "seed {seed}: {address} told"
            );
            let mut others = living.clone();
            others.remove(&address);
            assert_eq!(
                connected, others,
                "seed {seed}: those connected with {address}"
            );
            for (other, link) in peer.connected() {
                let (connection, side) = self.places[place].links[&link];
                assert!(
                    self.is_live(connection),
                    "seed {seed}: {address} to {other}"
                );
                let there = &self.connections[connection].endpoints[1 - side];
                let found = self.places[there.place].address;
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

    /// Everybody says a line, and everybody else hears it once.
    fn talk(&mut self) {
        let speakers: Vec<usize> = self.peers().map(|(place, _)| place).collect();
        for &place in &speakers {
            self.places[place].heard.clear();
            self.places[place].said_nothing = 0;
        }
        for &place in &speakers {
            let text = format!("hello from {}", self.places[place].address);
            let when = When::MeshComplete;
            self.tell_peer(place, Event::Command(PeerCommand::SendText { text, when }));
        }
        self.run_until(REST + 10_000);
        for &place in &speakers {
            let mut heard = self.places[place].heard.clone();
            heard.sort();
            let others = speakers.iter().filter(|&&other| other != place);
            let mut meant: Vec<_> = others
                .map(|&other| self.places[other].address)
                .map(|other| (other, format!("hello from {other}")))
                .collect();
            meant.sort();
            assert_eq!(heard, meant, "seed {}", self.seed);
            let alone = usize::from(speakers.len() == 1);
            assert_eq!(self.places[place].said_nothing, alone, "seed {}", self.seed);
        }
    }
}

/// An event that both kinds of nodes may be told.
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
    if world.loud {
        println!("{:?}", world.weather);
    }
    world.run_until(REST);
    world.judge();
    world.talk();
    world.judge();
    world.peers().count()
}

#[test]
fn every_pair_has_one_connection_in_the_end() {
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
    println!("networks of so many peers in the end: {sizes:?}");
    // Otherwise nothing was tried.
    let large: u64 = sizes.range(4..).map(|(_, count)| count).sum();
    assert!(large * 5 > seeds, "{sizes:?}");
}

/// Two peers of which each takes the other for the later one, as after a new order of
/// the list that only one of them has heard of. Returns how many connections were made.
fn cross(seed: u64) -> usize {
    let mut world = World::without_trouble(seed);
    let peers = ["10.0.0.2:9000", "10.0.0.3:9000"].map(|text| text.parse().expect("an address"));
    let places = peers.map(|address| world.add_place(address));
    for (index, &place) in places.iter().enumerate() {
        let pause = 1 + world.below(60);
        let now = world.now.as_micros() / 1_000;
        world.run_until(now + pause);
        world.start(place);
        let link = LinkId::new(u32::MAX, 0);
        let dial = DialId(1 << 63);
        let endpoints = Endpoints {
            peer: world.places[DIRECTORY].address,
            local: peers[index],
        };
        let list = format!("list:\n{}\n{}\n", peers[index], peers[1 - index]);
        world.tell_any(
            place,
            AnyEvent::LinkUp(link, Origin::Dialed { dial }, endpoints),
        );
        world.tell_any(place, AnyEvent::Bytes(link, list.into_bytes()));
    }
    world.run_until(14_000);
    let live: Vec<_> = (0..world.connections.len())
        .filter(|&index| world.is_live(index))
        .collect();
    assert_eq!(live.len(), 1, "seed {seed}");
    for (place, peer) in world.peers() {
        let connected: Vec<_> = peer.connected().map(|(_, link)| link).collect();
        let known = connected
            .iter()
            .map(|link| world.places[place].links[link].0);
        assert_eq!(known.collect::<Vec<_>>(), live, "seed {seed}: {place}");
    }
    world.connections.len()
}

#[test]
fn two_who_dial_each_other_have_one_connection_in_the_end() {
    let mut made = BTreeMap::new();
    for seed in 0..SEEDS {
        *made.entry(cross(seed)).or_insert(0_u64) += 1;
    }
    // Otherwise they did not meet.
    let crossed: u64 = made.range(2..).map(|(_, count)| count).sum();
    assert!(crossed * 10 > SEEDS, "{made:?}");
    // Two, and one more if the loss of one is heard of before the other's greeting.
    assert!(made.keys().all(|count| *count <= 4), "{made:?}");
}
