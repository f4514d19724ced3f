//! What became of every chat: followed from the mouth of a client to its end,
//! wherever it is in between.
//!
//! A ledger and nothing more: whoever moves a chat says so here, and what is
//! wrong with a move is said in return.

use crc_core::{LinkId, Timestamp};
use crc_wire::HostId;

/// Ids from here on belong to nobody: a chat to one of them is the only one.
pub(crate) const NOBODY: u32 = 3_000_000_000;

/// Where a chat is, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its speaker has not sent it yet.
    Unsaid,
    /// On its way on this connection.
    OnWire(usize),
    /// With this node, which is to pass it on or answer it.
    At(usize),
    /// Its destination has it.
    Delivered,
    /// It was answered.
    Answered,
    /// It died with what held it.
    Lost,
}

/// One chat.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) speaker: usize,
    pub(crate) to: HostId,
    /// The speaker's id and connection when it was sent.
    pub(crate) source: Option<(HostId, usize)>,
    pub(crate) fate: Fate,
    /// It is not the chat itself that is on its way, but the answer.
    pub(crate) answered: bool,
    /// The servers that it has been at, one bit each.
    pub(crate) seen: u64,
    /// When it was last read, and from which link.
    pub(crate) read_at: Option<(Timestamp, LinkId)>,
    /// The link that it came on was closed before it was looked at, perhaps.
    pub(crate) excused: bool,
}

/// The text of a chat, so that it can be told from all others.
pub(crate) fn text(chat: usize, bytes: usize) -> String {
    let mut text = format!("c{chat} ");
    while text.len() < bytes {
        text.push('x');
    }
    text
}

/// The chat with this text.
pub(crate) fn number(text: &str) -> Option<usize> {
    let (word, _) = text.split_once(' ')?;
    word.strip_prefix('c')?.parse().ok()
}
