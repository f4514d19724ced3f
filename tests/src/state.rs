//! What a server's admin page says it knows.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The answer to `GET /state`. Keys that are not named here may follow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ServerState {
    /// The server's id.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// What it says about itself.
    pub info: String,
    /// The servers linked to it.
    pub adjacent_servers: Vec<u32>,
    /// Its clients.
    pub adjacent_clients: Vec<u32>,
    /// All hosts it knows but itself, by id.
    pub hosts: Vec<Host>,
    /// The texts of the statuses that were for it, oldest first.
    pub status_log: Vec<String>,
    /// What it has counted, if it says so: whatever changes here is not at rest.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
    /// How many connections have not registered.
    #[serde(default)]
    pub strangers: usize,
    /// Its place in the order of servers; none for one that has found none yet.
    #[serde(default)]
    pub rank: Option<u32>,
    /// The server above it; none for a root.
    #[serde(default)]
    pub uplink: Option<u32>,
    /// Its connections to adjacent hosts.
    #[serde(default)]
    pub links: Vec<Link>,
    /// What it knows of an IRC network, if it is in one.
    #[serde(default)]
    pub irc: Option<IrcState>,
}

/// What a server knows of an IRC network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct IrcState {
    /// The names of the servers linked to it.
    pub adjacent_servers: Vec<String>,
    /// The names of all servers but itself.
    pub servers: Vec<String>,
    /// The nicks of its own users.
    pub adjacent_users: Vec<String>,
    /// The nicks of all users, its own included.
    pub users: Vec<String>,
    /// All channels, by name.
    pub channels: BTreeMap<String, IrcChannel>,
}

/// A channel as a server knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct IrcChannel {
    /// What one must say to join, if anything.
    pub key: Option<String>,
    /// What it is about, if that is said.
    pub topic: Option<String>,
    /// The nicks of those who are in it.
    pub users: Vec<String>,
}

/// One connection of a server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Link {
    /// Who is at its other end.
    pub host: u32,
    /// From where: another connection of the same host has another address.
    pub peer: String,
}

/// One host that a server knows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Host {
    /// Its id.
    pub id: u32,
    /// What it is.
    pub kind: HostKind,
    /// Its name.
    pub name: String,
    /// What it says about itself.
    pub info: String,
    /// The adjacent host that is the first hop towards it.
    pub first_link: u32,
}

/// What a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostKind {
    /// A server.
    Server,
    /// A client.
    Client,
}

impl ServerState {
    /// The ids of all hosts it knows, in the order in which it lists them.
    #[must_use]
    pub fn host_ids(&self) -> Vec<u32> {
        self.hosts.iter().map(|host| host.id).collect()
    }

    /// What it has counted under `name`.
    #[must_use]
    pub fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    /// The host `id`, if it is known.
    #[must_use]
    pub fn host(&self, id: u32) -> Option<&Host> {
        self.hosts.iter().find(|host| host.id == id)
    }

    /// The ids of all hosts it knows.
    #[must_use]
    pub fn host_set(&self) -> BTreeSet<u32> {
        self.hosts.iter().map(|host| host.id).collect()
    }

    /// The servers linked to it, as a set.
    #[must_use]
    pub fn adjacent_server_set(&self) -> BTreeSet<u32> {
        self.adjacent_servers.iter().copied().collect()
    }

    /// Its clients, as a set.
    #[must_use]
    pub fn adjacent_client_set(&self) -> BTreeSet<u32> {
        self.adjacent_clients.iter().copied().collect()
    }
}
