//! A server's settings. Checked by whoever reads them; nothing here reads files
//! or arguments.

use core::time::Duration;

use crc_wire::{HostId, Info, Name};
use ipnet::IpNet;

use crate::limits::Limits;
use crate::text_protocol::TextProtocol;
use crc_machine::{ListenerId, PeerAddress};

/// What makes a server this one.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its id, unique in the network.
    pub id: HostId,
    /// Its name: see [`check_name`](crate::check_name).
    pub name: Name<'static>,
    /// What it says about itself: see [`check_info`](crate::check_info).
    pub info: Info<'static>,
    /// Where it looks for an uplink, in this order. Empty: it is a root, and
    /// waits to be linked to, once `candidates_within` is over.
    pub connect: Vec<PeerAddress>,
    /// How long a server with an empty `connect` waits for
    /// [`ServerCommand::Candidates`](crate::ServerCommand::Candidates) before it is
    /// a root all the same. `None`: nobody will tell it of any.
    pub candidates_within: Option<Duration>,
    /// The address that others are told; by default the first one listened on.
    pub advertise: Option<PeerAddress>,
    /// Its place in the order in which servers dial each other; by default one
    /// more than that of the first server that takes it.
    pub rank: Option<u32>,
    /// Who may link as a server, by the peer's address.
    pub server_peers: Vec<IpNet>,
    /// The listeners at which a dialect of text is spoken, not frames.
    pub text_listeners: Vec<(ListenerId, TextProtocol)>,
    /// Where servers of the legacy's IRC are that this one links to: one that
    /// answers, and again when it is lost.
    pub legacy_connect: Vec<PeerAddress>,
    /// What users of IRC are shown when they come; no lines, no message of the day.
    pub motd: Vec<String>,
    /// The Unix time of [`Timestamp::START`](crate::Timestamp::START), in
    /// milliseconds: what people are shown, and what tells which of two settings of a
    /// channel is newer.
    pub started_at_unix_ms: u64,
    /// Its bounds.
    pub limits: Limits,
    /// Where all that looks random in a run comes from.
    pub seed: u64,
}

impl Config {
    /// A server with this id and name, and all else by default: a root that
    /// takes other servers from this machine only.
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
            text_listeners: Vec::new(),
            legacy_connect: Vec::new(),
            motd: Vec::new(),
            started_at_unix_ms: 0,
            limits: Limits::default(),
            seed: 0,
        }
    }
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
