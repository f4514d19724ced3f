//! A node of the network: its machine, its links by name, and its clock.
//!
//! Decides nothing. What it is told and what becomes of what it says is the
//! world's to carry out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crc_core::{Client, ClientConfig, Config, PeerAddress, Server, Timestamp};
use crc_netem::HostOptions;

use crate::raw::Raw;

/// Where all nodes listen.
const PORT: u16 = 33300;

/// What a node is.
#[derive(Debug)]
pub(crate) enum Role {
    Server(Box<Server>),
    Client(Box<Client>),
    Raw(Box<Raw>),
    /// Not begun, or over.
    Nothing,
}

/// How a node begins, each time that it does.
#[derive(Debug, Clone)]
pub(crate) enum Birth {
    Server(Box<Config>),
    Client(Box<ClientConfig>),
    Raw(Box<Raw>),
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) birth: Birth,
    pub(crate) role: Role,
    /// How many ticks it has had at this very moment.
    pub(crate) spins: (Timestamp, u32),
    /// The chats that it has and has neither passed on nor answered.
    pub(crate) holds: Vec<usize>,
    pub(crate) events: u32,
    /// It is not to be in the network when all is calm.
    pub(crate) goes: bool,
}

impl Node {
    pub(crate) const fn new(birth: Birth) -> Self {
        Node {
            birth,
            role: Role::Nothing,
            spins: (Timestamp::START, 0),
            holds: Vec::new(),
            events: 0,
            goes: false,
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

    pub(crate) fn is_original_server(&self) -> bool {
        matches!(&self.birth, Birth::Raw(raw) if matches!(**raw, Raw::Server(_)))
    }

    pub(crate) fn is_client(&self) -> bool {
        match &self.birth {
            Birth::Client(_) => true,
            Birth::Raw(raw) => matches!(**raw, Raw::Client(_)),
            Birth::Server(_) => false,
        }
    }

    /// What the network has to know of it as a host.
    pub(crate) fn host_options(&self, node: usize) -> HostOptions {
        let mut options = HostOptions::new(address(node));
        match &self.birth {
            Birth::Server(_) => {}
            Birth::Client(_) => options.listens = false,
            // An original node takes each read for whole frames, and so lives on a
            // quick and steady network.
            Birth::Raw(raw) => {
                options.listens = raw.listens();
                options.whole_reads = Some(raw.reads_max());
                options.steady = raw.is_original();
                options.partitioned = false;
            }
        }
        options
    }

    /// What it is called in traces and reports.
    pub(crate) fn describe(&self, node: usize) -> String {
        match &self.role {
            Role::Server(server) => format!("server {} (n{node})", server.snapshot().id()),
            Role::Client(client) => format!("client {} (n{node})", client.id()),
            Role::Raw(raw) => format!("{} (n{node})", raw.describe()),
            Role::Nothing => format!("n{node}"),
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

/// The node that listens on an address.
pub(crate) fn node_at(address: &PeerAddress) -> Option<usize> {
    let ip: Ipv4Addr = address.host.parse().ok()?;
    let [127, 1, high, low] = ip.octets() else {
        return None;
    };
    let low = usize::from(low).checked_sub(1)?;
    (address.port == PORT).then_some(usize::from(high) * 250 + low)
}
