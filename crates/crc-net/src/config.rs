//! The driver's settings: what it waits for, and how much it takes at once.

use std::time::Duration;

/// How a [`Driver`](crate::Driver) goes about its work. The defaults suit a
/// server; a program names what it wants otherwise.
///
/// ```
/// use crc_net::DriverConfig;
///
/// let config = DriverConfig { links_max: 100, ..DriverConfig::default() };
/// assert_eq!(config.connect_timeout.as_secs(), 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverConfig {
    /// How long a dial may take in all: look-up of the name and every address
    /// that it has. 10 s.
    pub connect_timeout: Duration,
    /// How long the other side of a link that we closed may take to end its own
    /// side, and how long [`Effect::Stop`](crc_machine::Effect::Stop) waits for all
    /// of them. 2 s.
    pub linger_max: Duration,
    /// How long a link that we closed may take to accept what waits for it. 10 s.
    pub flush_max: Duration,
    /// How long a peer may leave TCP itself unanswered, whether it was sent
    /// data or only asked whether it is still there. 30 s; at least 6 s.
    pub peer_timeout: Duration,
    /// How many bytes are read at once; the one read buffer is twice as large,
    /// so that what was read can be written from there. 64 KiB.
    pub read_buffer_bytes: usize,
    /// How many bytes one link may have read in one turn. 128 KiB.
    pub read_budget_bytes: usize,
    /// How many bytes may be gathered before they are written out, even in the
    /// middle of a turn: about what stays near the processor. 64 KiB.
    pub outbox_bytes_max: usize,
    /// How many bytes may wait for a new link, until the machine says otherwise
    /// by [`Effect::Bound`](crc_machine::Effect::Bound). 64 KiB.
    pub send_queue_bytes_max: usize,
    /// How many links may be open before no further one is accepted. As many as
    /// the process has descriptors for, less [`descriptors_reserve`], unless this is lower.
    ///
    /// Peers that come when the house is full wait in the listener's backlog
    /// until a link closes, or until they give up. Dials are not held back.
    /// The links of [`Driver::listen_with_own_limit`](crate::Driver::listen_with_own_limit) do
    /// not count.
    ///
    /// [`descriptors_reserve`]: Self::descriptors_reserve
    pub links_max: usize,
    /// How many descriptors are kept for everything but accepted links: files,
    /// listeners, dials, name look-ups, links that are counted apart. 64.
    pub descriptors_reserve: usize,
    /// How many links one listener may accept in one turn. 128.
    pub accepts_per_turn_max: usize,
    /// How many links may wait in the kernel to be accepted; the kernel has a
    /// limit of its own. 4096.
    pub backlog: u16,
    /// How many commands may wait in a [`CommandSender`](crate::CommandSender). 1024.
    pub commands_max: usize,
    /// Commands from a [`CommandSender`](crate::CommandSender) are left to wait while
    /// this many bytes wait to be sent on all links together: with a client,
    /// who reads commands from a file is slowed down to what its link takes,
    /// instead of being cut off. Without limit by default, which suits a server.
    pub commands_pause_bytes: usize,
}

impl Default for DriverConfig {
    fn default() -> Self {
        DriverConfig {
            connect_timeout: Duration::from_secs(10),
            linger_max: Duration::from_secs(2),
            flush_max: Duration::from_secs(10),
            peer_timeout: Duration::from_secs(30),
            read_buffer_bytes: 64 * 1024,
            read_budget_bytes: 128 * 1024,
            outbox_bytes_max: 64 * 1024,
            send_queue_bytes_max: 64 * 1024,
            links_max: usize::MAX,
            descriptors_reserve: 64,
            accepts_per_turn_max: 128,
            backlog: 4096,
            commands_max: 1024,
            commands_pause_bytes: usize::MAX,
        }
    }
}
