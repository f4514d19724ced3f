//! A small network without sockets: real servers, raw peers that a test speaks for,
//! and a virtual clock.
//!
//! Streams and links are `crc-netem`'s `SteppedNet`: each step is drawn from the rig's
//! seed, and delivers to one end what waits for it, or a part of it.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test uses its part of the rig"
)]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crc_core::{
    Config, DialError, DialId, Effect, Endpoints, Event, LinkId, ListenerId, Machine, Origin,
    Outbox, PeerAddress, Random, Server, ServerCommand, ServerNotice, Timestamp,
};
use crc_netem::{LinkEvent, Possible, StepEvent, SteppedNet};
use crc_wire::{
    ClientChat, ClientQuit, Decoder, FrameLimits, HostId, Info, Message, Name, Registration, Text,
};

pub fn id(id: u32) -> HostId {
    HostId::new(id).unwrap()
}

/// The listener where the IRC of the course is spoken.
pub const COURSE: ListenerId = ListenerId(1 << 16);

/// A host of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Host {
    Server(usize),
    /// A peer that the test speaks for.
    Raw(usize),
}

#[derive(Debug)]
pub struct Node {
    pub server: Server,
    pub alive: bool,
    pub notices: Vec<ServerNotice>,
    pub stopped: bool,
}

#[derive(Debug, Default)]
pub struct Raw {
    /// All bytes that came, and the pieces in which they were sent.
    pub bytes: Vec<u8>,
    pub pieces: Vec<(Timestamp, Vec<u8>)>,
    pub ended: bool,
}

pub struct Rig {
    pub random: Random,
    pub nodes: Vec<Node>,
    pub raws: Vec<Raw>,
    net: SteppedNet<Host>,
    /// Servers' names to dial, as `sN:1` or, for the IRC of the course, `cN:1`;
    /// those of raw listeners as `rN:1`.
    pub raw_listeners: BTreeMap<String, Vec<usize>>,
}

impl Rig {
    pub fn new(seed: u64) -> Self {
        Rig {
            random: Random::new(seed),
            nodes: Vec::new(),
            raws: Vec::new(),
            net: SteppedNet::new(),
            raw_listeners: BTreeMap::new(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.net.now()
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
        self.nodes.push(Node::new(config));
        let node = self.nodes.len() - 1;
        self.start(node);
        node
    }

    fn start(&mut self, node: usize) {
        let listening = vec![address(node)];
        self.handle(node, Event::Command(ServerCommand::Start { listening }));
    }

    /// Ends a server as by `kill -9`; `restart` brings it back, knowing nothing.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].alive = false;
        self.net.kill(Host::Server(node));
    }

    pub fn restart(&mut self, node: usize, config: Config) {
        self.nodes[node] = Node::new(config);
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
        let links = self.net.connect(Host::Raw(raw), Host::Server(node));
        let origin = Origin::Accepted { listener };
        self.link_up(Host::Server(node), links[1], origin, address(500));
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

    /// A raw peer hangs up.
    pub fn cut_raw(&mut self, raw: usize) {
        if let Some((connection, side)) = self.net.find_host(Host::Raw(raw)) {
            self.net.close_patiently(connection, side);
        }
    }

    /// A server's link to a raw peer, and how many bytes may wait there.
    pub fn link_to(&self, raw: usize) -> Option<(LinkId, usize)> {
        let (connection, side) = self.net.find_host(Host::Raw(raw))?;
        let end = self.net.connections()[connection].end(1 - side);
        Some((end.link(), end.bound()))
    }

    pub fn send(&mut self, raw: usize, bytes: &[u8]) {
        if let Some((connection, side)) = self.net.find_host(Host::Raw(raw))
            && self.net.connections()[connection].end(side).is_open()
        {
            self.net.send(connection, side, bytes).unwrap();
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
        let end = self.now() + duration;
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 2_000_000, "the network does not come to rest");
            if let Some(event) = self.net.random_step(&mut self.random) {
                self.step(event);
                continue;
            }
            let due = self.nodes.iter().enumerate().filter(|(_, node)| node.alive);
            let due = due.filter_map(|(index, node)| Some((node.server.deadline()?, Some(index))));
            let lingering = self.net.deadline().map(|when| (when, None));
            match due.chain(lingering).min() {
                Some((when, node)) if when <= end => {
                    self.net.advance_to(when);
                    match node {
                        Some(node) => self.handle(node, Event::Tick),
                        None => self.net.end_lingering(),
                    }
                }
                _ => break,
            }
        }
        self.net.advance_to(end);
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

    fn step(&mut self, event: StepEvent<Host>) {
        match event {
            StepEvent::Dial { host, dial, to } => {
                let Host::Server(node) = host else {
                    unreachable!("raw peers connect at once")
                };
                self.dialed(node, dial, &to);
            }
            StepEvent::Link {
                host: Host::Server(node),
                event,
            } => {
                self.handle(node, event.as_event());
            }
            StepEvent::Link {
                host: Host::Raw(raw),
                event,
            } => match event {
                LinkEvent::Bytes { bytes, .. } => self.raws[raw].bytes.extend(bytes),
                LinkEvent::Down { .. } => self.raws[raw].ended = true,
                LinkEvent::Up { .. } | LinkEvent::DialFailed { .. } => {}
            },
            StepEvent::Dropped => {}
        }
    }

    pub fn handle(&mut self, node: usize, event: Event<'_, ServerCommand>) {
        let (now, host) = (self.now(), Host::Server(node));
        let mut out = Outbox::new();
        self.nodes[node].server.handle(now, event, &mut out);
        for effect in out.take_effects() {
            match effect {
                Effect::Send { link, range, .. } => self.send_from(node, link, out.bytes(range)),
                Effect::Close { link, when } => {
                    if let Some((connection, side)) = self.net.find(host, link)
                        && self.net.connections()[connection].end(side).is_open()
                    {
                        self.net.close(connection, side, when);
                    }
                }
                Effect::Dial { dial, to } => self.net.dial(host, dial, to),
                Effect::Bound { link, bytes_max } => self.net.bound(host, link, bytes_max),
                Effect::Notice(notice) => self.nodes[node].notices.push(notice),
                Effect::Stop => {
                    self.nodes[node].stopped = true;
                    self.net.stop(host);
                }
            }
        }
        // Dials are answered at once: they come first.
        while matches!(self.net.possible().next(), Some(Possible::Dial(_))) {
            let event = self.net.step(0, usize::MAX).expect("a dial");
            self.step(event);
        }
    }

    fn send_from(&mut self, node: usize, link: LinkId, bytes: &[u8]) {
        let Some((connection, side)) = self.net.find(Host::Server(node), link) else {
            return;
        };
        let [near, far] = self.net.near_and_far(connection, side);
        assert!(near.is_open(), "nothing is sent behind the end");
        if let Host::Raw(raw) = far.host() {
            let now = self.net.now();
            self.raws[raw].pieces.push((now, bytes.to_vec()));
        }
        // The link of a slow consumer ends, which the server learns in another step.
        let _ = self.net.send(connection, side, bytes);
    }

    fn dialed(&mut self, node: usize, dial: DialId, to: &PeerAddress) {
        let (origin, host) = (Origin::Dialed { dial }, Host::Server(node));
        if self.raw_listeners.contains_key(&*to.host) {
            self.raws.push(Raw::default());
            let raw = self.raws.len() - 1;
            self.raw_listeners.get_mut(&*to.host).unwrap().push(raw);
            let links = self.net.connect(host, Host::Raw(raw));
            return self.link_up(host, links[0], origin, address(500));
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
        let there = Host::Server(target);
        let [near, far] = self.net.connect(host, there);
        let accepted = Origin::Accepted { listener };
        self.link_up(there, far, accepted, address(node));
        self.link_up(host, near, origin, address(target));
    }

    fn link_up(&mut self, host: Host, link: LinkId, origin: Origin, peer: SocketAddr) {
        let Host::Server(node) = host else { return };
        let endpoints = Endpoints {
            peer,
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

impl Node {
    fn new(config: Config) -> Self {
        Node {
            server: Server::new(config),
            alive: true,
            notices: Vec::new(),
            stopped: false,
        }
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
