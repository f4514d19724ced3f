//! The driver's settings: timeouts, buffer sizes and limits.

use std::time::Duration;

use ipnet::IpNet;

/// The settings of a [`Driver`](crate::Driver). The defaults suit a server.
///
/// ```
/// use crc_net::DriverConfig;
///
/// let config = DriverConfig { links_max: 100, ..DriverConfig::default() };
/// assert_eq!(config.connect_timeout.as_secs(), 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverConfig {
    /// The timeout of a dial, name resolution and all addresses included. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long the driver waits for the peer's end of the stream after it closed its own, and
    /// how long a run may take to end after [`Effect::Stop`](crc_machine::Effect::Stop). Default: 2 s.
    pub linger_max: Duration,
    /// The same at the end of a run, counted from the last byte of the peer: the driver does not
    /// wait for peers that keep their ends open in silence once the system has taken the last
    /// bytes for them. Default: 50 ms; [`linger_max`](Self::linger_max) bounds it.
    pub stop_linger: Duration,
    /// How long a link that the machine closed may take to accept its queued bytes. Default: 10 s.
    pub flush_max: Duration,
    /// How long a TLS handshake may take. Default: 10 s.
    pub handshake_max: Duration,
    /// How many TLS handshakes with peers that have connected may be under way, once their first
    /// bytes have come. A further one ends the oldest. Default: 1024.
    pub handshakes_max: usize,
    /// How long the header of a proxy may take to come: see
    /// [`Driver::expect_proxies`](crate::Driver::expect_proxies). Default: 5 s.
    pub proxy_header_max: Duration,
    /// How many headers of proxies may be on their way. A further one ends the oldest. Default:
    /// 1024.
    pub proxy_headers_max: usize,
    /// How long a peer may leave TCP segments or keepalive probes unacknowledged. Default: 30 s; at
    /// least 6 s.
    pub peer_timeout: Duration,
    /// The size of one read. The read buffer, which all links share, is twice as large, so that
    /// the driver can write received bytes directly from it. Default: 64 KiB.
    pub read_buffer_bytes: usize,
    /// How many bytes the driver reads from one link per turn. Default: 128 KiB. It reads less of a
    /// link whose bytes cost the machine much time, so that other links do not wait.
    pub read_budget_bytes: usize,
    /// How many bytes the driver gathers before it writes them, even in the middle of a turn. A
    /// value that fits into the processor's cache is best. Default: 64 KiB.
    pub outbox_bytes_max: usize,
    /// The bound of a new link's send queue, until the machine changes it by
    /// [`Effect::Bound`](crc_machine::Effect::Bound). Default: 64 KiB.
    pub send_queue_bytes_max: usize,
    /// The connection limit: with this many links open, the driver accepts no further one. It is
    /// lowered to the process's descriptor limit less [`descriptors_reserve`]. Default: no limit of
    /// its own.
    ///
    /// Further peers wait in the listener's backlog until a link closes or they give up. Dials
    /// are not limited. Links of [`Driver::listen_with_own_limit`](crate::Driver::listen_with_own_limit)
    /// do not count.
    ///
    /// [`descriptors_reserve`]: Self::descriptors_reserve
    pub links_max: usize,
    /// What one address may take: an IPv4 address, or an IPv6 network of 64 bits. The driver
    /// accepts a connection beyond it and closes it at once. Default: no limit.
    ///
    /// Dials do not count, and links with their own limit do not.
    pub per_address: AddressLimits,
    /// The same for a loopback address. Default: no limit.
    pub per_loopback_address: AddressLimits,
    /// The networks of gateways, each of which connects for many peers and says for whom by
    /// [`Effect::Readdress`](crc_machine::Effect::Readdress). Until then, a connection from there
    /// counts towards [`gateway_links_max`](Self::gateway_links_max) instead of the limits of an
    /// address.
    pub gateways: Vec<IpNet>,
    /// How many links one address in [`gateways`](Self::gateways) may have that count for no other
    /// address yet. Default: 1024, or what any address may have if that is more.
    pub gateway_links_max: usize,
    /// How many links of [`links_max`](Self::links_max) are reserved for [`reserved_for`], at most
    /// all but one. While only these are free, the driver closes other connections at once.
    /// Default: 0.
    ///
    /// [`reserved_for`]: Self::reserved_for
    pub reserved_links: usize,
    /// The networks that may take reserved links.
    pub reserved_for: Vec<IpNet>,
    /// How many descriptors are reserved for everything but accepted links: files, listeners,
    /// dials, name resolution, and links with their own limit. Default: 64.
    pub descriptors_reserve: usize,
    /// How many connections the driver accepts from one listener per turn. Default: 128.
    pub accepts_per_turn_max: usize,
    /// The listen backlog. The kernel has a limit of its own. Default: 4096.
    pub backlog: u16,
    /// The capacity of the command queue, see [`CommandSender`](crate::CommandSender). Default: 1024.
    pub commands_max: usize,
    /// While more than this many bytes wait in all send queues together, the driver takes no
    /// commands from the command queue. So a client that reads commands from a file sends as
    /// fast as its link permits, and does not exceed its queue. Default: no limit, which suits a
    /// server.
    pub commands_pause_bytes: usize,
}

impl Default for DriverConfig {
    fn default() -> Self {
        DriverConfig {
            connect_timeout: Duration::from_secs(10),
            linger_max: Duration::from_secs(2),
            stop_linger: Duration::from_millis(50),
            flush_max: Duration::from_secs(10),
            handshake_max: Duration::from_secs(10),
            handshakes_max: 1024,
            proxy_header_max: Duration::from_secs(5),
            proxy_headers_max: 1024,
            peer_timeout: Duration::from_secs(30),
            read_buffer_bytes: 64 * 1024,
            read_budget_bytes: 128 * 1024,
            outbox_bytes_max: 64 * 1024,
            send_queue_bytes_max: 64 * 1024,
            links_max: usize::MAX,
            per_address: AddressLimits::NONE,
            per_loopback_address: AddressLimits::NONE,
            gateways: Vec::new(),
            gateway_links_max: 1024,
            reserved_links: 0,
            reserved_for: Vec::new(),
            descriptors_reserve: 64,
            accepts_per_turn_max: 128,
            backlog: 4096,
            commands_max: 1024,
            commands_pause_bytes: usize::MAX,
        }
    }
}

/// The limits of connections, which can be changed during a run: see
/// [`Driver::limits_sender`](crate::Driver::limits_sender). The fields are those of [`DriverConfig`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are those of DriverConfig")]
pub struct LinkLimits {
    pub links_max: usize,
    pub per_address: AddressLimits,
    pub per_loopback_address: AddressLimits,
    pub gateways: Vec<IpNet>,
    pub reserved_links: usize,
    pub reserved_for: Vec<IpNet>,
}

impl DriverConfig {
    /// The limits that can be changed during a run.
    #[must_use]
    pub fn link_limits(&self) -> LinkLimits {
        LinkLimits {
            links_max: self.links_max,
            per_address: self.per_address,
            per_loopback_address: self.per_loopback_address,
            gateways: self.gateways.clone(),
            reserved_links: self.reserved_links,
            reserved_for: self.reserved_for.clone(),
        }
    }

    pub(crate) fn set_link_limits(&mut self, limits: LinkLimits) {
        let LinkLimits {
            links_max,
            per_address,
            per_loopback_address,
            gateways,
            reserved_links,
            reserved_for,
        } = limits;
        self.links_max = links_max;
        self.per_address = per_address;
        self.per_loopback_address = per_loopback_address;
        self.gateways = gateways;
        self.reserved_links = reserved_links;
        self.reserved_for = reserved_for;
    }
}

/// What one address may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressLimits {
    /// How many links at a time.
    pub links_max: usize,
    /// How many connections per second; 0 for no limit. As many as `links_max` may come at once,
    /// so that all peers behind an address can reconnect after a restart.
    pub accepts_per_second: u32,
}

impl AddressLimits {
    /// No limit.
    pub const NONE: AddressLimits = AddressLimits {
        links_max: usize::MAX,
        accepts_per_second: 0,
    };
}
