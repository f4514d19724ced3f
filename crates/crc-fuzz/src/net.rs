//! A small network without sockets: real servers and clients, scripted peers, and a
//! virtual clock.
//!
//! The connections are `crc-netem`'s [`SteppedNet`]: the scenario chooses what happens
//! next. After every event the effects of the machine are checked, see
//! [`machines`](self::machines). What must hold for one scenario only is asserted there.

mod bounds;
mod machines;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crc_core::{
    Client, ClientCommand, ClientConfig, ClientNotice, Config, DialError, DialId, Endpoints, Event,
    LinkConfig, LinkDirection, LinkId, ListenerId, Machine, Origin, Outbox, PeerAddress, Random,
    Secret, Server, ServerCommand, ServerNotice, TextProtocol, Timestamp,
};
use crc_netem::{LinkEvent, Phase, Side, StepEvent, SteppedNet};
use crc_wire::{HostId, Info, Name};

use crate::invariants::SentState;

/// More steps than any network this small needs to come to rest.
const STEPS_MAX: usize = 200_000;
/// The port of the first server, and of the first scripted listener.
const SERVER_PORTS: u16 = 1000;
const PEER_PORTS: u16 = 2000;
/// With so many scripted peers no more listen.
const PEERS_MAX: usize = 32;

/// Bounds that short scenarios cross, too.
pub(crate) const CLIENT_QUEUE_BYTES_MAX: usize = 4 * 1024;
const SERVER_QUEUE_BYTES_MAX: usize = 32 * 1024;
pub(crate) const HOSTS_MAX: usize = 48;

/// The listeners of a server: for frames, for IRC, and for the legacy dialect.
pub(crate) const FRAMES: ListenerId = ListenerId(0);
pub(crate) const IRC: ListenerId = ListenerId(1);
pub(crate) const LEGACY: ListenerId = ListenerId(2);
/// The scripted listener of legacy IRC.
pub(crate) const LEGACY_PEER: usize = 2;

/// A host of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Host {
    Server(usize),
    Client(usize),
    Peer(usize),
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

/// A well-behaved client.
#[derive(Debug)]
pub(crate) struct ClientNode {
    pub(crate) machine: Client,
    pub(crate) server: usize,
    pub(crate) stopped: bool,
    /// How often it has lost its server.
    pub(crate) disconnected: u32,
    /// Whether another host has got its id.
    pub(crate) displaced: bool,
    /// The chats that it has received, with their sources.
    pub(crate) received: Vec<(HostId, String)>,
}

/// What is kept with each end of a connection.
#[derive(Debug, Default)]
struct EndNotes {
    /// The text protocol of the link, if it has one.
    dialect: Option<TextProtocol>,
    sent: SentState,
}

/// The network.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) random: Random,
    pub(crate) servers: Vec<ServerNode>,
    pub(crate) clients: Vec<ClientNode>,
    /// How many scripted peers there have been; each has one connection.
    pub(crate) peers: usize,
    /// Whether the servers that are added prove a secret to each other.
    pub(crate) have_secrets: bool,
    /// Whether dials to scripted listeners are answered, by a new peer each.
    pub(crate) peers_listen: bool,
    /// Whether the first server has got the command to leave.
    pub(crate) leaving: bool,
    stepped: SteppedNet<Host, EndNotes>,
    /// How many bytes the scripted peers have sent.
    peer_bytes: usize,
    /// A hash over all effects of the machines.
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
            peers: 0,
            have_secrets: false,
            peers_listen: false,
            leaving: false,
            stepped: SteppedNet::new(),
            peer_bytes: 0,
            digest: 0,
            server_out: Outbox::new(),
            client_out: Outbox::new(),
        }
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.stepped.now()
    }

    /// A hash over all effects of the machines so far: equal digests of two builds mean
    /// that both did the same, byte for byte.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    // Hosts.

    /// A server with the id `index + 1`, which looks for an uplink at `connect`.
    pub(crate) fn add_server(&mut self, mut config: Config) -> usize {
        if self.have_secrets {
            config.v1_peers = Vec::new();
            config.links = vec![LinkConfig {
                name: None,
                address: None,
                secret: Secret::new("the secret of both").ok(),
                direction: LinkDirection::Both,
            }];
        }
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
        self.stepped.kill(Host::Server(server));
    }

    /// Starts a dead server again, with an empty directory.
    pub(crate) fn restart_server(&mut self, server: usize, config: Config) {
        let node = &mut self.servers[server];
        node.machine = Server::new(config);
        (node.alive, node.stopped) = (true, false);
        self.start_server(server);
    }

    /// A well-behaved client; for `None` it chooses its id.
    pub(crate) fn add_client(&mut self, server: usize, id: Option<u32>) -> usize {
        self.add_client_of(server_address(server), id)
    }

    /// The same, for a server at an address.
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
            displaced: false,
            received: Vec::new(),
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

    // Scripted peers.

    /// A scripted peer that connects to a server.
    pub(crate) fn connect(&mut self, server: usize) -> usize {
        self.connect_at(server, FRAMES)
    }

    /// The same, at one of its listeners.
    pub(crate) fn connect_at(&mut self, server: usize, listener: ListenerId) -> usize {
        self.peers += 1;
        let peer = self.peers - 1;
        let dialect = match listener {
            IRC => Some(TextProtocol::Irc),
            LEGACY => Some(TextProtocol::Legacy),
            _ => None,
        };
        self.connect_hosts(
            Host::Peer(peer),
            None,
            Host::Server(server),
            dialect,
            listener,
        );
        peer
    }

    /// A scripted peer sends bytes, if it still can.
    pub(crate) fn send_from_peer(&mut self, peer: usize, bytes: &[u8]) {
        let Some((connection, side)) = self.find(peer) else {
            return;
        };
        if self.stepped.connections()[connection].end(side).phase() == Phase::Live {
            self.peer_bytes += bytes.len();
            // Its queue has no bound.
            let _ = self.stepped.send(connection, side, bytes);
        }
    }

    /// A scripted peer closes its connection.
    pub(crate) fn close(&mut self, peer: usize) {
        if let Some((connection, side)) = self.find(peer) {
            self.stepped.close_patiently(connection, side);
        }
    }

    /// A scripted peer's connection breaks: what is in flight is lost.
    pub(crate) fn reset(&mut self, peer: usize) {
        if let Some((connection, side)) = self.find(peer) {
            self.stepped.reset(connection, side);
        }
    }

    /// A scripted peer stops reading, or goes on.
    pub(crate) fn toggle_reading(&mut self, peer: usize) {
        if let Some((connection, side)) = self.find(peer) {
            self.stepped.toggle_reading(connection, side);
        }
    }

    /// Any connection breaks.
    pub(crate) fn break_connection(&mut self, index: usize) {
        let connections = self.stepped.connections().len();
        if connections > 0 {
            let is_told = |host| !matches!(host, Host::Peer(_));
            self.stepped.break_connection(index % connections, is_told);
        }
    }

    fn find(&self, peer: usize) -> Option<(usize, Side)> {
        self.stepped.find_host(Host::Peer(peer))
    }

    // Time.

    /// One thing happens of those that can, with at most `bytes_max` bytes.
    pub(crate) fn step(&mut self, which: usize, bytes_max: usize) {
        if let Some(event) = self.stepped.step(which, bytes_max) {
            self.on_step(event);
        }
    }

    /// Everything that can happens, in a random order. No time passes.
    pub(crate) fn deliver_all(&mut self) {
        let mut steps = 0;
        while let Some(event) = self.stepped.random_step(&mut self.random) {
            self.on_step(event);
            steps += 1;
            assert!(steps < STEPS_MAX, "the network does not come to rest");
        }
    }

    fn on_step(&mut self, event: StepEvent<Host>) {
        match event {
            StepEvent::Dial { host, dial, to } => self.on_dial(host, dial, &to),
            StepEvent::Link { host, event } => {
                match host {
                    Host::Server(server) => self.handle_server(server, event.as_event()),
                    Host::Client(client) => self.handle_client(client, event.as_event()),
                    Host::Peer(_) => {}
                }
                if let LinkEvent::Bytes { bytes, .. } = event {
                    self.stepped.recycle(bytes);
                }
            }
            StepEvent::Dropped => {}
        }
    }

    /// Time passes, and nothing is delivered.
    pub(crate) fn pass_time(&mut self, duration: Duration) {
        self.pass_time_with(duration, |_| {});
    }

    /// Time passes, and everything is delivered at once.
    pub(crate) fn run(&mut self, duration: Duration) {
        self.deliver_all();
        self.pass_time_with(duration, Net::deliver_all);
        self.deliver_all();
    }

    /// Time passes, with `each` after every deadline.
    fn pass_time_with(&mut self, duration: Duration, each: impl Fn(&mut Net)) {
        let end = self.now() + duration;
        let mut steps = 0;
        while let Some((when, host)) = self.deadline()
            && when <= end
        {
            self.stepped.advance_to(when);
            match host {
                Some(Host::Server(server)) => self.handle_server(server, Event::Tick),
                Some(Host::Client(client)) => self.handle_client(client, Event::Tick),
                _ => {}
            }
            self.stepped.end_lingering();
            each(self);
            steps += 1;
            assert!(steps < STEPS_MAX, "the network does not come to rest");
        }
        self.stepped.advance_to(end);
        self.stepped.end_lingering();
    }

    /// A tick that comes early does no harm.
    pub(crate) fn early_tick(&mut self, server: usize) {
        self.handle_server(server, Event::Tick);
    }

    /// The next deadline, and the machine whose deadline it is.
    fn deadline(&self) -> Option<(Timestamp, Option<Host>)> {
        let servers = self.servers.iter().enumerate();
        let servers = servers.filter(|(_, node)| node.alive && !node.stopped);
        let servers =
            servers.filter_map(|(i, node)| Some((node.machine.deadline()?, Some(Host::Server(i)))));
        let clients = self.clients.iter().enumerate();
        let clients = clients.filter(|(_, node)| !node.stopped);
        let clients =
            clients.filter_map(|(i, node)| Some((node.machine.deadline()?, Some(Host::Client(i)))));
        let lingering = self.stepped.deadline().map(|when| (when, None));
        servers
            .chain(clients)
            .chain(lingering)
            .min_by_key(|(when, _)| *when)
    }

    // Dials.

    fn on_dial(&mut self, host: Host, dial: DialId, to: &PeerAddress) {
        let server = usize::from(to.port.wrapping_sub(SERVER_PORTS));
        let there = |node: &ServerNode| node.alive && !node.stopped;
        if &*to.host == "127.0.0.1" && self.servers.get(server).is_some_and(there) {
            return self.connect_hosts(host, Some(dial), Host::Server(server), None, FRAMES);
        }
        if to.port >= PEER_PORTS && self.peers_listen && self.peers < PEERS_MAX {
            self.peers += 1;
            let peer = Host::Peer(self.peers - 1);
            let legacy = *to == peer_address(LEGACY_PEER);
            let dialect = legacy.then_some(TextProtocol::Legacy);
            return self.connect_hosts(host, Some(dial), peer, dialect, FRAMES);
        }
        let why = DialError::Failed(std::io::ErrorKind::ConnectionRefused);
        match host {
            Host::Server(server) => self.handle_server(server, Event::DialFailed { dial, why }),
            Host::Client(client) => self.handle_client(client, Event::DialFailed { dial, why }),
            Host::Peer(_) => {}
        }
    }

    /// Connects two hosts. Both ends stand before either machine knows.
    fn connect_hosts(
        &mut self,
        near: Host,
        dial: Option<DialId>,
        far: Host,
        dialect: Option<TextProtocol>,
        listener: ListenerId,
    ) {
        let [near_link, far_link] = self.stepped.connect(near, far);
        let connection = self.stepped.connections().len() - 1;
        for end in self.stepped.near_and_far(connection, 0) {
            end.data.dialect = dialect;
        }
        self.on_link_up(far, far_link, Origin::Accepted { listener });
        if let Some(dial) = dial {
            self.on_link_up(near, near_link, Origin::Dialed { dial });
        }
    }

    fn on_link_up(&mut self, host: Host, link: LinkId, origin: Origin) {
        let event = LinkEvent::Up {
            link,
            origin,
            endpoints: Endpoints {
                peer: address(PEER_PORTS, 500),
                local: address(SERVER_PORTS, 0),
            },
        };
        self.on_step(StepEvent::Link { host, event });
    }
}

fn address(base: u16, index: usize) -> SocketAddr {
    let port = base + u16::try_from(index).expect("there are few");
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The address of a server.
pub(crate) fn server_address(index: usize) -> PeerAddress {
    address(SERVER_PORTS, index).into()
}

/// The address of a scripted listener.
pub(crate) fn peer_address(index: usize) -> PeerAddress {
    address(PEER_PORTS, index).into()
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
