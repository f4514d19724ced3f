//! A node of the network: its configuration and its machine.
//!
//! Decides nothing. The world gives it events and carries out its effects.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crc_core::{Client, ClientConfig, Config, ListenerId, Machine, PeerAddress, Server, Timestamp};
use crc_netem::HostOptions;

use crate::foreign::ForeignNode;

/// Where all nodes listen.
const PORT: u16 = 33300;
/// Where servers listen for users of IRC, and for users and servers of legacy IRC.
const IRC_PORT: u16 = 6667;
const LEGACY_PORT: u16 = 6660;
/// The listeners of a server at these ports.
pub(crate) const IRC: ListenerId = ListenerId(1);
pub(crate) const LEGACY: ListenerId = ListenerId(2);

/// The machine of a node.
#[derive(Debug)]
pub(crate) enum Role {
    Server(Box<Server>),
    Client(Box<Client>),
    Foreign(Box<ForeignNode>),
    /// The node does not run.
    Down,
}

/// What a node starts with, each time that it starts.
#[derive(Debug, Clone)]
pub(crate) enum NodeConfig {
    Server(Box<Config>),
    Client(Box<ClientConfig>),
    Foreign(Box<ForeignNode>),
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) config: NodeConfig,
    pub(crate) role: Role,
    /// How many ticks it has had at this very moment.
    pub(crate) ticks_now: (Timestamp, u32),
    pub(crate) events: u32,
    /// It must not run when the faults have ended.
    pub(crate) removed: bool,
}

impl Node {
    pub(crate) const fn new(config: NodeConfig) -> Self {
        Node {
            config,
            role: Role::Down,
            ticks_now: (Timestamp::START, 0),
            events: 0,
            removed: false,
        }
    }

    pub(crate) fn server(&self) -> Option<&Server> {
        match &self.role {
            Role::Server(server) => Some(server),
            _ => None,
        }
    }

    pub(crate) fn client(&self) -> Option<&Client> {
        match &self.role {
            Role::Client(client) => Some(client),
            _ => None,
        }
    }

    pub(crate) fn is_v1_server(&self) -> bool {
        matches!(&self.config, NodeConfig::Foreign(node) if matches!(**node, ForeignNode::V1Server(_)))
    }

    /// Whether it is a server of legacy IRC.
    pub(crate) fn is_legacy_server(&self) -> bool {
        matches!(&self.config, NodeConfig::Foreign(node) if matches!(**node, ForeignNode::LegacyServer(_)))
    }

    /// Whether it is a client, of either version.
    pub(crate) fn is_client(&self) -> bool {
        match &self.config {
            NodeConfig::Client(_) => true,
            NodeConfig::Foreign(node) => matches!(**node, ForeignNode::V1Client(_)),
            NodeConfig::Server(_) => false,
        }
    }

    /// Whether it is not of this implementation.
    pub(crate) const fn is_foreign(&self) -> bool {
        matches!(self.config, NodeConfig::Foreign(_))
    }

    /// Whether a hostile node runs here.
    pub(crate) fn is_hostile(&self) -> bool {
        matches!(&self.role, Role::Foreign(node) if node.is_hostile())
    }

    /// Whether it is a hostile server, in whatever life.
    pub(crate) fn is_hostile_server(&self) -> bool {
        matches!(&self.config, NodeConfig::Foreign(node) if matches!(**node, ForeignNode::HostileServer(_)))
    }

    /// Whether it is a thief of ids.
    pub(crate) fn is_thief(&self) -> bool {
        matches!(&self.config, NodeConfig::Foreign(node) if matches!(**node, ForeignNode::Thief(_)))
    }

    /// The deadline of its machine, on its own clock.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.role {
            Role::Server(server) => server.deadline(),
            Role::Client(client) => client.deadline(),
            Role::Foreign(node) => node.deadline(),
            Role::Down => None,
        }
    }

    /// What the network needs to know of it as a host.
    pub(crate) fn host_options(&self, node: usize) -> HostOptions {
        let mut options = HostOptions::new(address(node));
        match &self.config {
            NodeConfig::Server(_) => {}
            NodeConfig::Client(_) => options.listens = false,
            // A v1 node takes each read for whole frames, and so lives on a quick and
            // steady network.
            NodeConfig::Foreign(node) if node.is_person() => options.listens = node.listens(),
            NodeConfig::Foreign(node) => {
                options.listens = node.listens();
                options.whole_reads = Some(node.reads_max());
                options.steady = node.is_v1();
                options.partitioned = false;
                if let ForeignNode::HostileServer(server) = &**node {
                    options.address = server.address();
                }
            }
        }
        options
    }

    /// Its name in traces and reports.
    pub(crate) fn describe(&self, node: usize) -> String {
        match &self.role {
            Role::Server(server) => format!("server {} (n{node})", server.snapshot().id()),
            Role::Client(client) => format!("client {} (n{node})", client.id()),
            Role::Foreign(foreign) => format!("{} (n{node})", foreign.describe()),
            Role::Down => format!("n{node}"),
        }
    }
}

/// The address that a node listens on.
pub(crate) fn address(node: usize) -> SocketAddr {
    let (high, low) = (node / 250, node % 250);
    let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    SocketAddr::new(
        IpAddr::V4(Ipv4Addr::new(127, 1, byte(high), byte(low + 1))),
        PORT,
    )
}

/// Where a server listens for users of IRC.
pub(crate) fn irc_address(node: usize) -> SocketAddr {
    SocketAddr::new(address(node).ip(), IRC_PORT)
}

/// Where a server listens for users and servers of legacy IRC.
pub(crate) fn legacy_address(node: usize) -> SocketAddr {
    SocketAddr::new(address(node).ip(), LEGACY_PORT)
}

/// Whether text is spoken at an address, and not frames.
pub(crate) const fn is_text_address(address: &PeerAddress) -> bool {
    matches!(address.port, IRC_PORT | LEGACY_PORT)
}

/// The address of a hostile node outside the network in which servers may be.
pub(crate) fn outside_address(node: usize) -> SocketAddr {
    let low = u8::try_from(node % 250).unwrap_or(0) + 1;
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 2, 0, low)), PORT)
}

/// The node that listens on an address.
pub(crate) fn node_at(address: &PeerAddress) -> Option<usize> {
    let ip: Ipv4Addr = address.host.parse().ok()?;
    let [127, 1, high, low] = ip.octets() else {
        return None;
    };
    let low = usize::from(low).checked_sub(1)?;
    (address.port == PORT).then_some(usize::from(high) * 250 + low)
}
