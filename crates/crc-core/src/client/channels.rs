//! The channels that we are in, or want to be in: who is there with us and how
//! they are set, as the server tells.
//!
//! A server shows a channel member by member and setting by setting, and at last
//! ourselves: from then on we are in. Whatever it says of a channel is taken down,
//! whether we have asked for it or not, within bounds. What is sent and when, and
//! what members are called, is known elsewhere.

use std::collections::BTreeMap;

use crc_wire::{ChannelField, HostId, MemberFlags};

use crate::network::fold;

/// How many channels a client can be in, or want to be in.
const CHANNELS_MAX: usize = 250;

/// What one more channel costs beside its texts, roughly; one more member; and one
/// more setting.
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
    /// Its name, as it is to be shown.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its topic; empty for none.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.setting(ChannelField::TOPIC)
    }

    /// What it is set to otherwise; empty for nothing.
    #[must_use]
    pub fn setting(&self, field: ChannelField) -> &str {
        self.settings.get(&field.0).map_or("", |value| value)
    }

    /// Who is in it, ourselves among them, in the order of ids.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (HostId, MemberFlags)> + '_ {
        self.members.iter().map(|(id, flags)| (*id, *flags))
    }

    /// What somebody is in it; `None` for who is not in it.
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

/// A channel and what we want of it.
#[derive(Debug)]
struct Entry {
    channel: ClientChannel,
    /// The key that we have asked with.
    key: Box<str>,
    /// We have asked for it, or been in it: it is not only that the server has
    /// told of it.
    wanted: bool,
    /// We have asked to be let in, and wait for the answer.
    asked: bool,
    /// We have been in it, and the connection was lost.
    lost: bool,
    /// We are in it.
    entered: bool,
    /// We have said that we leave.
    leaving: bool,
}

impl Entry {
    /// What it costs, but for members and settings.
    fn own_bytes(&self) -> usize {
        ENTRY_BYTES + 2 * self.channel.name.len() + self.key.len()
    }
}

/// What is to be done for somebody who wants to be in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Ask the server.
    Send,
    /// The server has been asked already.
    Waits,
    /// We are in it.
    Entered,
    /// We are in too many channels.
    TooMany,
}

/// What a membership that is told of means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    /// Nothing new, or a part of what is just being shown.
    Noted,
    /// We are in.
    Entered {
        /// As we were before the connection was lost.
        rejoined: bool,
    },
    /// Somebody else has come in.
    Joined,
    /// Somebody's flags have changed.
    Flags,
    /// There is no room for one more channel.
    TooMany,
}

/// The channels.
#[derive(Debug, Default)]
pub(super) struct Memberships {
    /// By their names in small letters.
    entries: BTreeMap<Box<str>, Entry>,
    bytes: usize,
}

impl Memberships {
    /// About how much memory the channels take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A channel that we are in.
    pub(super) fn find(&self, name: &str) -> Option<&ClientChannel> {
        let entry = self.entries.get(&*fold(name))?;
        entry.entered.then_some(&entry.channel)
    }

    /// The channels that we are in, in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &ClientChannel> {
        let entered = self.entries.values().filter(|entry| entry.entered);
        entered.map(|entry| &entry.channel)
    }

    /// Whether the server has been asked to let us into a channel, and has not
    /// answered yet.
    pub(super) fn is_asked(&self, name: &str) -> bool {
        let entry = self.entries.get(&*fold(name));
        entry.is_some_and(|entry| entry.asked)
    }

    /// We want to be in a channel.
    pub(super) fn ask(&mut self, name: &str, key: &str) -> Asked {
        let Some(entry) = self.entry(name) else {
            return Asked::TooMany;
        };
        if entry.entered && !entry.leaving {
            return Asked::Entered;
        }
        if entry.asked && !entry.leaving && *entry.key == *key {
            return Asked::Waits;
        }
        let before = entry.own_bytes();
        entry.key = key.into();
        entry.wanted = true;
        entry.asked = true;
        entry.leaving = false;
        let after = entry.own_bytes();
        self.bytes = self.bytes - before + after;
        Asked::Send
    }

    /// Asks again for all channels that we want to be in: their names and keys.
    pub(super) fn ask_again(&mut self) -> Vec<(Box<str>, Box<str>)> {
        let entries = self.entries.values_mut();
        let missing = entries.filter(|entry| entry.wanted && !entry.entered);
        let asked = missing.map(|entry| {
            entry.asked = true;
            (entry.channel.name.clone(), entry.key.clone())
        });
        asked.collect()
    }

    /// The names of the channels that we want to be in and are not.
    pub(super) fn missing(&self) -> impl Iterator<Item = &str> {
        let entries = self.entries.values();
        let missing = entries.filter(|entry| entry.wanted && !entry.entered);
        missing.map(|entry| &*entry.channel.name)
    }

    /// We have said that we leave a channel.
    pub(super) fn leave(&mut self, name: &str) {
        if let Some(entry) = self.entries.get_mut(&*fold(name)) {
            entry.leaving = true;
        }
    }

    /// We would have left a channel, but the server has never been told.
    pub(super) fn stay(&mut self, name: &str) {
        if let Some(entry) = self.entries.get_mut(&*fold(name)) {
            entry.leaving = false;
        }
    }

    /// Something is refused to us. If we are not in the channel we have not been
    /// let in, and want it no longer.
    pub(super) fn refused(&mut self, name: &str) {
        let folded = fold(name);
        if self.entries.get(&*folded).is_some_and(|it| !it.entered) {
            self.remove(&folded);
        }
    }

    /// Somebody is in a channel, with these flags; `own` says whether it is us.
    pub(super) fn join(&mut self, name: &str, id: HostId, flags: MemberFlags, own: bool) -> Member {
        let Some(entry) = self.entry(name) else {
            return Member::TooMany;
        };
        let before = entry.channel.members.insert(id, flags);
        let what = match before {
            _ if own && !entry.entered => {
                let old = core::mem::replace(&mut entry.channel.name, name.into());
                let rejoined = core::mem::take(&mut entry.lost);
                entry.wanted = true;
                entry.entered = true;
                entry.asked = false;
                let grown = 2 * name.len();
                self.bytes = self.bytes + grown - 2 * old.len();
                Member::Entered { rejoined }
            }
            _ if !entry.entered => Member::Noted,
            None => Member::Joined,
            Some(before) if before != flags => Member::Flags,
            Some(_) => Member::Noted,
        };
        if before.is_none() {
            self.bytes += MEMBER_BYTES;
        }
        what
    }

    /// Somebody is not in a channel any more. The channel's name, if we were in it
    /// and it was news.
    pub(super) fn part(&mut self, name: &str, id: HostId, own: bool) -> Option<Box<str>> {
        let folded = fold(name);
        let entry = self.entries.get_mut(&*folded)?;
        let known = entry.channel.members.remove(&id).is_some();
        if known {
            self.bytes -= MEMBER_BYTES;
        }
        let news = (entry.entered && known).then(|| entry.channel.name.clone());
        if own && entry.asked {
            // We want to be in again, and have said so already.
            self.bytes -= entry.channel.bytes();
            forget(entry);
        } else if own {
            self.remove(&folded);
        }
        news
    }

    /// A channel is set. The channel's name, if we are in it and it was news.
    pub(super) fn set(&mut self, name: &str, field: ChannelField, value: &str) -> Set {
        let Some(entry) = self.entry(name) else {
            return Set::TooMany;
        };
        let known = entry.entered && entry.channel.setting(field) == value;
        let channel = &mut entry.channel;
        let before = channel.settings.insert(field.0, value.into());
        if field == ChannelField::NAME && value.eq_ignore_ascii_case(name) {
            channel.name = value.into();
        }
        let shown = (entry.entered && !known).then(|| channel.name.clone());
        let freed = before.map_or(0, |before| setting_cost(&before));
        self.bytes = self.bytes + setting_cost(value) - freed;
        match shown {
            Some(name) => Set::Changed(name),
            None => Set::Noted,
        }
    }

    /// Somebody has left the network, and all channels with it.
    pub(super) fn quit(&mut self, id: HostId) {
        for entry in self.entries.values_mut() {
            if entry.channel.members.remove(&id).is_some() {
                self.bytes -= MEMBER_BYTES;
            }
        }
    }

    /// The connection is lost: we are in no channel any more, and want to be in
    /// those that we had not said to leave.
    pub(super) fn lose(&mut self) {
        self.entries
            .retain(|_, entry| entry.wanted && !entry.leaving);
        for entry in self.entries.values_mut() {
            let key = entry.channel.setting(ChannelField::KEY);
            if !key.is_empty() {
                entry.key = key.into();
            }
            entry.lost |= entry.entered;
            entry.asked = false;
            forget(entry);
        }
        self.bytes = self.entries.values().map(Entry::own_bytes).sum();
    }

    pub(super) fn clear(&mut self) {
        *self = Memberships::default();
    }

    /// What there is of a channel, be it nothing yet; `None` if there is no room.
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
                asked: false,
                lost: false,
                entered: false,
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

/// What a setting that is told of means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Set {
    /// Nothing new, or a part of what is just being shown.
    Noted,
    /// The channel of this name is set otherwise than before.
    Changed(Box<str>),
    /// There is no room for one more channel.
    TooMany,
}

/// Forgets what was shown of a channel.
fn forget(entry: &mut Entry) {
    entry.channel.members.clear();
    entry.channel.settings.clear();
    entry.entered = false;
    entry.leaving = false;
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: u32 = 7;
    const NOTHING: MemberFlags = MemberFlags::NONE;
    const OPERATOR: MemberFlags = MemberFlags::OPERATOR;

    fn id(id: u32) -> HostId {
        HostId::new(id).unwrap()
    }

    fn join(channels: &mut Memberships, name: &str, who: u32) -> Member {
        channels.join(name, id(who), NOTHING, who == ME)
    }

    fn part(channels: &mut Memberships, name: &str, who: u32) -> Option<Box<str>> {
        channels.part(name, id(who), who == ME)
    }

    /// The bytes that are counted are those that are there.
    fn check(channels: &Memberships) {
        let cost = |entry: &Entry| entry.own_bytes() + entry.channel.bytes();
        let bytes: usize = channels.entries.values().map(cost).sum();
        assert_eq!(channels.bytes(), bytes);
    }

    #[test]
    fn a_channel_is_shown_and_then_entered() {
        let mut channels = Memberships::default();
        assert_eq!(channels.ask("#reef", "fish"), Asked::Send);
        assert_eq!(channels.ask("#REEF", "fish"), Asked::Waits);
        assert_eq!(channels.ask("#reef", "other"), Asked::Send);
        assert_eq!(join(&mut channels, "#Reef", 5), Member::Noted);
        assert_eq!(
            channels.set("#Reef", ChannelField::TOPIC, "tide"),
            Set::Noted
        );
        assert!(channels.find("#reef").is_none() && channels.is_asked("#reef"));
        let entered = Member::Entered { rejoined: false };
        assert_eq!(join(&mut channels, "#Reef", ME), entered);
        check(&channels);
        let channel = channels.find("#reef").unwrap();
        assert_eq!((channel.name(), channel.topic()), ("#Reef", "tide"));
        assert_eq!(channel.members().len(), 2);
        assert_eq!(channels.ask("#reef", ""), Asked::Entered);

        assert_eq!(join(&mut channels, "#reef", 6), Member::Joined);
        assert_eq!(
            channels.join("#reef", id(6), OPERATOR, false),
            Member::Flags
        );
        assert_eq!(
            channels.join("#reef", id(6), OPERATOR, false),
            Member::Noted
        );
        assert_eq!(
            channels.set("#reef", ChannelField::TOPIC, "tide"),
            Set::Noted
        );
        let changed = Set::Changed("#Reef".into());
        assert_eq!(channels.set("#reef", ChannelField::TOPIC, ""), changed);
        let renamed = Set::Changed("#REEF".into());
        assert_eq!(channels.set("#reef", ChannelField::NAME, "#REEF"), renamed);
        assert_eq!(channels.set("#reef", ChannelField::NAME, "#other"), renamed);
        channels.quit(id(6));
        check(&channels);
        assert_eq!(part(&mut channels, "#reef", 6), None);
        assert_eq!(part(&mut channels, "#reef", 5).as_deref(), Some("#REEF"));
        assert_eq!(part(&mut channels, "#reef", ME).as_deref(), Some("#REEF"));
        assert_eq!((channels.iter().count(), channels.bytes()), (0, 0));
    }

    #[test]
    fn what_is_wanted_outlives_the_connection() {
        let mut channels = Memberships::default();
        for name in ["#a", "#b", "#c", "#d"] {
            channels.ask(name, "old");
            join(&mut channels, name, ME);
        }
        channels.set("#a", ChannelField::KEY, "new");
        channels.leave("#b");
        part(&mut channels, "#c", ME);
        channels.leave("#d");
        channels.stay("#d");
        join(&mut channels, "#e", 5);
        assert_eq!(channels.missing().count(), 0);
        channels.lose();
        check(&channels);
        assert_eq!(channels.iter().count(), 0);
        assert_eq!(channels.missing().collect::<Vec<_>>(), ["#a", "#d"]);
        let asked = channels.ask_again();
        let asked: Vec<_> = asked.iter().map(|(name, key)| (&**name, &**key)).collect();
        assert_eq!(asked, [("#a", "new"), ("#d", "old")]);
        let entered = Member::Entered { rejoined: true };
        assert_eq!(join(&mut channels, "#a", ME), entered);
        channels.refused("#d");
        channels.refused("#a");
        assert_eq!(channels.missing().count(), 0);
        assert_eq!(channels.iter().count(), 1);
    }

    #[test]
    fn who_leaves_and_comes_back_at_once_is_in() {
        let mut channels = Memberships::default();
        channels.ask("#a", "");
        join(&mut channels, "#a", ME);
        channels.leave("#a");
        assert_eq!(channels.ask("#a", ""), Asked::Send);
        // The answers: to the first, then to the second.
        assert!(part(&mut channels, "#a", ME).is_some());
        check(&channels);
        assert!(channels.find("#a").is_none() && channels.is_asked("#a"));
        let entered = Member::Entered { rejoined: false };
        assert_eq!(join(&mut channels, "#a", ME), entered);
    }

    #[test]
    fn there_is_no_room_for_channels_without_end() {
        let mut channels = Memberships::default();
        for number in 0..CHANNELS_MAX {
            assert_eq!(channels.ask(&format!("#{number}"), ""), Asked::Send);
        }
        assert_eq!(channels.ask("#0", ""), Asked::Waits);
        assert_eq!(channels.ask("#x", ""), Asked::TooMany);
        assert_eq!(join(&mut channels, "#x", ME), Member::TooMany);
        assert_eq!(channels.set("#x", ChannelField::TOPIC, ""), Set::TooMany);
        check(&channels);
    }
}
