//! Every bound of a server, by name. Each has a test that crosses it.

use core::time::Duration;

use crc_wire::FrameLimits;

use crate::work::Work;

/// The limits of a server. Sizes are in bytes; 0 turns a rate limit off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The text of one chat, status or quit.
    pub text_bytes_max: u32,
    /// How long an accepted connection may stay without registering.
    pub registration_time_max: Duration,
    /// How long a dialled server may stay silent.
    pub introduction_time_max: Duration,
    /// How many bytes may wait to be sent to a client, its burst not counted.
    pub client_queue_bytes_max: usize,
    /// How many bytes may wait to be sent to a server, its burst not counted.
    pub server_queue_bytes_max: usize,
    /// How many hosts the directory holds.
    pub hosts_max: usize,
    /// How many texts the status log keeps.
    pub status_log_max: usize,
    /// How many registrations one client may repeat in a second.
    pub client_registrations_per_second: u32,
    /// How much one client may send in a second, with one second's worth at once: all
    /// its frames and lines, in chats. What every server keeps, or what has a long answer,
    /// counts twice (RELIABILITY, "The budget of a client"). CRC clients and legacy users
    /// that exceed it are closed; lines of IRC users are read later. Off by default:
    /// reading in turn already shares a server fairly, and a sensible rate differs from
    /// network to network.
    pub client_chats_per_second: u32,
    /// How many lines of one user of IRC are read in a second, with five seconds'
    /// worth at once. Further lines are read later; if too many wait, the link
    /// is closed. With 0 all lines are read at once.
    pub irc_lines_per_second: u32,
    /// How much work of one event is spent on answers and on bursts before the rest waits
    /// for later events, in units of about 10 ns ([`Work`](crate::Work)). Twice as much
    /// is spent on what was read. A small value costs throughput; it is for tests and
    /// simulations.
    pub work_slice: u64,
}

/// The longest registration or text of an unregistered peer: enough to distinguish a
/// registration with too long a name or info from garbage.
const UNREGISTERED_BYTES_MAX: u32 = 1024;

impl Default for Limits {
    fn default() -> Self {
        Limits {
            text_bytes_max: 64 * 1024,
            registration_time_max: Duration::from_secs(10),
            introduction_time_max: Duration::from_secs(20),
            client_queue_bytes_max: 1 << 20,
            server_queue_bytes_max: 64 << 20,
            hosts_max: 1_000_000,
            status_log_max: 1_000,
            client_registrations_per_second: 50,
            client_chats_per_second: 0,
            irc_lines_per_second: 10,
            work_slice: Work::SLICE,
        }
    }
}

impl Limits {
    /// The frames that an unregistered peer may send.
    pub(crate) const fn unregistered_frames(&self) -> FrameLimits {
        FrameLimits::WIRE
            .with_text_bytes_max(UNREGISTERED_BYTES_MAX)
            .with_registration_bytes_max(UNREGISTERED_BYTES_MAX)
    }

    /// The frames that a client may send.
    pub(crate) const fn client_frames(&self) -> FrameLimits {
        FrameLimits::WIRE
            .with_text_bytes_max(self.text_bytes_max)
            .with_registration_bytes_max(UNREGISTERED_BYTES_MAX)
    }

    /// The frames that a server may send.
    pub(crate) const fn server_frames(&self) -> FrameLimits {
        FrameLimits::WIRE.with_text_bytes_max(self.text_bytes_max)
    }
}
