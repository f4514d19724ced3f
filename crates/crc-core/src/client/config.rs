//! The client's configuration and limits.

use core::time::Duration;

use crc_machine::PeerAddress;
use crc_wire::{FrameLimits, HostId};

use crate::operator::Password;

/// The configuration of a client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// The servers to register with, one at a time: the first one that welcomes the client.
    /// From 1 to [`CLIENT_SERVERS_MAX`](crate::CLIENT_SERVERS_MAX).
    pub servers: Vec<PeerAddress>,
    /// The name to register with.
    pub name: String,
    /// The info to register with.
    pub info: String,
    /// Whether the client is a bot: a program that speaks for itself. Users are shown that.
    pub is_bot: bool,
    /// The password of the network, if it has one.
    pub password: Option<Password>,
    /// The id to register with, and no other; `None` for a random one.
    pub id: Option<HostId>,
    /// The seed of random ids and pauses.
    pub seed: u64,
    /// The limits.
    pub limits: ClientLimits,
}

/// The limits of a client.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientLimits {
    /// The longest text in bytes, sent or received.
    pub text_bytes_max: u32,
    /// The most bytes of commands that wait for the server's welcome.
    pub queue_bytes_max: usize,
    /// The most bytes that may wait for the server to read them.
    pub send_queue_bytes_max: usize,
    /// The most bytes of memory for the other clients.
    pub roster_bytes_max: usize,
    /// The most bytes of memory for the channels.
    pub channels_bytes_max: usize,
    /// The longest wait for the server's welcome.
    pub welcome_timeout: Duration,
    /// How long a server that answers pings may be silent: it is pinged after half of that, and
    /// then has the other half to answer.
    pub server_timeout: Duration,
}

impl Default for ClientLimits {
    fn default() -> Self {
        ClientLimits {
            text_bytes_max: FrameLimits::RELAY.text_bytes_max,
            queue_bytes_max: 1024 * 1024,
            send_queue_bytes_max: 64 * 1024 * 1024,
            roster_bytes_max: 256 * 1024 * 1024,
            channels_bytes_max: 128 * 1024 * 1024,
            welcome_timeout: Duration::from_secs(15),
            server_timeout: Duration::from_secs(30),
        }
    }
}

impl ClientConfig {
    /// A client of one server, with a random id and the default limits.
    #[must_use]
    pub fn new(server: PeerAddress, name: &str, info: &str, seed: u64) -> Self {
        Self::with_servers(vec![server], name, info, seed)
    }

    /// A client that registers with one of several servers, and moves to another one when it
    /// loses that.
    #[must_use]
    pub fn with_servers(servers: Vec<PeerAddress>, name: &str, info: &str, seed: u64) -> Self {
        ClientConfig {
            servers,
            name: name.to_owned(),
            info: info.to_owned(),
            is_bot: false,
            password: None,
            id: None,
            seed,
            limits: ClientLimits::default(),
        }
    }
}
