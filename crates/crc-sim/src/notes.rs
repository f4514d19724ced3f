//! What is kept of every stream: what its reader was told of hosts, and the chats in it
//! whose fate is followed.

use std::collections::{BTreeMap, VecDeque};

use crc_core::Timestamp;

/// Something in a stream whose fate is followed: a chat, or the answer to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// Where in the stream it begins, and where it ends.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) chat: usize,
    pub(crate) answer: bool,
}

/// What was seen on one direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct StreamNotes {
    pub(crate) tokens: VecDeque<Token>,
    /// What the reader has been told of: a hash of what was said of each host.
    pub(crate) told: BTreeMap<u32, Told>,
    /// When a quit was last written, of whom.
    pub(crate) quit_at: BTreeMap<u32, Timestamp>,
    /// Whether its reader has been taken for an original while it was written.
    pub(crate) doubted: bool,
    /// Where in the stream the last quit of each host ends.
    pub(crate) quits: BTreeMap<u32, u64>,
    /// A hash of what the writer last said of itself.
    pub(crate) own_words: u64,
}

/// What was told of a host on one stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) server: bool,
    pub(crate) human: u64,
    pub(crate) machine: u64,
    pub(crate) at: Timestamp,
}

impl Told {
    /// Whether the same was told.
    pub(crate) fn same(&self, other: &Told) -> bool {
        let words = |told: &Told| (told.server, told.human, told.machine);
        words(self) == words(other)
    }
}
