//! A small network without sockets: real servers and clients, raw peers that a
//! scenario speaks for, and a virtual clock.
//!
//! Streams and links are `crc-netem`'s [`SteppedNet`]: the scenario chooses what happens
//! next. After every event the machines are held to their contract, see
//! [`machines`](self::machines). What must hold for one scenario only is asserted there.

mod bounds;
mod machines;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crc_core::{
    Client, ClientCommand, ClientConfig, ClientNotice, Config, DialError, DialId, Endpoints, Event,
    LinkId, ListenerId, Machine, Origin, Outbox, PeerAddress, Random, Server, ServerCommand,
    ServerNotice, TextProtocol, Timestamp,
};
use crc_netem::{LinkEvent, Phase, Side, StepEvent, SteppedNet};
use crc_wire::{HostId, Info, Name};

use crate::promises::Sent;

/// More steps than any network this small needs to come to rest.
const STEPS_MAX: usize = 200_000;
/// The port of the first server, and of the first raw listener.
const SERVER_PORTS: u16 = 1000;
const RAW_PORTS: u16 = 2000;
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

/// A host of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
}

/// What is kept with each end of a connection.
#[derive(Debug, Default)]
struct EndNotes {
    /// The dialect of text that is spoken here, if it is one.
    dialect: Option<TextProtocol>,
    sent: Sent,
}

/// The network.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) random: Random,
    pub(crate) servers: Vec<ServerNode>,
    pub(crate) clients: Vec<ClientNode>,
    /// How many raw peers there have been; each has one connection.
    pub(crate) raws: usize,
    /// Whether there is a new raw peer for every dial to where one may listen.
    pub(crate) raws_listen: bool,
    /// Whether the first server has been told to leave.
    pub(crate) leaving: bool,
    wires: SteppedNet<Who, EndNotes>,
    /// All bytes that raw peers have said: what is kept of them is bounded by it.
    said: usize,
    /// A hash over all that the machines have asked for.
    digest: u64,
    server_out: Outbox<ServerNotice>,
    client_out: Outbox<ClientNotice>,
}

impl Net {
    pub(crate) fn new(seed: u64) -> Self {
        Net {
            random: Random::new(seed),
            servers: Vec::new(),
            clients: Vec::new(),
            raws: 0,
            raws_listen: false,
            leaving: false,
            wires: SteppedNet::new(),
            said: 0,
            digest: 0,
            server_out: Outbox::new(),
            client_out: Outbox::new(),
        }
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.wires.now()
    }

    /// A hash over all that the machines have asked for so far, byte for byte: equal
    /// digests of two builds mean that both did the same.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    // Hosts.

    /// A server with the id `index + 1`, which looks for an uplink at `connect`.
    pub(crate) fn add_server(&mut self, config: Config) -> usize {
        self.servers.push(ServerNode {
            machine: Server::new(config),
            alive: true,
            stopped: false,
            unlinked: 0,
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

    /// Ends a server as by `kill -9`.
    pub(crate) fn kill_server(&mut self, server: usize) {
        self.servers[server].alive = false;
        self.wires.kill(Who::Server(server));
    }

    /// Brings a dead server back, knowing nothing.
    pub(crate) fn restart_server(&mut self, server: usize, config: Config) {
        let node = &mut self.servers[server];
        node.machine = Server::new(config);
        (node.alive, node.stopped) = (true, false);
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
        let Some((wire, side)) = self.find(raw) else {
            return;
        };
        if self.wires.connections()[wire].end(side).phase() == Phase::Live {
            self.said += bytes.len();
            // Its queue has no bound.
            let _ = self.wires.send(wire, side, bytes);
        }
    }

    /// A raw peer hangs up.
    pub(crate) fn hang_up(&mut self, raw: usize) {
        if let Some((wire, side)) = self.find(raw) {
            self.wires.close_patiently(wire, side);
        }
    }

    /// A raw peer's connection breaks: what is on its way is lost.
    pub(crate) fn reset(&mut self, raw: usize) {
        if let Some((wire, side)) = self.find(raw) {
            self.wires.reset(wire, side);
        }
    }

    /// A raw peer stops reading, or begins again.
    pub(crate) fn stall(&mut self, raw: usize) {
        if let Some((wire, side)) = self.find(raw) {
            self.wires.toggle_reading(wire, side);
        }
    }

    /// A connection between any two breaks.
    pub(crate) fn break_wire(&mut self, index: usize) {
        let wires = self.wires.connections().len();
        if wires > 0 {
            let is_told = |who| !matches!(who, Who::Raw(_));
            self.wires.break_connection(index % wires, is_told);
        }
    }

    fn find(&self, raw: usize) -> Option<(usize, Side)> {
        self.wires.find_host(Who::Raw(raw))
    }

    // What happens.

    /// Lets one thing happen of those that may, and for bytes no more than
    /// `bytes_max` of them.
    pub(crate) fn one(&mut self, which: usize, bytes_max: usize) {
        if let Some(event) = self.wires.step(which, bytes_max) {
            self.carry_out(event);
        }
    }

    /// Lets all happen that may, in any order, and no time pass.
    pub(crate) fn all(&mut self) {
        let mut steps = 0;
        while let Some(event) = self.wires.random_step(&mut self.random) {
            self.carry_out(event);
            steps += 1;
            assert!(steps < STEPS_MAX, "the network does not come to rest");
        }
    }

    fn carry_out(&mut self, event: StepEvent<Who>) {
        match event {
            StepEvent::Dial { host, dial, to } => self.dialed(host, dial, &to),
            StepEvent::Link { host, event } => {
                match host {
                    Who::Server(server) => self.handle_server(server, event.as_event()),
                    Who::Client(client) => self.handle_client(client, event.as_event()),
                    Who::Raw(_) => {}
                }
                if let LinkEvent::Bytes { bytes, .. } = event {
                    self.wires.recycle(bytes);
                }
            }
            StepEvent::Dropped => {}
        }
    }

    /// Lets time pass, and nothing be delivered meanwhile but by `all`.
    pub(crate) fn pass(&mut self, duration: Duration) {
        self.pass_with(duration, |_| {});
    }

    /// Lets all happen and time pass, as it does where nothing is slow.
    pub(crate) fn run(&mut self, duration: Duration) {
        self.all();
        self.pass_with(duration, Net::all);
        self.all();
    }

    /// Lets time pass, with `each` after every deadline.
    fn pass_with(&mut self, duration: Duration, each: impl Fn(&mut Net)) {
        let end = self.now() + duration;
        let mut steps = 0;
        while let Some((when, who)) = self.deadline()
            && when <= end
        {
            self.wires.advance_to(when);
            match who {
                Some(Who::Server(server)) => self.handle_server(server, Event::Tick),
                Some(Who::Client(client)) => self.handle_client(client, Event::Tick),
                _ => {}
            }
            self.wires.end_lingering();
            each(self);
            steps += 1;
            assert!(steps < STEPS_MAX, "the network does not come to rest");
        }
        self.wires.advance_to(end);
        self.wires.end_lingering();
    }

    /// A tick that comes early does no harm.
    pub(crate) fn early_tick(&mut self, server: usize) {
        self.handle_server(server, Event::Tick);
    }

    /// The next deadline, and the machine whose deadline it is.
    fn deadline(&self) -> Option<(Timestamp, Option<Who>)> {
        let servers = self.servers.iter().enumerate();
        let servers = servers.filter(|(_, node)| node.alive && !node.stopped);
        let servers =
            servers.filter_map(|(i, node)| Some((node.machine.deadline()?, Some(Who::Server(i)))));
        let clients = self.clients.iter().enumerate();
        let clients = clients.filter(|(_, node)| !node.stopped);
        let clients =
            clients.filter_map(|(i, node)| Some((node.machine.deadline()?, Some(Who::Client(i)))));
        let lingering = self.wires.deadline().map(|when| (when, None));
        servers
            .chain(clients)
            .chain(lingering)
            .min_by_key(|(when, _)| *when)
    }

    // Dials.

    fn dialed(&mut self, who: Who, dial: DialId, to: &PeerAddress) {
        let server = usize::from(to.port.wrapping_sub(SERVER_PORTS));
        let there = |node: &ServerNode| node.alive && !node.stopped;
        if &*to.host == "127.0.0.1" && self.servers.get(server).is_some_and(there) {
            return self.join(who, Some(dial), Who::Server(server), None, FRAMES);
        }
        if to.port >= RAW_PORTS && self.raws_listen && self.raws < RAWS_MAX {
            self.raws += 1;
            let raw = Who::Raw(self.raws - 1);
            let course = *to == raw_address(COURSE_RAW);
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
        let [near_link, far_link] = self.wires.connect(near, far);
        let wire = self.wires.connections().len() - 1;
        for end in self.wires.near_and_far(wire, 0) {
            end.data.dialect = dialect;
        }
        self.link_up(far, far_link, Origin::Accepted { listener });
        if let Some(dial) = dial {
            self.link_up(near, near_link, Origin::Dialed { dial });
        }
    }

    fn link_up(&mut self, who: Who, link: LinkId, origin: Origin) {
        let event = LinkEvent::Up {
            link,
            origin,
            endpoints: Endpoints {
                peer: address(RAW_PORTS, 500),
                local: address(SERVER_PORTS, 0),
            },
        };
        self.carry_out(StepEvent::Link { host: who, event });
    }
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
