//! The configuration of a server. The caller checks it; nothing here reads files or
//! arguments.

use core::net::IpAddr;
use core::time::Duration;

use crc_wire::{HostId, Info, Name};
use ipnet::IpNet;

use crate::gateway::GatewayConfig;
use crate::limits::Limits;
use crate::link_auth::LinkConfig;
use crate::operator::{OperatorConfig, PasswordHash};
use crate::text_protocol::TextProtocol;
use crc_machine::{ListenerId, PeerAddress};

/// The configuration of a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its id, unique in the network.
    pub id: HostId,
    /// Its name: see [`check_ascii_name`](crate::check_ascii_name).
    pub name: Name<'static>,
    /// Its info: see [`check_info`](crate::check_info).
    pub info: Info<'static>,
    /// Where it looks for an uplink, in this order. Empty: it is a root, and
    /// waits to be linked to, once `candidates_within` is over.
    pub connect: Vec<PeerAddress>,
    /// How long a server with an empty `connect` waits for
    /// [`ServerCommand::Candidates`](crate::ServerCommand::Candidates) before it is
    /// a root. `None`: it gets no such command.
    pub candidates_within: Option<Duration>,
    /// The address that it announces; by default the first one that it listens on.
    pub advertise: Option<PeerAddress>,
    /// Its place in the order in which servers dial each other; by default one
    /// more than that of the first server that accepts it.
    pub rank: Option<u32>,
    /// The networks in which other servers may be: those from which they may link, and
    /// those in which servers are dialled that were announced or discovered. A server in
    /// `connect` or `legacy_connect` may be anywhere.
    pub server_peers: Vec<IpNet>,
    /// The part of `server_peers` in which servers of version 1 may be, which cannot prove a
    /// secret.
    pub v1_peers: Vec<IpNet>,
    /// The secrets of links. If there are any, a server of version 2 that links to this one
    /// must prove one of them; so must one that this server dials, unless `connect` names it,
    /// it is in `v1_peers`, and no entry is for it.
    pub links: Vec<LinkConfig>,
    /// What the nonces of proofs are drawn from. It must be random, secret, and new with each
    /// start.
    pub nonce_key: [u8; 32],
    /// The password that clients must give to register; by default they need none.
    pub password: Option<PasswordHash>,
    /// Who may become a network operator here.
    pub operators: Vec<OperatorConfig>,
    /// The gateways that connect for users of IRC.
    pub gateways: Vec<GatewayConfig>,
    /// The bans of the network that this server knew last, as
    /// [`ServerNotice::StoreBans`](crate::ServerNotice::StoreBans) has handed them out. What
    /// is no ban is left out.
    pub bans: Vec<Box<str>>,
    /// The listeners at which a text protocol is spoken instead of frames.
    pub text_listeners: Vec<(ListenerId, TextProtocol)>,
    /// The legacy servers that this one links to: one that answers, and again when the
    /// link is lost.
    pub legacy_connect: Vec<PeerAddress>,
    /// The message of the day for users of IRC; no lines, no message.
    pub motd: Vec<String>,
    /// The Unix time of [`Timestamp::START`](crate::Timestamp::START), in
    /// milliseconds. It is shown to people, and decides which of two settings of a
    /// channel is newer.
    pub started_at_unix_ms: u64,
    /// Its limits.
    pub limits: Limits,
    /// The seed of all random decisions.
    pub seed: u64,
    /// Ids are hashed with it; by default it is derived from `seed`. It must not change
    /// anything observable.
    pub hash_seed: Option<u64>,
}

/// What can be changed while a server runs, by
/// [`ServerCommand::Reconfigure`](crate::ServerCommand::Reconfigure). The fields are those of
/// [`Config`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconfiguration {
    /// The networks in which other servers may be. Links that exist stay.
    pub server_peers: Vec<IpNet>,
    /// The networks in which servers of version 1 may be. Links that exist stay.
    pub v1_peers: Vec<IpNet>,
    /// The secrets of links. Links that exist stay.
    pub links: Vec<LinkConfig>,
    /// The password that clients must give to register. Clients that are there stay.
    pub password: Option<PasswordHash>,
    /// Who may become a network operator here. An operator whose entry is gone or lacks
    /// a power loses it.
    pub operators: Vec<OperatorConfig>,
    /// The gateways that connect for users of IRC. Users who are there stay.
    pub gateways: Vec<GatewayConfig>,
    /// The message of the day.
    pub motd: Vec<String>,
    /// The limits. They hold for what comes from now on: hosts, links and bytes that are
    /// there already stay. `text_bytes_max` and `work_slice` do not change, since neighbours
    /// were told of the former when they linked.
    pub limits: Limits,
}

impl Config {
    /// Whether the legacy protocol is spoken at a listener, or at a server that is dialled.
    pub(crate) fn speaks_legacy(&self) -> bool {
        let mut listeners = self.text_listeners.iter();
        let listens = listeners.any(|(_, protocol)| *protocol == TextProtocol::Legacy);
        listens || !self.legacy_connect.is_empty()
    }

    /// What can be changed while a server runs.
    #[must_use]
    pub fn reconfiguration(&self) -> Reconfiguration {
        Reconfiguration {
            server_peers: self.server_peers.clone(),
            v1_peers: self.v1_peers.clone(),
            links: self.links.clone(),
            password: self.password.clone(),
            operators: self.operators.clone(),
            gateways: self.gateways.clone(),
            motd: self.motd.clone(),
            limits: self.limits.clone(),
        }
    }

    /// A server with this id and name, and the defaults otherwise: a root that accepts
    /// other servers from this machine only.
    #[must_use]
    pub fn new(id: HostId, name: Name<'static>) -> Self {
        Config {
            id,
            name,
            info: Info::default(),
            connect: Vec::new(),
            candidates_within: None,
            advertise: None,
            rank: None,
            server_peers: loopback(),
            v1_peers: loopback(),
            links: Vec::new(),
            nonce_key: [0; 32],
            password: None,
            operators: Vec::new(),
            gateways: Vec::new(),
            bans: Vec::new(),
            text_listeners: Vec::new(),
            legacy_connect: Vec::new(),
            motd: Vec::new(),
            started_at_unix_ms: 0,
            limits: Limits::default(),
            seed: 0,
            hash_seed: None,
        }
    }
}

/// Whether a server may be at `ip`, whichever side dials: it is in one of the permitted networks
/// (`--server-peers`).
pub(crate) fn is_permitted(networks: &[IpNet], ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    networks.iter().any(|network| network.contains(&ip))
}

/// The networks of this machine alone.
#[must_use]
pub fn loopback() -> Vec<IpNet> {
    let v4 = std::net::Ipv4Addr::new(127, 0, 0, 0);
    let v6 = std::net::Ipv6Addr::LOCALHOST;
    vec![
        IpNet::new_assert(v4.into(), 8),
        IpNet::new_assert(v6.into(), 128),
    ]
}
