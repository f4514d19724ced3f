//! The simulated network: nodes, and the connections between them. The world runs it;
//! the monitor and the rest checks only read it.

use std::collections::{BTreeMap, BTreeSet};

use crc_core::{Client, ClientConfig, Limits, Server, TextProtocol};
use crc_netem::{Connection, Life, Side, TimedNet};
use crc_wire::HostId;

use crate::foreign::ForeignNode;
use crate::node::{LEGACY, Node, NodeConfig, Role, irc_address, legacy_address, node_at};
use crate::options::Options;
use crate::people;

/// What the world enters into the network's calendar.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry {
    /// A step of the plan.
    Step(usize),
    /// A node that is down starts, if it is still the same life that ended.
    Start { node: usize, life: u32 },
    /// The faults end.
    EndFaults,
    /// Thieves of ids go.
    EndThieves,
    /// A password was compared for a server, if it is still the same life.
    PasswordChecked {
        node: usize,
        life: u32,
        number: u64,
        is_right: bool,
    },
}

#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) options: Options,
    pub(crate) net: TimedNet<Entry>,
    pub(crate) nodes: Vec<Node>,
    /// By node: the bans that a server has stored.
    pub(crate) disks: Vec<Vec<Box<str>>>,
}

impl Network {
    pub(crate) fn new(seed: u64, options: Options) -> Network {
        let mut net = TimedNet::new(seed, options.conditions());
        let configs = crate::topology::draw(seed, &options);
        let nodes: Vec<Node> = configs.into_iter().map(Node::new).collect();
        for (number, node) in nodes.iter().enumerate() {
            net.add_host(node.host_options(number));
            if node.is_legacy_server() {
                net.listen(number, legacy_address(number), LEGACY);
            }
            if let NodeConfig::Server(config) = &node.config {
                for &(listener, protocol) in &config.text_listeners {
                    let at = match protocol {
                        TextProtocol::Irc => irc_address(number),
                        TextProtocol::Legacy => legacy_address(number),
                    };
                    net.listen(number, at, listener);
                }
            }
        }
        Network {
            options,
            net,
            disks: vec![Vec::new(); nodes.len()],
            nodes,
        }
    }

    pub(crate) fn server(&self, node: usize) -> Option<&Server> {
        self.nodes[node].server()
    }

    /// The limits of a server.
    pub(crate) fn limits(&self, node: usize) -> Option<&Limits> {
        match &self.nodes[node].config {
            NodeConfig::Server(config) => Some(&config.limits),
            _ => None,
        }
    }

    pub(crate) fn client(&self, node: usize) -> Option<&Client> {
        self.nodes[node].client()
    }

    /// All nodes that are servers of version 2 and run.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (usize, &Server)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(|(node, it)| Some((node, it.server()?)))
    }

    /// All nodes that are clients of version 2 and run, each with the server that it is
    /// registered with, or should be.
    pub(crate) fn clients(&self) -> impl Iterator<Item = (usize, &Client, usize)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(|(node, it)| match &it.config {
            NodeConfig::Client(config) => {
                let client = it.client()?;
                Some((node, client, self.home(client, config)?))
            }
            _ => None,
        })
    }

    /// The server that a client is registered with; one that runs if it is with none.
    fn home(&self, client: &Client, config: &ClientConfig) -> Option<usize> {
        if client.is_welcomed() {
            return node_at(client.server());
        }
        let mut named = config.servers.iter().filter_map(node_at);
        let first = named.next()?;
        let runs = |node: &usize| self.server(*node).is_some();
        Some(first)
            .filter(runs)
            .or_else(|| named.find(runs))
            .or(Some(first))
    }

    /// How many v1 clients run and are registered.
    pub(crate) fn v1_clients_registered(&self) -> usize {
        let registered = |node: &&Node| match &node.role {
            Role::Foreign(node) => {
                matches!(&**node, ForeignNode::V1Client(client) if client.welcomed)
            }
            _ => false,
        };
        self.nodes.iter().filter(registered).count()
    }

    pub(crate) fn is_alive(&self, node: usize) -> bool {
        self.net.host(node).is_alive()
    }

    pub(crate) fn connection(&self, connection: usize) -> &Connection<usize, Life> {
        &self.net.connections()[connection]
    }

    /// The node at a side of a connection.
    pub(crate) fn node_at(&self, connection: usize, side: Side) -> usize {
        self.connection(connection).end(side).host()
    }

    pub(crate) fn describe(&self, node: usize) -> String {
        self.nodes[node].describe(node)
    }

    /// The two nodes of one direction of a connection.
    pub(crate) fn describe_direction(&self, connection: usize, writer: Side) -> String {
        format!(
            "{} to {}",
            self.describe(self.node_at(connection, writer)),
            self.describe(self.node_at(connection, 1 - writer))
        )
    }

    /// Whether a server takes its neighbour on a connection for a v1 node.
    pub(crate) fn takes_for_v1(&self, connection: usize, side: Side) -> bool {
        let end = self.connection(connection).end(side);
        self.server(end.host()).is_some_and(|server| {
            let mut links = server.snapshot().links();
            links.any(|view| {
                view.link == end.link() && view.neighbour.version != crc_core::PeerVersion::V2
            })
        })
    }

    /// The host that a server knows at the other end of a connection.
    pub(crate) fn neighbour_on(&self, connection: usize, side: Side) -> Option<HostId> {
        let end = self.connection(connection).end(side);
        let mut links = self.server(end.host())?.snapshot().links();
        let view = links.find(|view| view.link == end.link())?;
        Some(view.neighbour.host)
    }

    /// How many bytes a server has read from a connection and not handled yet.
    pub(crate) fn unread(&self, connection: usize, side: Side) -> u64 {
        let end = self.connection(connection).end(side);
        let server = self.server(end.host());
        let view = server.and_then(|server| {
            let mut links = server.snapshot().links();
            links.find(|view| view.link == end.link())
        });
        view.map_or(0, |view| view.unread_bytes as u64)
    }

    /// An end that is yet to learn that its connection is dead.
    pub(crate) fn undetected_dead_link(&self) -> Option<String> {
        let hosts = (0..self.nodes.len()).map(|node| self.net.host(node));
        let ends = hosts
            .filter(|host| host.is_alive())
            .flat_map(|host| host.ends());
        let mut dead = ends.filter(|&&(connection, side)| {
            let it = self.connection(connection);
            let dead_path = (0..2).any(|writer| it.stream(writer).is_dead_path());
            dead_path || it.end(1 - side).phase() == crc_netem::Phase::Gone
        });
        let &(connection, side) = dead.next()?;
        let ends = self.connection(connection).ends().each_ref();
        let phases = ends.map(crc_netem::End::phase);
        Some(format!(
            "({} on the dead connection {connection}, {phases:?})",
            self.describe_direction(connection, side)
        ))
    }

    /// The clients of some servers that consider themselves members of channels, by
    /// channel.
    pub(crate) fn channel_members(
        &self,
        is_server: impl Fn(usize) -> bool,
    ) -> BTreeMap<String, BTreeSet<usize>> {
        let mut members: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (node, client, home) in self.clients() {
            if !self.is_alive(node) || !client.is_welcomed() || !is_server(home) {
                continue;
            }
            for channel in client.channels() {
                let name = channel.name().to_ascii_lowercase();
                members.entry(name).or_default().insert(node);
            }
        }
        people::add_members(self, is_server, &mut members);
        members
    }
}
