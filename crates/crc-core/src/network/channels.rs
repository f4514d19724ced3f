//! The channels of the network: their members and settings.
//!
//! Every server knows all of them. A membership is announced by the member's own server
//! alone, so it reaches every server in order. Several servers may change a setting at
//! once: of two values the one with the higher version replaces the other one, at every server.
//!
//! A channel exists while it has a member. Its settings are remembered for a while
//! longer: a host may have entered it at another server whose announcement has not
//! arrived, and there the channel has never ended. This module knows no frames, no
//! protocols and no policy.

use core::time::Duration;
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use crc_wire::{ChannelField, HostId, MemberFlags};

use crc_machine::LinkId;
use crc_machine::Timestamp;

/// How long the settings of a channel without members are remembered: longer than an
/// announcement takes through a network that works.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// How many channels without members are remembered, and how many bytes their
/// names and settings may have.
const REMEMBERED_MAX: usize = 10_000;
const REMEMBERED_BYTES_MAX: usize = 16 << 20;

/// The settings that this version knows.
pub(crate) const FIELDS: [ChannelField; 6] = [
    ChannelField::TOPIC,
    ChannelField::KEY,
    ChannelField::MODES,
    ChannelField::LIMIT,
    ChannelField::BANS,
    ChannelField::NAME,
];

/// The modes of a channel while none are set: only members may speak.
const MODES_UNSET: &str = "n";

/// One setting of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// Its value; empty for none.
    pub value: Box<str>,
    /// When it was set, in milliseconds of Unix time, or one more than the
    /// version before; 0 if it never was.
    pub version: u64,
    /// The host that set it.
    pub source: Option<HostId>,
}

impl Setting {
    /// Of two settings the one with the higher order is kept.
    fn order(&self) -> (u64, Option<HostId>, &str) {
        (self.version, self.source, &self.value)
    }
}

/// The settings of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    fields: [Setting; FIELDS.len()],
}

impl Settings {
    /// One setting, if this version knows it.
    #[must_use]
    pub fn find(&self, field: ChannelField) -> Option<&Setting> {
        self.fields.get(usize::from(field.0))
    }

    fn value(&self, field: ChannelField) -> &str {
        self.find(field).map_or("", |setting| &setting.value)
    }

    /// Applies a setting, if it is newer than the known one.
    fn apply(&mut self, field: ChannelField, setting: Setting) -> Applied {
        let Some(known) = self.fields.get_mut(usize::from(field.0)) else {
            return Applied::Unknown;
        };
        match setting.order().cmp(&known.order()) {
            core::cmp::Ordering::Less => Applied::Older,
            core::cmp::Ordering::Equal => Applied::Known,
            core::cmp::Ordering::Greater => {
                *known = setting;
                Applied::Newer
            }
        }
    }

    /// How many bytes its values have.
    fn bytes(&self) -> usize {
        self.fields.iter().map(|setting| setting.value.len()).sum()
    }

    /// The settings that have ever been set, in the order of their fields.
    pub fn set(&self) -> impl Iterator<Item = (ChannelField, &Setting)> {
        let fields = FIELDS.into_iter().zip(&self.fields);
        fields.filter(|(_, setting)| setting.version != 0)
    }
}

/// A channel with at least one member.
#[derive(Debug)]
pub struct Channel {
    /// In lower case.
    name: Box<str>,
    /// The spelling in which it was first heard of.
    heard_as: Box<str>,
    members: BTreeMap<HostId, MemberFlags>,
    /// The links behind which members are, and how many.
    links: Vec<(LinkId, u32)>,
    settings: Settings,
}

impl Channel {
    /// Its name as it is to be shown.
    #[must_use]
    pub fn name(&self) -> &str {
        let shown = &self.settings.fields[usize::from(ChannelField::NAME.0)];
        match &*shown.value {
            name if name.eq_ignore_ascii_case(&self.name) => name,
            _ if shown.version == 0 => &self.heard_as,
            _ => &self.name,
        }
    }

    /// Its topic; empty for none.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.settings.value(ChannelField::TOPIC)
    }

    /// Its key; empty for none.
    #[must_use]
    pub fn key(&self) -> &str {
        self.settings.value(ChannelField::KEY)
    }

    /// Its modes that have no value of their own: letters of IRC, sorted.
    #[must_use]
    pub fn modes(&self) -> &str {
        self.value(ChannelField::MODES)
    }

    /// The value of a setting, or its default if it was never set; empty for none.
    #[must_use]
    pub fn value(&self, field: ChannelField) -> &str {
        match self.settings.find(field) {
            Some(unset) if field == ChannelField::MODES && unset.version == 0 => MODES_UNSET,
            Some(setting) => &setting.value,
            None => "",
        }
    }

    /// The most members that may be in it, if there is a limit.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.settings.value(ChannelField::LIMIT).parse().ok()
    }

    /// The masks of its bans.
    pub fn bans(&self) -> impl Iterator<Item = &str> {
        self.settings
            .value(ChannelField::BANS)
            .split_ascii_whitespace()
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its members, in the order of ids.
    pub fn members(&self) -> impl Iterator<Item = (HostId, MemberFlags)> {
        self.members.iter().map(|(id, flags)| (*id, *flags))
    }

    /// The number of members.
    #[must_use]
    pub fn members_len(&self) -> usize {
        self.members.len()
    }

    /// The flags of a member.
    #[must_use]
    pub fn member(&self, host: HostId) -> Option<MemberFlags> {
        self.members.get(&host).copied()
    }

    /// The links behind which members are.
    pub(crate) fn links(&self) -> impl Iterator<Item = LinkId> {
        self.links.iter().map(|(link, _)| *link)
    }

    /// How many such links there are.
    pub(crate) fn links_len(&self) -> usize {
        self.links.len()
    }

    fn count_in(&mut self, link: LinkId) {
        match self.links.iter_mut().find(|(found, _)| *found == link) {
            Some((_, count)) => *count += 1,
            None => self.links.push((link, 1)),
        }
    }

    fn count_out(&mut self, link: LinkId) {
        let Some(place) = self.links.iter().position(|(found, _)| *found == link) else {
            return;
        };
        self.links[place].1 -= 1;
        if self.links[place].1 == 0 {
            self.links.remove(place);
        }
    }
}

/// The result of entering a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entered {
    /// The member was known with these flags.
    Known,
    /// The member has other flags now; these were the former ones.
    Flags(MemberFlags),
    /// The member is new.
    Member,
    /// The member is new, and so is the channel.
    First,
    /// The member is new, and so is the channel; settings from before it had ended are
    /// remembered.
    Again,
}

/// The result of applying a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It has replaced the known one.
    Newer,
    /// It is the known one.
    Known,
    /// Another one is newer.
    Older,
    /// This version does not know the field.
    Unknown,
}

/// All channels.
#[derive(Debug, Default)]
pub struct Channels {
    /// By their names in lower case.
    channels: BTreeMap<Box<str>, Channel>,
    /// The channels of each host that is in any.
    of_host: BTreeMap<HostId, Vec<Box<str>>>,
    /// The settings of channels without members.
    remembered: BTreeMap<Box<str>, (Settings, Timestamp)>,
    /// When each of them is forgotten.
    forgotten_at: VecDeque<(Timestamp, Box<str>)>,
    /// How many bytes are remembered.
    remembered_bytes: usize,
}

/// A name in lower case (ASCII only): names that differ in case are the same.
pub(crate) fn fold(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

impl Channels {
    /// The channel with this name, in any case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Channel> {
        self.channels.get(&*fold(name))
    }

    /// All channels, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// The channels that a host is in.
    pub fn of(&self, host: HostId) -> impl Iterator<Item = &Channel> {
        let names = self.of_host.get(&host).into_iter().flatten();
        names.filter_map(|name| self.channels.get(name))
    }

    /// Whether two hosts are in one channel.
    #[must_use]
    pub fn share(&self, one: HostId, other: HostId) -> bool {
        self.of(one).any(|channel| channel.member(other).is_some())
    }

    /// Enters a member that is behind `link`, or its new flags.
    pub(crate) fn enter(
        &mut self,
        name: &str,
        host: HostId,
        flags: MemberFlags,
        link: LinkId,
        now: Timestamp,
    ) -> Entered {
        let folded = fold(name);
        if let Some(channel) = self.channels.get_mut(&*folded) {
            if let Some(before) = channel.members.insert(host, flags) {
                return match before == flags {
                    true => Entered::Known,
                    false => Entered::Flags(before),
                };
            }
            channel.count_in(link);
            self.of_host.entry(host).or_default().push(folded.into());
            return Entered::Member;
        }
        self.forget_old(now);
        let before = self.recall(&folded);
        let entered = match before {
            Some(_) => Entered::Again,
            None => Entered::First,
        };
        let channel = Channel {
            name: (*folded).into(),
            heard_as: name.into(),
            members: BTreeMap::from([(host, flags)]),
            links: vec![(link, 1)],
            settings: before.unwrap_or_default(),
        };
        let folded: Box<str> = folded.into();
        self.of_host.entry(host).or_default().push(folded.clone());
        self.channels.insert(folded, channel);
        entered
    }

    /// Takes a member out that is behind `link`. Whether it was in.
    pub(crate) fn leave(&mut self, name: &str, host: HostId, link: LinkId, now: Timestamp) -> bool {
        let folded = fold(name);
        let Some(channel) = self.channels.get_mut(&*folded) else {
            return false;
        };
        if channel.members.remove(&host).is_none() {
            return false;
        }
        channel.count_out(link);
        if let Some(names) = self.of_host.get_mut(&host) {
            names.retain(|name| **name != *folded);
            if names.is_empty() {
                self.of_host.remove(&host);
            }
        }
        if channel.members.is_empty() {
            self.end(&folded, now);
        }
        true
    }

    /// Takes a host out of all its channels.
    pub(crate) fn leave_all(&mut self, host: HostId, link: LinkId, now: Timestamp) {
        for name in self.of_host.remove(&host).unwrap_or_default() {
            let Some(channel) = self.channels.get_mut(&name) else {
                continue;
            };
            channel.members.remove(&host);
            channel.count_out(link);
            if channel.members.is_empty() {
                self.end(&name, now);
            }
        }
    }

    /// Applies a setting, unless a newer one is known. If the channel has no member,
    /// the setting is remembered: a member may be about to be announced.
    pub(crate) fn set(
        &mut self,
        name: &str,
        field: ChannelField,
        setting: Setting,
        now: Timestamp,
    ) -> Applied {
        let folded = fold(name);
        if let Some(channel) = self.channels.get_mut(&*folded) {
            return channel.settings.apply(field, setting);
        }
        let mut settings = self.recall(&folded).unwrap_or_default();
        let applied = settings.apply(field, setting);
        self.remember(&folded, settings, now);
        applied
    }

    /// The version that comes after all others of this setting; `unix_ms` is the
    /// time.
    pub(crate) fn next_version(&self, name: &str, field: ChannelField, unix_ms: u64) -> u64 {
        let known = self
            .find(name)
            .and_then(|channel| channel.settings.find(field));
        known
            .map_or(0, |setting| setting.version.saturating_add(1))
            .max(unix_ms)
    }

    fn end(&mut self, folded: &str, now: Timestamp) {
        if let Some(channel) = self.channels.remove(folded) {
            self.remember(folded, channel.settings, now);
        }
    }

    /// Takes out how a channel without members was set.
    fn recall(&mut self, folded: &str) -> Option<Settings> {
        let (settings, _) = self.remembered.remove(folded)?;
        self.remembered_bytes -= settings.bytes() + folded.len();
        Some(settings)
    }

    fn remember(&mut self, folded: &str, settings: Settings, now: Timestamp) {
        self.forget_old(now);
        let bytes = settings.bytes() + folded.len();
        if settings.set().next().is_none() || bytes > REMEMBERED_BYTES_MAX {
            return;
        }
        let until = now + REMEMBERED_FOR;
        self.forgotten_at.push_back((until, folded.into()));
        self.remembered_bytes += bytes;
        self.remembered.insert(folded.into(), (settings, until));
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some((until, _)) = self.forgotten_at.front()
            && (*until <= now
                || self.forgotten_at.len() >= REMEMBERED_MAX
                || self.remembered_bytes > REMEMBERED_BYTES_MAX)
        {
            let Some((until, name)) = self.forgotten_at.pop_front() else {
                return;
            };
            // The channel may have begun and ended again since.
            let remembered = self.remembered.get(&name);
            if remembered.is_some_and(|(_, forgotten_at)| *forgotten_at == until) {
                self.recall(&name);
            }
        }
    }

    /// Checks the invariants that hold between two events; `link_of` returns the first link
    /// of a host.
    pub(crate) fn check(&self, link_of: impl Fn(HostId) -> Option<LinkId>) {
        let mut memberships = 0;
        for (folded, channel) in &self.channels {
            assert_eq!(*folded, channel.name);
            assert!(!channel.members.is_empty(), "{folded} has ended");
            let mut links = BTreeMap::new();
            for host in channel.members.keys() {
                memberships += 1;
                let link = link_of(*host);
                let link =
                    link.unwrap_or_else(|| panic!("{host} in {folded} is not in the directory"));
                *links.entry(link).or_insert(0) += 1;
                assert!(self.of_host[host].contains(folded));
            }
            let counted: BTreeMap<_, _> = channel.links.iter().copied().collect();
            assert_eq!(counted, links, "the links of {folded}");
        }
        let of_hosts: usize = self.of_host.values().map(Vec::len).sum();
        assert_eq!(of_hosts, memberships);
    }
}
