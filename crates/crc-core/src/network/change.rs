//! Changes of the network as values: every protocol gets each of them once, and renders
//! it for its own links.

use crc_machine::LinkId;
use crc_wire::{ChannelField, ChatKind, HostId, MemberFlags};

/// Which protocols get a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them.
    All,
    /// All but the legacy protocol, whose servers know no ids, and get a new channel
    /// once it is set.
    AllButLegacy,
    /// All but the servers of the binary protocol, which find the same change out by
    /// themselves.
    AllButServers,
}

/// A change of the network's hosts. `from` is the link that it came from, which does
/// not get it again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum HostChange<'a> {
    /// A host has joined.
    Joined {
        id: HostId,
        from: LinkId,
        scope: Scope,
    },
    /// A host leaves; while this is rendered, it is still in the directory and in its
    /// channels.
    Left {
        id: HostId,
        text: &'a str,
        from: Option<LinkId>,
        scope: Scope,
    },
    /// A client has another name or info, and stays in its channels.
    Changed {
        id: HostId,
        from: LinkId,
        /// Its nicks before, if its name has changed.
        renamed_from: Option<FormerNicks<'a>>,
        /// Whether it looks different to those who take names in ASCII only.
        in_ascii: bool,
        /// Whether its info has changed.
        is_info_new: bool,
    },
}

/// The nicks of a host before it was renamed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FormerNicks<'a> {
    pub(crate) irc: &'a str,
    pub(crate) legacy: &'a str,
}

/// An event in a channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChannelEvent<'a> {
    /// The channel's name as it is shown.
    pub(crate) channel: &'a str,
    /// The host that it is about: the one that enters, leaves or speaks, or has set
    /// something; `None` if that is not known.
    pub(crate) who: Option<HostId>,
    pub(crate) kind: ChannelEventKind<'a>,
    pub(crate) scope: Scope,
}

/// The kind of an event in a channel, with its details.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ChannelEventKind<'a> {
    /// The host is in the channel now.
    Entered { flags: MemberFlags },
    /// The host's flags have changed.
    Flags {
        by: Option<HostId>,
        before: MemberFlags,
        after: MemberFlags,
    },
    /// The host leaves the channel, or is kicked; while this is rendered, it is
    /// still in the channel.
    Left { by: Option<HostId>, text: &'a str },
    /// The host speaks.
    Said { kind: ChatKind, text: &'a str },
    /// A setting has changed.
    Set {
        field: ChannelField,
        version: u64,
        /// Who set it, for people; empty if that is not known.
        setter: &'a str,
        before: &'a str,
        value: &'a str,
    },
}

impl ChannelEvent<'_> {
    /// Whether the host speaks.
    pub(crate) const fn is_chat(&self) -> bool {
        matches!(self.kind, ChannelEventKind::Said { .. })
    }
}
