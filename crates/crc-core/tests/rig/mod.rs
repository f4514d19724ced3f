//! A small network without sockets: servers of ours, byte pipes between them,
//! a virtual clock, and raw peers that a test speaks for.
//!
//! Pipes deliver in order and cut anywhere; which one is next, and how much of
//! it, is drawn from the rig's seed.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test uses its part of the rig"
)]

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crc_core::{
    CloseWhen, Config, DialError, DialId, Effect, Endpoints, Event, LinkDown, LinkId, ListenerId,
    Machine, Origin, Outbox, PeerAddress, Random, Server, ServerCommand, ServerNotice, Timestamp,
    Unsent,
};
use crc_wire::{
    ClientChat, ClientQuit, Decoder, FrameLimits, HostId, Info, Message, Name, Registration, Text,
};

pub fn id(id: u32) -> HostId {
    HostId::new(id).unwrap()
}

/// The listener where the IRC of the course is spoken.
pub const COURSE: ListenerId = ListenerId(1 << 16);

/// One end of a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// A server's link.
    Server(usize, LinkId),
    /// A peer that the test speaks for.
    Raw(usize),
}

#[derive(Debug)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// The writer has ended it; the reader learns it after the bytes.
    ended: bool,
    /// The reader has closed: what is written does not arrive.
    closed: bool,
}

#[derive(Debug)]
pub struct Node {
    pub server: Server,
    pub alive: bool,
    links: BTreeMap<LinkId, End>,
    next_slot: u32,
    free: Vec<u32>,
    generation: u32,
    pub notices: Vec<ServerNotice>,
    /// How much may wait for each link.
    pub bounds: BTreeMap<LinkId, usize>,
    pub stopped: bool,
}

#[derive(Debug, Default)]
pub struct Raw {
    pub other: Option<End>,
    /// All bytes that came, and the pieces in which they were sent.
    pub bytes: Vec<u8>,
    pub pieces: Vec<(Timestamp, Vec<u8>)>,
    pub ended: bool,
}

pub struct Rig {
    pub now: Timestamp,
    pub random: Random,
    pub nodes: Vec<Node>,
    pub raws: Vec<Raw>,
    pipes: BTreeMap<End, Pipe>,
    /// Servers' names to dial, as `sN:1` or, for the IRC of the course, `cN:1`;
    /// those of raw listeners as `rN:1`.
    pub raw_listeners: BTreeMap<String, Vec<usize>>,
}

impl Rig {
    pub fn new(seed: u64) -> Self {
        Rig {
            now: Timestamp::START,
            random: Random::new(seed),
            nodes: Vec::new(),
            raws: Vec::new(),
            pipes: BTreeMap::new(),
            raw_listeners: BTreeMap::new(),
        }
    }

    /// A server `s0`, `s1`, ... with id 1, 2, ... that links to another.
    pub fn server(&mut self, parent: Option<usize>) -> usize {
        let connect = parent.map(|parent| format!("s{parent}:1").parse().unwrap());
        let number = self.nodes.len();
        let mut config = config(number);
        config.connect = connect.into_iter().collect();
        self.server_with(config)
    }

    pub fn server_with(&mut self, config: Config) -> usize {
        self.nodes.push(Node {
            server: Server::new(config),
            alive: true,
            links: BTreeMap::new(),
            next_slot: 0,
            free: Vec::new(),
            generation: 0,
            notices: Vec::new(),
            bounds: BTreeMap::new(),
            stopped: false,
        });
        let node = self.nodes.len() - 1;
        self.start(node);
        node
    }

    fn start(&mut self, node: usize) {
        let listening = vec![address(node)];
        self.handle(node, Event::Command(ServerCommand::Start { listening }));
    }

    /// Endpoints a server as by `kill -9`; `restart` brings it back, knowing nothing.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].alive = false;
        let links: Vec<_> = self.nodes[node].links.keys().copied().collect();
        for link in links {
            self.pipes.remove(&End::Server(node, link));
            let other = self.nodes[node].links.remove(&link).unwrap();
            self.end_pipe(other);
        }
    }

    pub fn restart(&mut self, node: usize, config: Config) {
        let slots = self.nodes[node].next_slot;
        let generation = self.nodes[node].generation + 1;
        self.nodes[node] = Node {
            server: Server::new(config),
            alive: true,
            links: BTreeMap::new(),
            next_slot: slots,
            free: Vec::new(),
            generation,
            notices: Vec::new(),
            bounds: BTreeMap::new(),
            stopped: false,
        };
        self.start(node);
    }

    /// A raw connection to a server.
    pub fn connect(&mut self, node: usize) -> usize {
        self.connect_at(node, ListenerId(0))
    }

    /// A raw connection to one of a server's listeners.
    pub fn connect_at(&mut self, node: usize, listener: ListenerId) -> usize {
        self.raws.push(Raw::default());
        let raw = self.raws.len() - 1;
        self.join_ends(node, Origin::Accepted { listener }, End::Raw(raw));
        raw
    }

    /// A raw listener that servers can dial as `name:1`.
    pub fn listen_raw(&mut self, name: &str) {
        self.raw_listeners.insert(name.to_owned(), Vec::new());
    }

    /// The newest connection to a raw listener.
    pub fn newest(&self, name: &str) -> usize {
        *self.raw_listeners[name].last().unwrap()
    }

    /// A raw server on a connection introduces and announces itself.
    pub fn introduce_ours(&mut self, raw: usize, id: u32, machine: &str) {
        self.say(raw, &registration(Kind::Server, id, None, "info"));
        self.soon();
        let info = format!("info [crc2;{machine}]");
        self.say(raw, &registration(Kind::Server, id, None, &info));
        self.soon();
    }

    /// Cuts the link between a server and whatever is at the other end of the
    /// raw peer.
    pub fn cut_raw(&mut self, raw: usize) {
        if let Some(other) = self.raws[raw].other.take() {
            self.pipes.remove(&End::Raw(raw));
            self.end_pipe(other);
        }
    }

    pub fn send(&mut self, raw: usize, bytes: &[u8]) {
        if let Some(other) = self.raws[raw].other
            && let Some(pipe) = self.pipes.get_mut(&other)
        {
            pipe.bytes.extend(bytes);
        }
    }

    pub fn say(&mut self, raw: usize, message: &Message<'_>) {
        self.send(raw, &message.to_vec());
    }

    /// The messages that came so far; empties the record.
    pub fn heard(&mut self, raw: usize) -> Vec<Message<'static>> {
        let bytes = std::mem::take(&mut self.raws[raw].bytes);
        self.raws[raw].pieces.clear();
        messages(&bytes)
    }

    /// A client that registers, says nothing more, and is taken for original.
    pub fn client(&mut self, node: usize, client: u32) -> usize {
        let raw = self.connect(node);
        self.say(raw, &registration(Kind::Client, client, None, "info"));
        raw
    }

    /// A client that announces itself.
    pub fn our_client(&mut self, node: usize, client: u32) -> usize {
        let raw = self.client(node, client);
        let info = "info [crc2;f=]";
        self.say(raw, &registration(Kind::Client, client, None, info));
        raw
    }

    /// Delivers all that is on its way, then lets time pass to the next
    /// deadline, until `duration` has passed.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 2_000_000, "the network does not come to rest");
            if self.deliver_some() {
                continue;
            }
            let due = self.nodes.iter().enumerate().filter(|(_, node)| node.alive);
            let due = due.filter_map(|(index, node)| Some((node.server.deadline()?, index)));
            match due.min() {
                Some((when, node)) if when <= end => {
                    self.now = self.now.max(when);
                    self.handle(node, Event::Tick);
                }
                _ => break,
            }
        }
        self.now = end;
        for node in self.nodes.iter().filter(|node| node.alive) {
            node.server.check();
        }
    }

    /// Lets all that is being done be done: redials, pauses, lingering.
    pub fn rest(&mut self) {
        self.run(Duration::from_secs(900));
    }

    /// Delivers what is on its way, and no more than a moment passes.
    pub fn soon(&mut self) {
        self.run(Duration::from_millis(5));
    }

    fn deliver_some(&mut self) -> bool {
        let something = |pipe: &Pipe| !pipe.bytes.is_empty() || pipe.ended;
        let ready = self.pipes.iter().filter(|(_, pipe)| something(pipe));
        let ready: Vec<End> = ready.map(|(end, _)| *end).collect();
        if ready.is_empty() {
            return false;
        }
        let index = self.random.below(ready.len() as u64) as usize;
        let end = ready[index];
        let pipe = self.pipes.get_mut(&end).unwrap();
        if pipe.bytes.is_empty() {
            self.ended(end);
            return true;
        }
        let all = pipe.bytes.len() as u64;
        let some = match self.random.below(3) {
            0 => 1 + self.random.below(all) as usize,
            _ => all as usize,
        };
        let bytes: Vec<u8> = pipe.bytes.drain(..some).collect();
        match end {
            End::Server(node, link) => self.handle(
                node,
                Event::Bytes {
                    link,
                    bytes: &bytes,
                },
            ),
            End::Raw(raw) => self.raws[raw].bytes.extend(bytes),
        }
        true
    }

    /// The reader at `end` learns that nothing more will come.
    fn ended(&mut self, end: End) {
        self.pipes.remove(&end);
        match end {
            End::Raw(raw) => {
                self.raws[raw].ended = true;
                if let Some(other) = self.raws[raw].other.take() {
                    self.end_pipe(other);
                }
            }
            End::Server(node, link) => {
                if let Some(other) = self.nodes[node].links.remove(&link) {
                    self.end_pipe(other);
                }
                self.nodes[node].free.push(link.slot() as u32);
                let (why, unsent) = (LinkDown::PeerClosed, Unsent::default());
                self.handle(node, Event::LinkDown { link, why, unsent });
            }
        }
    }

    /// Nothing more is written to whoever reads at `end`.
    fn end_pipe(&mut self, end: End) {
        if let Some(pipe) = self.pipes.get_mut(&end) {
            pipe.ended = true;
        }
    }

    fn link(&mut self, node: usize, other: End) -> LinkId {
        let node = &mut self.nodes[node];
        let slot = node.free.pop().unwrap_or_else(|| {
            node.next_slot += 1;
            node.next_slot - 1
        });
        node.generation += 1;
        let link = LinkId::new(slot, node.generation);
        node.links.insert(link, other);
        link
    }

    fn open_pipe(&mut self, to: End) {
        let bytes = VecDeque::new();
        self.pipes.insert(
            to,
            Pipe {
                bytes,
                ended: false,
                closed: false,
            },
        );
    }

    fn join_ends(&mut self, node: usize, origin: Origin, other: End) -> LinkId {
        let link = self.link(node, other);
        let here = End::Server(node, link);
        if let End::Raw(raw) = other {
            self.raws[raw].other = Some(here);
        }
        self.open_pipe(here);
        self.open_pipe(other);
        let endpoints = Endpoints {
            peer: address(500),
            local: address(node),
        };
        self.handle(
            node,
            Event::LinkUp {
                link,
                origin,
                endpoints,
            },
        );
        link
    }

    pub fn handle(&mut self, node: usize, event: Event<'_, ServerCommand>) {
        let mut out = Outbox::new();
        self.nodes[node].server.handle(self.now, event, &mut out);
        for effect in out.take_effects() {
            match effect {
                Effect::Send { link, range, .. } => {
                    let bytes = out.bytes(range);
                    let Some(other) = self.nodes[node].links.get(&link).copied() else {
                        continue;
                    };
                    if let End::Raw(raw) = other {
                        self.raws[raw].pieces.push((self.now, bytes.to_vec()));
                    }
                    if let Some(pipe) = self.pipes.get_mut(&other)
                        && !pipe.closed
                    {
                        assert!(!pipe.ended, "nothing is sent behind the end");
                        pipe.bytes.extend(bytes);
                    }
                }
                Effect::Close { link, when } => self.close(node, link, when),
                Effect::Dial { dial, to } => self.dial(node, dial, &to),
                Effect::Bound { link, bytes_max } => {
                    self.nodes[node].bounds.insert(link, bytes_max);
                }
                Effect::Notice(notice) => self.nodes[node].notices.push(notice),
                Effect::Stop => {
                    self.nodes[node].stopped = true;
                    let links: Vec<_> = self.nodes[node].links.values().copied().collect();
                    links.into_iter().for_each(|other| self.end_pipe(other));
                }
            }
        }
    }

    fn close(&mut self, node: usize, link: LinkId, _when: CloseWhen) {
        let Some(other) = self.nodes[node].links.get(&link).copied() else {
            return;
        };
        self.end_pipe(other);
        // What the peer still says is not read; its end is.
        let here = End::Server(node, link);
        if let Some(pipe) = self.pipes.get_mut(&here) {
            pipe.bytes.clear();
            pipe.ended = true;
            pipe.closed = true;
        }
    }

    fn dial(&mut self, node: usize, dial: DialId, to: &PeerAddress) {
        let origin = Origin::Dialed { dial };
        if self.raw_listeners.contains_key(&*to.host) {
            self.raws.push(Raw::default());
            let raw = self.raws.len() - 1;
            self.raw_listeners.get_mut(&*to.host).unwrap().push(raw);
            self.join_ends(node, origin, End::Raw(raw));
            return;
        }
        // A server is known by its name here, which for the IRC of the course begins
        // with another letter; or by the address it announces.
        let (course, frames) = (to.host.strip_prefix('c'), to.host.strip_prefix('s'));
        let target = match course.or(frames) {
            Some(number) => number.parse::<usize>().ok(),
            None => usize::from(to.port).checked_sub(1000),
        };
        let listener = course.map_or(ListenerId(0), |_| COURSE);
        let alive = |target: &usize| {
            self.nodes
                .get(*target)
                .is_some_and(|node| node.alive && !node.stopped)
        };
        let Some(target) = target.filter(alive) else {
            let why = DialError::Failed(std::io::ErrorKind::ConnectionRefused);
            return self.handle(node, Event::DialFailed { dial, why });
        };
        // Both ends exist before either machine hears of it.
        let near = self.link(node, End::Raw(usize::MAX));
        let far = self.link(target, End::Server(node, near));
        self.nodes[node]
            .links
            .insert(near, End::Server(target, far));
        self.open_pipe(End::Server(node, near));
        self.open_pipe(End::Server(target, far));
        let endpoints = |peer, local| Endpoints {
            peer: address(peer),
            local: address(local),
        };
        let (near_ends, far_ends) = (endpoints(target, node), endpoints(node, target));
        let accepted = Origin::Accepted { listener };
        self.handle(
            target,
            Event::LinkUp {
                link: far,
                origin: accepted,
                endpoints: far_ends,
            },
        );
        self.handle(
            node,
            Event::LinkUp {
                link: near,
                origin,
                endpoints: near_ends,
            },
        );
    }

    /// What a server knows of the others: id to the id of its first link.
    pub fn known(&self, node: usize) -> BTreeMap<u32, u32> {
        let snapshot = self.nodes[node].server.snapshot();
        let first = |host| snapshot.first_link(host).unwrap().get();
        let hosts = snapshot.directory().iter();
        hosts.map(|host| (host.id().get(), first(host))).collect()
    }

    pub fn status_log(&self, node: usize) -> Vec<String> {
        let snapshot = self.nodes[node].server.snapshot();
        snapshot.status_log().map(str::to_owned).collect()
    }
}

pub fn config(node: usize) -> Config {
    let name = Name::new(format!("server{node}")).unwrap();
    let mut config = Config::new(id(node as u32 + 1), name);
    config.info = Info::new(format!("Server {node}")).unwrap();
    config.seed = node as u64;
    config
}

fn address(node: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 1000 + node as u16))
}

pub fn messages(mut bytes: &[u8]) -> Vec<Message<'static>> {
    let mut decoder = Decoder::new();
    let mut messages = Vec::new();
    while let Some(frame) = decoder.next_frame(&mut bytes, FrameLimits::WIRE).unwrap() {
        messages.push(frame.message().unwrap().into_owned());
    }
    assert_eq!(decoder.pending(), 0, "only whole frames");
    messages
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Server,
    Client,
}

pub fn registration(
    kind: Kind,
    source: u32,
    last_hop: Option<u32>,
    info: &str,
) -> Message<'static> {
    let registration = Registration {
        source: id(source),
        last_hop: last_hop.map(id),
        name: Name::new(format!("host{source}")).unwrap(),
        info: Info::new(info.to_owned()).unwrap(),
    };
    match kind {
        Kind::Server => Message::ServerRegistration(registration),
        Kind::Client => Message::ClientRegistration(registration),
    }
}

pub fn chat(source: u32, destination: u32, text: &str) -> Message<'static> {
    Message::ClientChat(ClientChat {
        source: id(source),
        destination: HostId::new(destination),
        text: Text::new(text.to_owned()).unwrap(),
    })
}

pub fn quit(source: u32, text: &str) -> Message<'static> {
    Message::ClientQuit(ClientQuit {
        source: id(source),
        text: Text::new(text.to_owned()).unwrap(),
    })
}

pub fn status(source: u32, destination: u32, code: u16, text: &str) -> Message<'static> {
    Message::Status(crc_wire::Status {
        source: HostId::new(source),
        destination: HostId::new(destination),
        code: crc_wire::StatusCode(code),
        text: Text::new(text.to_owned()).unwrap(),
    })
}
