//! Whole networks in one process: a directory and some peers on a virtual clock. Peers
//! join at any time, leave, crash and return; connections fail; the directory restarts.
//! When the faults are over, all running peers have the same list, and every pair of
//! them has exactly one connection.
//!
//! Connections and the clock are `crc-netem`'s `TimedNet`.
//!
//! A run depends on its seed only. `RENDEZVOUS_SEEDS=100000 cargo test --release -p
//! crc-rendezvous --test simulation` runs more of them; `RENDEZVOUS_SEED=7` runs one
//! and prints what happens in it.

#![expect(clippy::print_stdout, reason = "a run prints its events on demand")]

mod checks;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::ErrorKind;
use std::net::SocketAddr;

use crc_machine::{
    DialId, Effect, Endpoints, Event, LinkId, Machine, Origin, Outbox, PeerAddress, Random,
    Timestamp,
};
use crc_netem::{Draw, Failure, HostOptions, LinkEvent, Side, Step, TimedNet};
use crc_rendezvous::{Directory, DirectoryConfig, Peer, PeerCommand, PeerConfig, PeerNotice, When};
use plan::Faults;

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

#[derive(Debug)]
enum Node {
    Directory(Box<Directory>),
    Peer(Box<Peer>),
}

#[derive(Debug)]
struct Slot {
    address: SocketAddr,
    node: Option<Node>,
    /// The peers that it has reported as connected.
    up: BTreeSet<SocketAddr>,
    received: Vec<(SocketAddr, String)>,
    not_sent: usize,
}

/// A step of the plan.
#[derive(Debug, Clone, Copy)]
enum Act {
    Start(usize),
    Leave(usize),
    Crash { slot: usize, failure: Failure },
    Break,
    EndFaults,
}

struct Simulation {
    seed: u64,
    faults: Faults,
    random: Random,
    net: TimedNet<Act>,
    slots: Vec<Slot>,
    computers_failed: bool,
    steps: u64,
    verbose: bool,
}

impl Simulation {
    fn new(seed: u64) -> Simulation {
        let mut random = Random::new(seed);
        let faults = Faults::draw(&mut random);
        let mut simulation = Simulation::with(seed, faults, random);
        simulation.plan();
        simulation
    }

    /// A simulation without planned events.
    fn without_faults(seed: u64) -> Simulation {
        Simulation::with(seed, Faults::NONE, Random::new(seed))
    }

    fn with(seed: u64, faults: Faults, random: Random) -> Simulation {
        let mut simulation = Simulation {
            seed,
            faults,
            random,
            net: TimedNet::new(seed, faults.conditions()),
            slots: Vec::new(),
            computers_failed: false,
            steps: 0,
            verbose: env::var_os("RENDEZVOUS_SEED").is_some(),
        };
        simulation.add_slot(SocketAddr::from(([10, 0, 0, 1], 33_400)));
        simulation
    }

    fn add_slot(&mut self, address: SocketAddr) -> usize {
        self.slots.push(Slot {
            address,
            node: None,
            up: BTreeSet::new(),
            received: Vec::new(),
            not_sent: 0,
        });
        self.net.add_host(HostOptions::new(address))
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    fn enter(&mut self, when: u64, act: Act) {
        self.net.schedule(at(when), act);
    }

    fn run_until(&mut self, end: u64) {
        while let Some(step) = self.net.poll(at(end)) {
            self.steps += 1;
            let seed = self.seed;
            assert!(self.steps < STEPS_MAX, "seed {seed}: it does not end");
            if self.verbose {
                println!("{:>9} {step:?}", self.net.now().as_micros());
            }
            match step {
                Step::Entry(act) => self.act(act),
                Step::Link {
                    host,
                    connection,
                    side,
                    event,
                } => {
                    if matches!(event, LinkEvent::Bytes { .. }) {
                        self.maybe_stall(connection, 1 - side);
                    }
                    self.handle(host, &event);
                    if let LinkEvent::Down { .. } = event {
                        self.net.finish_stop(host);
                    }
                }
                Step::DialFailed { host, event } => self.handle(host, &event),
                Step::Wake { host } => self.tick(host),
                Step::Stopped { host } => self.net.fail(host, Failure::Process),
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Start(slot) => self.start(slot),
            Act::Leave(slot) => {
                let leave = PeerCommand::Leave { when: When::Now };
                self.command(slot, leave);
            }
            Act::Crash { slot, failure } => {
                self.slots[slot].node = None;
                self.computers_failed |= failure == Failure::Computer;
                self.net.fail(slot, failure);
            }
            Act::Break => {
                let live = self.live().collect::<Vec<_>>();
                if !live.is_empty() {
                    let connection = self.random.one_of(&live);
                    for side in 0..2 {
                        let after = self.random.millis(0, 100);
                        let kind = ErrorKind::ConnectionReset;
                        self.net.reset_after(connection, side, after, kind);
                    }
                }
            }
            Act::EndFaults => {
                self.faults = Faults {
                    dials_fail: 0,
                    stalls: 0,
                    ..self.faults
                };
                self.net.set_conditions(self.faults.conditions());
            }
        }
    }

    /// The connections that both ends know of and have not closed.
    fn live(&self) -> impl Iterator<Item = usize> {
        let connections = self.net.connections().iter().enumerate();
        connections
            .filter(|(_, connection)| connection.is_live())
            .map(|(index, _)| index)
    }

    /// What follows on a stream may take so long that a message seems to be over.
    fn maybe_stall(&mut self, connection: usize, writer: Side) {
        if self.random.chance(self.faults.stalls) {
            let until = self.net.now() + self.random.millis(50, 1_550);
            self.net.stall(connection, writer, until);
        }
    }

    fn start(&mut self, slot: usize) {
        let seed = self.random.next_u64();
        let directory = PeerAddress::from(self.slots[DIRECTORY].address);
        let here = &mut self.slots[slot];
        if here.node.is_some() {
            return;
        }
        // A process that still lingers gives way to the new one.
        self.net.fail(slot, Failure::Process);
        self.net.start(slot);
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
        self.command(slot, PeerCommand::Start { address });
    }

    fn command(&mut self, slot: usize, command: PeerCommand) {
        self.handle_peer(slot, Event::Command(command));
    }

    fn tick(&mut self, slot: usize) {
        let due = self.deadline(slot);
        if due.is_some_and(|due| self.net.has_come(slot, due)) {
            match self.slots[slot].node {
                Some(Node::Directory(_)) => self.handle_directory(slot, Event::Tick),
                Some(Node::Peer(_)) => self.handle_peer(slot, Event::Tick),
                None => {}
            }
        }
        let deadline = self.deadline(slot);
        self.net.wake_at(slot, deadline);
    }

    fn handle(&mut self, slot: usize, event: &LinkEvent) {
        match self.slots[slot].node {
            Some(Node::Directory(_)) => self.handle_directory(slot, event.as_event()),
            Some(Node::Peer(_)) => self.handle_peer(slot, event.as_event()),
            None => {}
        }
    }

    fn handle_peer(&mut self, slot: usize, event: Event<'_, PeerCommand>) {
        let mut out = Outbox::new();
        let now = self.net.clock(slot);
        if let Some(Node::Peer(peer)) = &mut self.slots[slot].node {
            peer.handle(now, event, &mut out);
        }
        for notice in self.carry_out(slot, &mut out) {
            self.on_notice(slot, notice);
        }
    }

    fn handle_directory<C>(&mut self, slot: usize, event: Event<'_, C>)
    where
        Directory: Machine<Command = C>,
    {
        let mut out = Outbox::new();
        let now = self.net.clock(slot);
        if let Some(Node::Directory(directory)) = &mut self.slots[slot].node {
            directory.handle(now, event, &mut out);
        }
        for notice in self.carry_out(slot, &mut out) {
            if self.verbose {
                println!("          {slot}: {notice:?}");
            }
        }
    }

    fn carry_out<N>(&mut self, slot: usize, out: &mut Outbox<N>) -> Vec<N> {
        let mut notices = Vec::new();
        for effect in out.take_effects() {
            match effect {
                Effect::Send { link, range, .. } => self.send(slot, link, out.bytes(range)),
                Effect::Notice(notice) => notices.push(notice),
                Effect::Stop => {
                    self.net.stop(slot);
                    self.slots[slot].node = None;
                }
                effect => self.net.apply(slot, &effect, out),
            }
        }
        self.net.take_progress();
        let deadline = self.deadline(slot);
        self.net.wake_at(slot, deadline);
        notices
    }

    fn deadline(&self, slot: usize) -> Option<Timestamp> {
        match &self.slots[slot].node {
            Some(Node::Directory(directory)) => directory.deadline(),
            Some(Node::Peer(peer)) => peer.deadline(),
            None => None,
        }
    }

    fn send(&mut self, slot: usize, link: LinkId, bytes: &[u8]) {
        let Some((connection, side)) = self.net.sendable(slot, link) else {
            return;
        };
        // A v1 node writes no newline after a registration, a greeting or a list.
        let first = self.net.connections()[connection].stream(side).sent() == 0;
        let bare = self.faults.bare && (first && side == 0 || slot == DIRECTORY);
        let bytes = if bare {
            bytes.strip_suffix(b"\n").unwrap_or(bytes)
        } else {
            bytes
        };
        self.maybe_stall(connection, side);
        self.net.send(connection, side, bytes);
    }

    /// Checks that the notices of a peer are consistent.
    fn on_notice(&mut self, slot: usize, notice: PeerNotice) {
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
            // A greeting that comes in two segments may be taken for two messages, and one
            // from a dead computer may never come.
            PeerNotice::Refused { .. } if self.faults.stalls > 0 || self.computers_failed => {}
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
}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

fn run(seed: u64) -> usize {
    let mut simulation = Simulation::new(seed);
    if simulation.verbose {
        println!("{:?}", simulation.faults);
    }
    simulation.run_until(REST);
    simulation.check_invariants();
    simulation.check_chats();
    simulation.check_invariants();
    simulation.peers().count()
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
    let mut simulation = Simulation::without_faults(seed);
    let peers = ["10.0.0.2:9000", "10.0.0.3:9000"].map(|text| text.parse().expect("an address"));
    let slots = peers.map(|address| simulation.add_slot(address));
    for (index, &slot) in slots.iter().enumerate() {
        let pause = 1 + simulation.below(60);
        let now = simulation.net.now().as_micros() / 1_000;
        simulation.run_until(now + pause);
        simulation.start(slot);
        let link = LinkId::new(u32::MAX, 0);
        let dial = DialId(1 << 63);
        let endpoints = Endpoints {
            peer: simulation.slots[DIRECTORY].address,
            local: peers[index],
        };
        let list = format!("list:\n{}\n{}\n", peers[index], peers[1 - index]);
        let origin = Origin::Dialed { dial };
        let up = LinkEvent::Up {
            link,
            origin,
            endpoints,
        };
        simulation.handle(slot, &up);
        let bytes = list.into_bytes();
        simulation.handle(slot, &LinkEvent::Bytes { link, bytes });
    }
    simulation.run_until(14_000);
    let live: Vec<_> = simulation.live().collect();
    assert_eq!(live.len(), 1, "seed {seed}");
    for (slot, peer) in simulation.peers() {
        let connected: Vec<_> = peer.connected().map(|(_, link)| link).collect();
        let known = connected
            .iter()
            .filter_map(|link| Some(simulation.net.find(slot, *link)?.0));
        assert_eq!(known.collect::<Vec<_>>(), live, "seed {seed}: {slot}");
    }
    simulation.net.connections().len()
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
