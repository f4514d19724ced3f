//! What the monitor keeps of each direction of a connection.

use std::collections::{BTreeMap, VecDeque};

use crc_core::Timestamp;
use crc_wire::HostId;

/// Something in a stream that the monitor follows: a chat, or the answer to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// Where in the stream its frame begins, and where it ends.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) chat: usize,
    pub(crate) answer: bool,
}

/// What was seen in one direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct StreamState {
    pub(crate) tokens: VecDeque<Token>,
    /// The hosts that were announced to the reader, with their announcements.
    pub(crate) announced: BTreeMap<u32, AnnouncedHost>,
    /// When a quit of each host was last written.
    pub(crate) quit_at: BTreeMap<u32, Timestamp>,
    /// Where in the stream the last quit of each host ends.
    pub(crate) quit_ends: BTreeMap<u32, u64>,
    /// Whether the writer has taken the reader for a v1 node at any time.
    pub(crate) taken_for_v1: bool,
    /// The client at the other end that the writer has welcomed, and when.
    pub(crate) welcomed: Option<(HostId, Timestamp)>,
    /// A hash of what the writer last announced of itself.
    pub(crate) own_announcement: u64,
}

/// What was announced of a host in one direction of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnnouncedHost {
    pub(crate) is_server: bool,
    /// A hash of its name and of its info for people.
    pub(crate) human: u64,
    /// A hash of its info for machines; 0 if there was none.
    pub(crate) machine: u64,
    pub(crate) at: Timestamp,
}

impl AnnouncedHost {
    /// Whether the same was announced.
    pub(crate) fn is_same(&self, other: &AnnouncedHost) -> bool {
        let content = |host: &AnnouncedHost| (host.is_server, host.human, host.machine);
        content(self) == content(other)
    }
}
