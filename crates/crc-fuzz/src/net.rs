//! A small network without sockets: real servers and clients, raw peers that a
//! scenario speaks for, byte streams between them, and a virtual clock.
//!
//! Answers for the driver's side of the contract (every link ends exactly once,
//! nothing is read behind a close, bounds are kept, what was never read is handed
//! back), and after every event holds the machines to theirs. What happens is
//! chosen by the scenario; what must hold for one of them only is asserted there.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crc_core::{
    Client, ClientCommand, ClientConfig, ClientNotice, CloseWhen, Config, DialError, DialId,
    Effect, Endpoints, Event, LinkDown, LinkId, ListenerId, Machine, Origin, Outbox, PeerAddress,
    Random, SendQueue, Server, ServerCommand, ServerNotice, TextProtocol, Timestamp,
};
use crc_wire::{HostId, Info, Name};

use crate::promises::{Sent, Theirs, check_client, check_lines, neighbour};

/// How long a closed link is read on to its end.
const LINGER: Duration = Duration::from_secs(2);
/// More steps than any network this small needs to come to rest.
const STEPS_MAX: usize = 200_000;
/// The port of the first server, and of the first raw listener.
const SERVER_PORTS: u16 = 1000;
const RAW_PORTS: u16 = 2000;
/// What of a line may be kept to be read later.
const LINES_KEPT_BYTES_MAX: usize = 4608;
/// More raw peers do not listen.
const RAWS_MAX: usize = 32;

/// Bounds that are crossed by short scenarios too.
pub(crate) const CLIENT_QUEUE_BYTES_MAX: usize = 4 * 1024;
const SERVER_QUEUE_BYTES_MAX: usize = 32 * 1024;
pub(crate) const HOSTS_MAX: usize = 48;

/// The listeners of a server: of frames, and of the dialects of text.
pub(crate) const FRAMES: ListenerId = ListenerId(0);
pub(crate) const IRC: ListenerId = ListenerId(1);
pub(crate) const COURSE: ListenerId = ListenerId(2);
/// The raw listener that speaks the course's dialect, if a server dials it.
pub(crate) const COURSE_RAW: usize = 2;

/// Who is at an end of a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Server(usize),
    Client(usize),
    Raw(usize),
}

/// A server, as its process sees itself.
#[derive(Debug)]
pub(crate) struct ServerNode {
    pub(crate) machine: Server,
    pub(crate) alive: bool,
    pub(crate) stopped: bool,
    /// How often it has lost its uplink.
    pub(crate) unlinked: u32,
    slots: Vec<bool>,
}

/// A client who behaves.
#[derive(Debug)]
pub(crate) struct ClientNode {
    pub(crate) machine: Client,
    pub(crate) server: usize,
    pub(crate) stopped: bool,
    /// How often it has lost its server.
    pub(crate) disconnected: u32,
    /// Who said what to it.
    pub(crate) heard: Vec<(HostId, String)>,
    slots: Vec<bool>,
}

/// One end of a wire.
#[derive(Debug)]
struct Port {
    who: Who,
    link: LinkId,
    /// The dialect of text that is spoken here, if it is one.
    dialect: Option<TextProtocol>,
    /// What was sent here and the other end has not read.
    out: SendQueue,
    /// The end of this link has not been told here yet.
    up: bool,
    /// Closed here: what still comes is not wanted.
    deaf: bool,
    /// Nothing more will be sent here.
    ended: bool,
    /// A raw peer may let what was sent to it wait.
    reads: bool,
    /// Why the link has ended, for which this end's turn has yet to come.
    down: Option<LinkDown>,
    linger_until: Option<Timestamp>,
    sent: Sent,
}

/// A connection between two.
#[derive(Debug)]
struct Wire {
    ports: [Port; 2],
    /// It was reset: nothing more is read at either end.
    broken: bool,
}

#[derive(Debug)]
struct Dialing {
    who: Who,
    dial: DialId,
    to: PeerAddress,
}

/// Something that may happen next.
#[derive(Debug, Clone, Copy)]
enum Ready {
    Dial(usize),
    /// The port `1` of the wire `0` learns of something.
    Port(usize, usize),
}

/// The network.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) now: Timestamp,
    pub(crate) random: Random,
    pub(crate) servers: Vec<ServerNode>,
    pub(crate) clients: Vec<ClientNode>,
    /// How many raw peers there have been; each has one connection.
    pub(crate) raws: usize,
    /// Whether there is a new raw peer for every dial to where one may listen.
    pub(crate) raws_listen: bool,
    /// Whether the first server has been told to leave.
    pub(crate) leaving: bool,
    wires: Vec<Wire>,
    dials: Vec<Dialing>,
    links: u32,
    /// All bytes that raw peers have said: what is kept of them is bounded by it.
    said: usize,
    /// A hash over all that the machines have asked for.
    digest: u64,
    scratch: Vec<u8>,
    server_out: Outbox<ServerNotice>,
    client_out: Outbox<ClientNotice>,
}

/// Mixes one effect, and the bytes that it sends, into `digest`.
fn digest<N>(digest: u64, effect: &Effect<N>, out: &Outbox<N>) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let (what, text) = match effect {
        Effect::Send { link, range } => {
            let hash = out.bytes(*range).iter().copied().fold(digest, mix);
            return format!("send {link}").bytes().fold(hash, mix);
        }
        Effect::Bound { link, bytes_max } => ("bound", format!("{link} {bytes_max}")),
        Effect::Close { link, when } => ("close", format!("{link} {when:?}")),
        Effect::Dial { dial, to } => ("dial", format!("{} {to}", dial.0)),
        Effect::Notice(_) => return digest,
        Effect::Stop => ("stop", String::new()),
    };
    what.bytes().chain(text.bytes()).fold(digest, mix)
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Net {
            now: Timestamp::START,
            random: Random::new(seed),
            servers: Vec::new(),
            clients: Vec::new(),
            raws: 0,
            raws_listen: false,
            leaving: false,
            wires: Vec::new(),
            dials: Vec::new(),
            links: 0,
            said: 0,
            digest: 0,
            scratch: Vec::new(),
            server_out: Outbox::new(),
            client_out: Outbox::new(),
        }
    }

    /// A hash over all that the machines have asked for so far, byte for byte: equal
    /// digests of two builds mean that both did the same.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    // Who is there.

    /// A server with the id `index + 1`, which looks for an uplink at `connect`.
    pub(crate) fn add_server(&mut self, config: Config) -> usize {
        self.servers.push(ServerNode {
            machine: Server::new(config),
            alive: true,
            stopped: false,
            unlinked: 0,
            slots: Vec::new(),
        });
        let server = self.servers.len() - 1;
        self.start_server(server);
        server
    }

    fn start_server(&mut self, server: usize) {
        let listening = vec![address(SERVER_PORTS, server)];
        let start = ServerCommand::Start { listening };
        self.handle_server(server, Event::Command(start));
    }

    /// Endpoints a server as by `kill -9`.
    pub(crate) fn kill_server(&mut self, server: usize) {
        self.servers[server].alive = false;
        self.dials
            .retain(|dialing| dialing.who != Who::Server(server));
        for wire in &mut self.wires {
            for port in 0..2 {
                if wire.ports[port].who == Who::Server(server) && wire.ports[port].up {
                    wire.ports[port].up = false;
                    wire.reset(1 - port);
                }
            }
        }
        self.sweep();
    }

    /// Brings a dead server back, knowing nothing.
    pub(crate) fn restart_server(&mut self, server: usize, config: Config) {
        let node = &mut self.servers[server];
        node.machine = Server::new(config);
        (node.alive, node.stopped) = (true, false);
        node.slots.clear();
        self.start_server(server);
    }

    /// A client who behaves; with an id of its own choice for `None`.
    pub(crate) fn add_client(&mut self, server: usize, id: Option<u32>) -> usize {
        self.add_client_of(server_address(server), id)
    }

    /// The same, of whatever is at an address.
    pub(crate) fn add_client_of(&mut self, to: PeerAddress, id: Option<u32>) -> usize {
        let number = self.clients.len();
        let server = usize::from(to.port.wrapping_sub(SERVER_PORTS));
        let seed = 0xc11e_0000 + number as u64;
        let mut config = ClientConfig::new(to, "client", "who behaves", seed);
        config.id = id.and_then(HostId::new);
        let machine = Client::new(config).expect("its name and info are admitted");
        self.clients.push(ClientNode {
            machine,
            server,
            stopped: false,
            disconnected: 0,
            heard: Vec::new(),
            slots: Vec::new(),
        });
        self.command_client(number, ClientCommand::Start);
        number
    }

    pub(crate) fn command_server(&mut self, server: usize, command: ServerCommand) {
        self.handle_server(server, Event::Command(command));
    }

    pub(crate) fn command_client(&mut self, client: usize, command: ClientCommand) {
        if !self.clients[client].stopped {
            self.handle_client(client, Event::Command(command));
        }
    }

    // Raw peers.

    /// A raw peer that connects to a server.
    pub(crate) fn connect(&mut self, server: usize) -> usize {
        self.connect_at(server, FRAMES)
    }

    /// The same, at one of its listeners.
    pub(crate) fn connect_at(&mut self, server: usize, listener: ListenerId) -> usize {
        self.raws += 1;
        let raw = self.raws - 1;
        let dialect = match listener {
            IRC => Some(TextProtocol::Irc),
            COURSE => Some(TextProtocol::Legacy),
            _ => None,
        };
        self.join(Who::Raw(raw), None, Who::Server(server), dialect, listener);
        raw
    }

    /// What a raw peer says, if it still can.
    pub(crate) fn say(&mut self, raw: usize, bytes: &[u8]) {
        let Some((wire, port)) = self.find(Who::Raw(raw)) else {
            return;
        };
        let [port, _] = self.wires[wire].sides(port);
        if !port.ended {
            self.said += bytes.len();
            push(port, bytes);
        }
    }

    /// A raw peer hangs up.
    pub(crate) fn hang_up(&mut self, raw: usize) {
        if let Some((wire, port)) = self.find(Who::Raw(raw)) {
            self.wires[wire].ports[port].ended = true;
            self.wires[wire].ports[port].deaf = true;
        }
    }

    /// A raw peer's connection breaks: what is on its way is lost.
    pub(crate) fn reset(&mut self, raw: usize) {
        if let Some((wire, port)) = self.find(Who::Raw(raw)) {
            self.reset_wire(wire, port);
            self.sweep();
        }
    }

    /// A raw peer stops reading, or begins again.
    pub(crate) fn stall(&mut self, raw: usize) {
        if let Some((wire, port)) = self.find(Who::Raw(raw)) {
            let port = &mut self.wires[wire].ports[port];
            port.reads = !port.reads;
        }
    }

    /// A connection between any two breaks.
    pub(crate) fn break_wire(&mut self, index: usize) {
        if !self.wires.is_empty() {
            let wire = index % self.wires.len();
            for port in 0..2 {
                self.reset_wire(wire, port);
            }
            self.sweep();
        }
    }

    /// The wire breaks; the end that a raw peer has is gone with that.
    fn reset_wire(&mut self, wire: usize, port: usize) {
        let wire = &mut self.wires[wire];
        if let Who::Raw(_) = wire.ports[port].who {
            wire.ports[port].up = false;
        }
        wire.reset(1 - port);
    }

    fn find(&self, who: Who) -> Option<(usize, usize)> {
        self.wires.iter().enumerate().find_map(|(index, wire)| {
            let port = wire.ports.iter().position(|p| p.who == who && p.up)?;
            Some((index, port))
        })
    }

    fn port(&self, who: Who, link: LinkId) -> Option<(usize, usize)> {
        self.wires.iter().enumerate().find_map(|(index, wire)| {
            let is = |port: &Port| port.who == who && port.link == link && port.up;
            Some((index, wire.ports.iter().position(is)?))
        })
    }

    // What happens.

    /// Lets one thing happen of those that may, and for bytes no more than
    /// `bytes_max` of them; `false` when there is none.
    pub(crate) fn one(&mut self, which: usize, bytes_max: usize) -> bool {
        let ready = self.ready().count();
        if ready == 0 {
            return false;
        }
        let next = self.ready().nth(which % ready);
        match next.expect("it was counted") {
            Ready::Dial(dial) => self.dialed(dial),
            Ready::Port(wire, port) => self.learn(wire, port, bytes_max.max(1)),
        }
        true
    }

    fn ready(&self) -> impl Iterator<Item = Ready> {
        let dials = (0..self.dials.len()).map(Ready::Dial);
        let wires = self.wires.iter().enumerate();
        dials.chain(wires.flat_map(|(index, wire)| {
            let ports = (0..2).filter(|port| wire.is_ready(*port));
            ports.map(move |port| Ready::Port(index, port))
        }))
    }

    /// Lets all happen that may, in any order, and no time pass.
    pub(crate) fn all(&mut self) {
        let mut steps = 0;
        loop {
            let (which, how) = (self.random.next_u64(), self.random.below(3));
            let some = match how {
                0 => 1 + usize::try_from(self.random.below(40)).expect("it is below 40"),
                _ => usize::MAX,
            };
            if !self.one(usize::try_from(which >> 32).expect("32 bits"), some) {
                break;
            }
            steps += 1;
            assert!(steps < STEPS_MAX, "the network does not come to rest");
        }
    }

    /// Lets time pass, and nothing be delivered meanwhile but by `all`.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut steps = 0;
        while let Some((when, who)) = self.deadline()
            && when <= end
        {
            self.now = self.now.max(when);
            self.tick(who);
            self.linger();
            steps += 1;
            assert!(steps < STEPS_MAX, "deadlines do not come to an end");
        }
        self.now = end;
        self.linger();
    }

    /// Lets all happen and time pass, as it does where nothing is slow.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut steps = 0;
        self.all();
        while let Some((when, who)) = self.deadline()
            && when <= end
        {
            self.now = self.now.max(when);
            self.tick(who);
            self.linger();
            self.all();
            steps += 1;
            assert!(steps < STEPS_MAX, "the network does not come to rest");
        }
        self.now = end;
        self.linger();
        self.all();
    }

    fn tick(&mut self, who: Option<Who>) {
        match who {
            Some(Who::Server(server)) => self.handle_server(server, Event::Tick),
            Some(Who::Client(client)) => self.handle_client(client, Event::Tick),
            _ => {}
        }
    }

    /// A tick that comes early does no harm.
    pub(crate) fn early_tick(&mut self, server: usize) {
        self.handle_server(server, Event::Tick);
    }

    fn deadline(&self) -> Option<(Timestamp, Option<Who>)> {
        let servers = self.servers.iter().enumerate();
        let servers = servers.filter(|(_, node)| node.alive && !node.stopped);
        let servers =
            servers.filter_map(|(i, node)| Some((node.machine.deadline()?, Some(Who::Server(i)))));
        let clients = self.clients.iter().enumerate();
        let clients = clients.filter(|(_, node)| !node.stopped);
        let clients =
            clients.filter_map(|(i, node)| Some((node.machine.deadline()?, Some(Who::Client(i)))));
        let ports = self.wires.iter().flat_map(|wire| &wire.ports);
        let linger = ports.filter_map(|port| Some((port.linger_until.filter(|_| port.up)?, None)));
        servers
            .chain(clients)
            .chain(linger)
            .min_by_key(|(when, _)| *when)
    }

    /// Links that were closed long enough ago are read no further.
    fn linger(&mut self) {
        for wire in &mut self.wires {
            for port in 0..2 {
                let late = wire.ports[port].linger_until.is_some_and(|t| t <= self.now);
                if late && wire.ports[port].up {
                    wire.ports[port].linger_until = None;
                    wire.ports[port].down = Some(LinkDown::Ended);
                    wire.reset(1 - port);
                }
            }
        }
    }

    // Dials.

    fn dialed(&mut self, index: usize) {
        let Dialing { who, dial, to } = self.dials.remove(index);
        let server = usize::from(to.port.wrapping_sub(SERVER_PORTS));
        let there = |node: &ServerNode| node.alive && !node.stopped;
        if &*to.host == "127.0.0.1" && self.servers.get(server).is_some_and(there) {
            return self.join(who, Some(dial), Who::Server(server), None, FRAMES);
        }
        if to.port >= RAW_PORTS && self.raws_listen && self.raws < RAWS_MAX {
            self.raws += 1;
            let raw = Who::Raw(self.raws - 1);
            let course = to == raw_address(COURSE_RAW);
            let dialect = course.then_some(TextProtocol::Legacy);
            return self.join(who, Some(dial), raw, dialect, FRAMES);
        }
        let why = DialError::Failed(std::io::ErrorKind::ConnectionRefused);
        match who {
            Who::Server(server) => self.handle_server(server, Event::DialFailed { dial, why }),
            Who::Client(client) => self.handle_client(client, Event::DialFailed { dial, why }),
            Who::Raw(_) => {}
        }
    }

    /// Both ends stand before either machine hears of it.
    fn join(
        &mut self,
        near: Who,
        dial: Option<DialId>,
        far: Who,
        dialect: Option<TextProtocol>,
        listener: ListenerId,
    ) {
        let (near_link, far_link) = (self.link(near), self.link(far));
        let mut ports = [Port::new(near, near_link), Port::new(far, far_link)];
        for port in &mut ports {
            port.dialect = dialect;
        }
        self.wires.push(Wire {
            ports,
            broken: false,
        });
        let accepted = Origin::Accepted { listener };
        let dialed = dial.map(|dial| Origin::Dialed { dial });
        self.link_up(far, far_link, accepted);
        if let Some(origin) = dialed {
            self.link_up(near, near_link, origin);
        }
    }

    fn link_up(&mut self, who: Who, link: LinkId, origin: Origin) {
        let endpoints = Endpoints {
            peer: address(RAW_PORTS, 500),
            local: address(SERVER_PORTS, 0),
        };
        match who {
            Who::Server(s) => self.handle_server(
                s,
                Event::LinkUp {
                    link,
                    origin,
                    endpoints,
                },
            ),
            Who::Client(c) => self.handle_client(
                c,
                Event::LinkUp {
                    link,
                    origin,
                    endpoints,
                },
            ),
            Who::Raw(_) => {}
        }
    }

    fn link(&mut self, who: Who) -> LinkId {
        self.links += 1;
        let slots = match who {
            Who::Server(server) => &mut self.servers[server].slots,
            Who::Client(client) => &mut self.clients[client].slots,
            Who::Raw(_) => return LinkId::new(0, self.links),
        };
        let slot = slots.iter().position(|used| !used).unwrap_or(slots.len());
        slots.resize(slots.len().max(slot + 1), true);
        slots[slot] = true;
        LinkId::new(u32::try_from(slot).expect("links are few"), self.links)
    }

    // Links.

    /// The port learns what is next for it: bytes, or the end.
    fn learn(&mut self, wire: usize, port: usize, bytes_max: usize) {
        let [near, far] = self.wires[wire].sides(port);
        let (who, link) = (near.who, near.link);
        if near.down.is_none() && !far.out.is_empty() {
            let mut bytes = std::mem::take(&mut self.scratch);
            bytes.clear();
            let waiting = far.out.waiting();
            bytes.extend_from_slice(&waiting[..waiting.len().min(bytes_max)]);
            far.out.advance(bytes.len());
            let event_bytes = &bytes[..];
            match who {
                _ if near.deaf => {}
                Who::Server(server) => self.handle_server(
                    server,
                    Event::Bytes {
                        link,
                        bytes: event_bytes,
                    },
                ),
                Who::Client(client) => self.handle_client(
                    client,
                    Event::Bytes {
                        link,
                        bytes: event_bytes,
                    },
                ),
                Who::Raw(_) => {}
            }
            self.scratch = bytes;
            return;
        }
        let why = match near.down.take() {
            Some(why) => why,
            None if near.deaf => LinkDown::Ended,
            None => LinkDown::PeerClosed,
        };
        (near.up, near.ended) = (false, true);
        let out = std::mem::replace(&mut near.out, SendQueue::new(usize::MAX));
        let unsent = out.unsent();
        match who {
            Who::Server(server) => {
                self.servers[server].slots[link.slot()] = false;
                self.handle_server(server, Event::LinkDown { link, why, unsent });
            }
            Who::Client(client) => {
                self.clients[client].slots[link.slot()] = false;
                self.handle_client(client, Event::LinkDown { link, why, unsent });
            }
            Who::Raw(_) => {}
        }
        self.sweep();
    }

    fn sweep(&mut self) {
        self.wires
            .retain(|wire| wire.ports.iter().any(|port| port.up));
    }

    // Machines.

    /// Hands an event to a server, and what it wants done to the network.
    pub(crate) fn handle_server(&mut self, server: usize, event: Event<'_, ServerCommand>) {
        let node = &mut self.servers[server];
        if !node.alive || node.stopped {
            return;
        }
        let (bytes, of_lines) = match &event {
            Event::Bytes { link, bytes } => (bytes.len(), self.speaks_lines(server, *link)),
            _ => (0, self.speaks_lines_anywhere(server)),
        };
        let node = &mut self.servers[server];
        let before = node.machine.snapshot();
        let hosts = before.directory().len();
        let frames = before.counters().frames_received;
        let mut out = std::mem::take(&mut self.server_out);
        node.machine.handle(self.now, event, &mut out);
        node.machine.check();
        let frames = node.machine.snapshot().counters().frames_received - frames;
        let read = Read {
            bytes,
            frames: usize::try_from(frames).expect("they were few"),
            hosts,
            of_lines,
        };
        self.is_bounded(server, read, out.arena_len());
        let who = Who::Server(server);
        let effects = out.take_effects();
        for effect in &effects {
            self.digest = digest(self.digest, effect, &out);
            match effect {
                Effect::Send { link, range, .. } => {
                    let (wire, port) = self.sends(who, *link);
                    let to = neighbour(&self.servers[server].machine, *link);
                    let [near, far] = self.wires[wire].sides(port);
                    let theirs = match far.who {
                        Who::Raw(_) => Theirs::Unknown,
                        // What is on its way has not been heard yet.
                        _ if !far.out.is_empty() => Theirs::Ever(&far.sent),
                        _ => Theirs::Still(&far.sent),
                    };
                    match near.dialect {
                        Some(dialect) => check_lines(dialect, out.bytes(*range)),
                        None => near.sent.check_server(to, theirs, out.bytes(*range)),
                    }
                    self.send(wire, who, *link, out.bytes(*range));
                }
                Effect::Bound { link, bytes_max } => self.bound(who, *link, *bytes_max),
                Effect::Close { link, when } => self.close(who, *link, *when),
                Effect::Dial { dial, to } => self.dials.push(Dialing {
                    who,
                    dial: *dial,
                    to: to.clone(),
                }),
                Effect::Notice(ServerNotice::Unlinked) => self.servers[server].unlinked += 1,
                Effect::Notice(_) => {}
                Effect::Stop => {
                    self.servers[server].stopped = true;
                    self.end_all(who);
                }
            }
        }
        out.clear(effects, usize::MAX);
        self.server_out = out;
    }

    fn handle_client(&mut self, client: usize, event: Event<'_, ClientCommand>) {
        if self.clients[client].stopped {
            return;
        }
        let mut out = std::mem::take(&mut self.client_out);
        let node = &mut self.clients[client];
        node.machine.handle(self.now, event, &mut out);
        let who = Who::Client(client);
        let mut effects = out.take_effects();
        for effect in effects.drain(..) {
            self.digest = digest(self.digest, &effect, &out);
            match effect {
                Effect::Send { link, range, .. } => {
                    let (wire, _) = self.sends(who, link);
                    check_client(self.clients[client].machine.id(), out.bytes(range));
                    self.send(wire, who, link, out.bytes(range));
                }
                Effect::Bound { link, bytes_max } => self.bound(who, link, bytes_max),
                Effect::Close { link, when } => self.close(who, link, when),
                Effect::Dial { dial, to } => self.dials.push(Dialing { who, dial, to }),
                Effect::Notice(notice) => self.noticed(client, notice),
                Effect::Stop => {
                    self.clients[client].stopped = true;
                    self.end_all(who);
                }
            }
        }
        out.clear(effects, usize::MAX);
        self.client_out = out;
    }

    fn noticed(&mut self, client: usize, notice: ClientNotice) {
        let node = &mut self.clients[client];
        match notice {
            ClientNotice::Chat { from, text, .. } => node.heard.push((from, text)),
            ClientNotice::Disconnected { .. } => {
                let channels = node.machine.channels().count();
                assert_eq!(channels, 0, "it is in a channel without a server");
                node.disconnected += 1;
            }
            _ => {}
        }
    }

    /// The wire for a machine's send, which must be for a link that stands.
    fn sends(&self, who: Who, link: LinkId) -> (usize, usize) {
        let found = self.port(who, link);
        let (wire, port) =
            found.unwrap_or_else(|| panic!("{who:?} sends on {link}, which is down"));
        let end = &self.wires[wire].ports[port];
        assert!(!end.deaf, "{who:?} sends on {link}, which it has closed");
        (wire, port)
    }

    fn send(&mut self, wire: usize, who: Who, link: LinkId, bytes: &[u8]) {
        let wire = &mut self.wires[wire];
        let port = usize::from(wire.ports[0].who != who || wire.ports[0].link != link);
        if wire.broken {
            return;
        }
        if !push(&mut wire.ports[port], bytes) {
            wire.ports[port].down = Some(LinkDown::SlowConsumer);
            wire.reset(1 - port);
        }
    }

    fn bound(&mut self, who: Who, link: LinkId, bytes_max: usize) {
        if let Some((wire, port)) = self.port(who, link) {
            self.wires[wire].ports[port].out.bound(bytes_max);
        }
    }

    fn close(&mut self, who: Who, link: LinkId, when: CloseWhen) {
        let Some((wire, port)) = self.port(who, link) else {
            panic!("{who:?} closes {link}, which is down");
        };
        let until = self.now + LINGER;
        let wire = &mut self.wires[wire];
        let end = &mut wire.ports[port];
        assert!(!end.deaf, "{who:?} closes {link} twice");
        (end.deaf, end.ended) = (true, true);
        if when == CloseWhen::Now && end.down.is_none() {
            end.down = Some(LinkDown::Ended);
            wire.reset(1 - port);
        } else {
            end.linger_until = Some(until);
        }
    }

    /// A machine has stopped: what it has said still arrives.
    fn end_all(&mut self, who: Who) {
        self.dials.retain(|dialing| dialing.who != who);
        for wire in &mut self.wires {
            for port in wire.ports.iter_mut().filter(|port| port.who == who) {
                (port.ended, port.deaf) = (true, true);
            }
        }
    }

    /// What one event makes a server write is in proportion to what it has read
    /// and to what there is to tell, whoever asks for it: each frame is answered
    /// or sent on, in each of four dresses; each host that was known may be lost.
    fn is_bounded(&self, server: usize, read: Read, written: usize) {
        const BASE: usize = 4 * 1024;
        if written <= BASE {
            return;
        }
        let snapshot = self.servers[server].machine.snapshot();
        let listed = |host: &crc_core::Host| {
            let machine = host.machine().map_or(0, str::len);
            64 + host.name().len() + host.info().len() + machine
        };
        let listing: usize = snapshot.directory().iter().map(listed).sum();
        let links = snapshot.links().count() + 1;
        let told = 4 * read.bytes + 512 * read.frames + 256 * read.hosts;
        // Chats that were kept for a peer may go out, or be answered, at once.
        let mut bound = BASE + told + links * (listing + 512) + 4 * self.said;
        if snapshot.nicks().is_some() {
            bound += self.bound_of_lines(server, read);
        }
        assert!(
            written <= bound,
            "{written} bytes written where {bound} would do for {read:?}"
        );
    }
}

/// What a server has read in one event, and how many hosts it knew before.
#[derive(Debug, Clone, Copy)]
struct Read {
    bytes: usize,
    frames: usize,
    hosts: usize,
    /// Whether they were lines, or lines may have waited.
    of_lines: bool,
}

impl Net {
    fn speaks_lines(&self, server: usize, link: LinkId) -> bool {
        let found = self.port(Who::Server(server), link);
        found.is_some_and(|(wire, port)| self.wires[wire].ports[port].dialect.is_some())
    }

    /// Whether lines may have waited at a server that are read later.
    fn speaks_lines_anywhere(&self, server: usize) -> bool {
        let ports = self.wires.iter().flat_map(|wire| &wire.ports);
        let mut ports = ports.filter(|port| port.who == Who::Server(server));
        ports.any(|port| port.dialect == Some(TextProtocol::Irc))
    }

    /// What lines may make a server write beyond what frames may. Each byte of a line
    /// may be a command, a channel or a recipient, which is answered and told in each
    /// wording; each line may be a question, with all that there is as its answer. A
    /// host that comes, goes or is told something is told of in each wording.
    fn bound_of_lines(&self, server: usize, read: Read) -> usize {
        let snapshot = self.servers[server].machine.snapshot();
        let known = |channel: &crc_core::Channel| {
            let settings = channel.settings().set();
            let settings: usize = settings.map(|(_, setting)| 64 + setting.value.len()).sum();
            channel.name().len() + settings + 128 * channel.members_len()
        };
        let channels: usize = snapshot.channels().iter().map(known).sum();
        let hosts = 1024 * (read.hosts + 1);
        let lines = match read.of_lines {
            true => 512 * (read.bytes + LINES_KEPT_BYTES_MAX.min(self.said)),
            false => 0,
        };
        let questions = match (read.of_lines, read.bytes) {
            (false, _) => 1,
            (true, 0) => 64,
            (true, bytes) => 1 + bytes / "NAMES\n".len(),
        };
        let told = 16 * read.bytes + 2048 * read.frames;
        told + lines + questions * (hosts + 4 * channels)
    }
}

impl Port {
    fn new(who: Who, link: LinkId) -> Self {
        Port {
            who,
            link,
            dialect: None,
            out: SendQueue::new(usize::MAX),
            up: true,
            deaf: false,
            ended: false,
            reads: true,
            down: None,
            linger_until: None,
            sent: Sent::default(),
        }
    }
}

impl Wire {
    /// The port, and the other one.
    fn sides(&mut self, port: usize) -> [&mut Port; 2] {
        let [first, second] = &mut self.ports;
        match port {
            0 => [first, second],
            _ => [second, first],
        }
    }

    /// Breaks the wire as the port sees it.
    fn reset(&mut self, port: usize) {
        self.broken = true;
        let port = &mut self.ports[port];
        let why = match port.deaf {
            true => LinkDown::Ended,
            false => LinkDown::Failed(std::io::ErrorKind::ConnectionReset),
        };
        port.down.get_or_insert(why);
    }

    /// Whether there is something to learn for the port.
    fn is_ready(&self, port: usize) -> bool {
        let (near, far) = (&self.ports[port], &self.ports[1 - port]);
        if !near.up {
            return false;
        }
        let bytes = !self.broken && !far.out.is_empty() && (near.reads || near.deaf);
        let end = !self.broken && far.out.is_empty() && far.ended;
        near.down.is_some() || bytes || end
    }
}

/// Queues what is sent; `false` when more waits now than may.
fn push(port: &mut Port, bytes: &[u8]) -> bool {
    port.out.push(bytes, 0).is_ok()
}

fn address(base: u16, index: usize) -> SocketAddr {
    let port = base + u16::try_from(index).expect("there are few");
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The address of a server, as others are told of it.
pub(crate) fn server_address(index: usize) -> PeerAddress {
    address(SERVER_PORTS, index).into()
}

/// An address at which raw peers may listen.
pub(crate) fn raw_address(index: usize) -> PeerAddress {
    address(RAW_PORTS, index).into()
}

/// The settings of the server `index`, which links to `connect`.
pub(crate) fn config(index: usize, connect: Vec<PeerAddress>) -> Config {
    let number = u32::try_from(index).expect("there are few");
    let id = HostId::new(number + 1).expect("it is not 0");
    let name = Name::new(format!("server{index}")).expect("it is short");
    let mut config = Config::new(id, name);
    config.info = Info::new("a server").expect("it is short");
    config.connect = connect;
    config.seed = number.into();
    config.limits.client_queue_bytes_max = CLIENT_QUEUE_BYTES_MAX;
    config.limits.server_queue_bytes_max = SERVER_QUEUE_BYTES_MAX;
    config.limits.hosts_max = HOSTS_MAX;
    config.limits.text_bytes_max = 2_000;
    config.limits.status_log_max = 8;
    config
}
