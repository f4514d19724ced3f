//! A node of the network: its machine, its links by name, and its clock.
//!
//! Decides nothing. What it is told and what becomes of what it says is the
//! world's to carry out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crc_core::{Client, ClientConfig, Config, LinkId, PeerAddress, Server, Timestamp};

use crate::pipe::Side;
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
    /// How often it has begun.
    pub(crate) life: u32,
    pub(crate) alive: bool,
    /// It has stopped taking connections, and ends when its links have.
    pub(crate) stop_by: Option<Timestamp>,
    pub(crate) frozen_until: Timestamp,
    pub(crate) started_at: Timestamp,
    /// When the calendar has its tick.
    pub(crate) tick_at: Option<Timestamp>,
    /// How many ticks it has had at this very moment.
    pub(crate) spins: (Timestamp, u32),
    /// Its connections, coming ones included.
    pub(crate) ends: Vec<(usize, Side)>,
    /// Its links by their slots.
    pub(crate) links: Vec<Option<(LinkId, usize, Side)>>,
    free: Vec<u32>,
    generation: u32,
    /// The chats that it has and has neither passed on nor answered.
    pub(crate) holds: Vec<usize>,
    pub(crate) events: u32,
    pub(crate) dials: u64,
    /// It is not to be in the network when all is calm.
    pub(crate) goes: bool,
}

impl Node {
    pub(crate) const fn new(birth: Birth) -> Self {
        Node {
            birth,
            role: Role::Nothing,
            life: 0,
            alive: false,
            stop_by: None,
            frozen_until: Timestamp::START,
            started_at: Timestamp::START,
            tick_at: None,
            spins: (Timestamp::START, 0),
            ends: Vec::new(),
            links: Vec::new(),
            free: Vec::new(),
            generation: 0,
            holds: Vec::new(),
            events: 0,
            dials: 0,
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

    /// Whether connections to it are taken.
    pub(crate) fn listens(&self) -> bool {
        let listens = match &self.role {
            Role::Server(_) => true,
            Role::Raw(raw) => raw.listens(),
            Role::Client(_) | Role::Nothing => false,
        };
        self.alive && self.stop_by.is_none() && listens
    }

    /// Its own clock began with it.
    pub(crate) fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp::START + now.since(self.started_at)
    }

    /// A time on its clock, as the world has it.
    pub(crate) fn in_world(&self, time: Timestamp) -> Timestamp {
        self.started_at + time.since(Timestamp::START)
    }

    pub(crate) fn link(&mut self, connection: usize, side: Side) -> LinkId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.links.push(None);
            u32::try_from(self.links.len() - 1).expect("few links")
        });
        self.generation += 1;
        let link = LinkId::new(slot, self.generation);
        self.links[slot as usize] = Some((link, connection, side));
        link
    }

    pub(crate) fn find(&self, link: LinkId) -> Option<(usize, Side)> {
        match self.links.get(link.slot()) {
            Some(Some((found, connection, side))) if *found == link => Some((*connection, *side)),
            _ => None,
        }
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

    pub(crate) fn free_all(&mut self) {
        self.free.clear();
    }

    pub(crate) fn unlink(&mut self, link: LinkId) {
        if self.find(link).is_some() {
            self.links[link.slot()] = None;
            self.free
                .push(u32::try_from(link.slot()).expect("few links"));
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
