//! The channels that this client is in or wants to be in: their members and settings,
//! as the server lists them.
//!
//! A server lists the members and settings of a channel first, and this client last:
//! from then on the client is in. The table also takes what the server lists unasked,
//! within its limits. This module knows neither what is sent and when, nor the names
//! of members.

use std::collections::BTreeMap;

use crc_wire::{ChannelField, HostId, MemberFlags};

use crate::network::fold;

/// The most channels that a client can be in or want to be in.
const CHANNELS_MAX: usize = 64;

/// The memory of a channel, of a member and of a setting, besides texts, roughly.
const ENTRY_BYTES: usize = 256;
const MEMBER_BYTES: usize = 32;
const SETTING_BYTES: usize = 64;

/// A channel that a client is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientChannel {
    name: Box<str>,
    members: BTreeMap<HostId, MemberFlags>,
    settings: BTreeMap<u8, Box<str>>,
}

impl ClientChannel {
    /// Its name, as it is displayed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its topic; empty for none.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.setting(ChannelField::TOPIC)
    }

    /// The value of a setting; empty for none.
    #[must_use]
    pub fn setting(&self, field: ChannelField) -> &str {
        self.settings.get(&field.0).map_or("", |value| value)
    }

    /// The letters of its modes, sorted: those of a new channel, until they are changed.
    #[must_use]
    pub fn modes(&self) -> &str {
        let modes = self.settings.get(&ChannelField::MODES.0);
        modes.map_or("n", |modes| modes)
    }

    /// Its members, this client among them, in the order of their ids.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (HostId, MemberFlags)> + '_ {
        self.members.iter().map(|(id, flags)| (*id, *flags))
    }

    /// The flags of a member; `None` for a host that is not in it.
    #[must_use]
    pub fn member(&self, id: HostId) -> Option<MemberFlags> {
        self.members.get(&id).copied()
    }

    fn bytes(&self) -> usize {
        let settings: usize = self
            .settings
            .values()
            .map(|value| setting_cost(value))
            .sum();
        self.members.len() * MEMBER_BYTES + settings
    }
}

fn setting_cost(value: &str) -> usize {
    SETTING_BYTES + value.len()
}

/// A channel and this client's part in it.
#[derive(Debug)]
struct Entry {
    channel: ClientChannel,
    /// The key of the last join request.
    key: Box<str>,
    /// The user has asked for it, or the client has been in it. Unset when the server
    /// has listed it unasked.
    wanted: bool,
    /// A join request waits for its answer.
    requested: bool,
    /// The client was in it when the connection was lost.
    lost: bool,
    /// The client is in it.
    joined: bool,
    /// The client has asked to leave.
    leaving: bool,
}

impl Entry {
    /// Its memory without members and settings.
    fn own_bytes(&self) -> usize {
        ENTRY_BYTES + 2 * self.channel.name.len() + self.key.len()
    }
}

/// What a join command leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JoinRequest {
    /// The request is to be sent.
    Send,
    /// The same request waits for its answer.
    Pending,
    /// The client is in the channel.
    AlreadyJoined,
    /// The client is in the maximum number of channels.
    TooMany,
}

/// What a join that the server reports changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JoinChange {
    /// Nothing, or a part of a listing that is not complete.
    None,
    /// This client is in the channel.
    Entered {
        /// It was in the channel when the connection was lost.
        rejoined: bool,
    },
    /// Another client is in the channel.
    Joined,
    /// The flags of a member.
    Flags,
    /// Nothing, since the client is in the maximum number of channels.
    TooMany,
}

/// What a setting that the server reports changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SettingChange {
    /// Nothing, or a part of a listing that is not complete.
    None,
    /// The setting of the channel with this name.
    Changed(Box<str>),
    /// Nothing, since the client is in the maximum number of channels.
    TooMany,
}

/// Whether the client has rejoined its channels since it connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum RejoinState {
    /// The server's features are not known.
    #[default]
    Unknown,
    /// The server does not support channels, and that is reported.
    Unsupported,
    /// The requests are sent.
    Requested,
}

/// What a client does about the channels that it wants to be in, when it learns the
/// server's features.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rejoin {
    /// Nothing: that is done.
    Done,
    /// Send a join request for each of these names and keys.
    Request(Vec<(Box<str>, Box<str>)>),
    /// Report each of these names: the server does not support channels.
    Unsupported(Vec<Box<str>>),
}

/// The channels.
#[derive(Debug, Default)]
pub(super) struct Memberships {
    /// By name in lower case.
    entries: BTreeMap<Box<str>, Entry>,
    bytes: usize,
    rejoin: RejoinState,
}

impl Memberships {
    /// The memory of the channels, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A channel that the client is in.
    pub(super) fn find(&self, name: &str) -> Option<&ClientChannel> {
        let entry = self.entries.get(&*fold(name))?;
        entry.joined.then_some(&entry.channel)
    }

    /// The channels that the client is in, in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &ClientChannel> {
        let joined = self.entries.values().filter(|entry| entry.joined);
        joined.map(|entry| &entry.channel)
    }

    /// Whether a join request waits for its answer.
    pub(super) fn is_requested(&self, name: &str) -> bool {
        let entry = self.entries.get(&*fold(name));
        entry.is_some_and(|entry| entry.requested)
    }

    /// The user wants to join a channel.
    pub(super) fn request(&mut self, name: &str, key: &str) -> JoinRequest {
        let Some(entry) = self.entry(name) else {
            return JoinRequest::TooMany;
        };
        if entry.joined && !entry.leaving {
            return JoinRequest::AlreadyJoined;
        }
        if entry.requested && !entry.leaving && *entry.key == *key {
            return JoinRequest::Pending;
        }
        let before = entry.own_bytes();
        entry.key = key.into();
        entry.wanted = true;
        entry.requested = true;
        entry.leaving = false;
        let after = entry.own_bytes();
        self.bytes = self.bytes - before + after;
        JoinRequest::Send
    }

    /// What there is to do to be in the channels of the last session again. Each call
    /// but the first of a session that supports channels, or does not, returns
    /// [`Rejoin::Done`].
    pub(super) fn rejoin(&mut self, supported: bool) -> Rejoin {
        match self.rejoin {
            RejoinState::Unknown | RejoinState::Unsupported if supported => {
                self.rejoin = RejoinState::Requested;
                Rejoin::Request(self.request_missing())
            }
            RejoinState::Unknown => {
                self.rejoin = RejoinState::Unsupported;
                Rejoin::Unsupported(self.missing().map(Into::into).collect())
            }
            RejoinState::Unsupported | RejoinState::Requested => Rejoin::Done,
        }
    }

    /// Requests all channels that the client wants to be in and is not: their names
    /// and keys.
    fn request_missing(&mut self) -> Vec<(Box<str>, Box<str>)> {
        let entries = self.entries.values_mut();
        let missing = entries.filter(|entry| entry.wanted && !entry.joined);
        let requested = missing.map(|entry| {
            entry.requested = true;
            (entry.channel.name.clone(), entry.key.clone())
        });
        requested.collect()
    }

    /// The names of the channels that the client wants to be in and is not.
    fn missing(&self) -> impl Iterator<Item = &str> {
        let entries = self.entries.values();
        let missing = entries.filter(|entry| entry.wanted && !entry.joined);
        missing.map(|entry| &*entry.channel.name)
    }

    /// The client asks to leave a channel.
    pub(super) fn set_leaving(&mut self, name: &str) {
        if let Some(entry) = self.entries.get_mut(&*fold(name)) {
            entry.leaving = true;
        }
    }

    /// The request to leave a channel was lost before the server received it.
    pub(super) fn unset_leaving(&mut self, name: &str) {
        if let Some(entry) = self.entries.get_mut(&*fold(name)) {
            entry.leaving = false;
        }
    }

    /// The server refuses a command about a channel. A client that is not in the
    /// channel was refused the join, and does not want to be in it any longer. Returns whether
    /// that is so.
    pub(super) fn on_refused(&mut self, name: &str) -> bool {
        let folded = fold(name);
        let entry = self.entries.get(&*folded).filter(|entry| !entry.joined);
        let is_join = entry.is_some_and(|entry| entry.requested);
        if entry.is_some() {
            self.remove(&folded);
        }
        is_join
    }

    /// A client is in a channel, with these flags; `own` is true if it is this one.
    pub(super) fn on_join(
        &mut self,
        name: &str,
        id: HostId,
        flags: MemberFlags,
        own: bool,
    ) -> JoinChange {
        let Some(entry) = self.entry(name) else {
            return JoinChange::TooMany;
        };
        let before = entry.channel.members.insert(id, flags);
        let change = match before {
            _ if own && !entry.joined => {
                let old = core::mem::replace(&mut entry.channel.name, name.into());
                let rejoined = core::mem::take(&mut entry.lost);
                entry.wanted = true;
                entry.joined = true;
                entry.requested = false;
                let grown = 2 * name.len();
                self.bytes = self.bytes + grown - 2 * old.len();
                JoinChange::Entered { rejoined }
            }
            _ if !entry.joined => JoinChange::None,
            None => JoinChange::Joined,
            Some(before) if before != flags => JoinChange::Flags,
            Some(_) => JoinChange::None,
        };
        if before.is_none() {
            self.bytes += MEMBER_BYTES;
        }
        change
    }

    /// A client is not in a channel any more. Returns the channel's name, if this
    /// client was in it and the other was a member.
    pub(super) fn on_part(&mut self, name: &str, id: HostId, own: bool) -> Option<Box<str>> {
        let folded = fold(name);
        let entry = self.entries.get_mut(&*folded)?;
        let known = entry.channel.members.remove(&id).is_some();
        if known {
            self.bytes -= MEMBER_BYTES;
        }
        let left = (entry.joined && known).then(|| entry.channel.name.clone());
        if own && entry.requested {
            // The next request is sent already: the entry waits for its answer.
            self.bytes -= entry.channel.bytes();
            clear_listing(entry);
        } else if own {
            self.remove(&folded);
        }
        left
    }

    /// A setting of a channel has this value.
    pub(super) fn on_setting(
        &mut self,
        name: &str,
        field: ChannelField,
        value: &str,
    ) -> SettingChange {
        let Some(entry) = self.entry(name) else {
            return SettingChange::TooMany;
        };
        let known = entry.joined && entry.channel.setting(field) == value;
        let channel = &mut entry.channel;
        let before = channel.settings.insert(field.0, value.into());
        if field == ChannelField::NAME && value.eq_ignore_ascii_case(name) {
            channel.name = value.into();
        }
        let changed = (entry.joined && !known).then(|| channel.name.clone());
        let freed = before.map_or(0, |before| setting_cost(&before));
        self.bytes = self.bytes + setting_cost(value) - freed;
        match changed {
            Some(name) => SettingChange::Changed(name),
            None => SettingChange::None,
        }
    }

    /// A client has left the network, and all channels with it.
    pub(super) fn on_quit(&mut self, id: HostId) {
        for entry in self.entries.values_mut() {
            if entry.channel.members.remove(&id).is_some() {
                self.bytes -= MEMBER_BYTES;
            }
        }
    }

    /// The connection has ended: the client is in no channel any more, and wants to be
    /// in those that it had not asked to leave.
    pub(super) fn on_disconnect(&mut self) {
        self.rejoin = RejoinState::Unknown;
        self.entries
            .retain(|_, entry| entry.wanted && !entry.leaving);
        for entry in self.entries.values_mut() {
            let key = entry.channel.setting(ChannelField::KEY);
            if !key.is_empty() {
                entry.key = key.into();
            }
            entry.lost |= entry.joined;
            entry.requested = false;
            clear_listing(entry);
        }
        self.bytes = self.entries.values().map(Entry::own_bytes).sum();
    }

    pub(super) fn clear(&mut self) {
        *self = Memberships::default();
    }

    /// The entry of a channel, made if there is none; `None` at the maximum number.
    fn entry(&mut self, name: &str) -> Option<&mut Entry> {
        let folded = fold(name);
        if !self.entries.contains_key(&*folded) {
            if self.entries.len() >= CHANNELS_MAX {
                return None;
            }
            let entry = Entry {
                channel: ClientChannel {
                    name: name.into(),
                    members: BTreeMap::new(),
                    settings: BTreeMap::new(),
                },
                key: "".into(),
                wanted: false,
                requested: false,
                lost: false,
                joined: false,
                leaving: false,
            };
            self.bytes += entry.own_bytes();
            self.entries.insert(folded.as_ref().into(), entry);
        }
        self.entries.get_mut(&*folded)
    }

    fn remove(&mut self, folded: &str) {
        if let Some(entry) = self.entries.remove(folded) {
            self.bytes -= entry.own_bytes() + entry.channel.bytes();
        }
    }
}

/// Forgets what the server has listed of a channel.
fn clear_listing(entry: &mut Entry) {
    entry.channel.members.clear();
    entry.channel.settings.clear();
    entry.joined = false;
    entry.leaving = false;
}

#[cfg(test)]
mod tests;
