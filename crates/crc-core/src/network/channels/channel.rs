//! One channel: its members, its settings, and the links behind which members are.

use core::ops::Bound;
use std::collections::{BTreeMap, BTreeSet};

use crc_machine::LinkId;
use crc_wire::{ChannelField, HostId, MemberFlags};

use super::Loss;
use super::renames::split_rename;
use super::settings::{Founding, Settings};

/// A channel with at least one member.
#[derive(Debug)]
pub struct Channel {
    /// In lower case.
    pub(super) name: Box<str>,
    /// How its founder spells it, until that is a setting.
    pub(super) founded_as: Option<Box<str>>,
    /// The name that users of IRC have been told, since it was renamed.
    pub(super) alias: Option<Box<str>>,
    pub(super) members: BTreeSet<HostId>,
    /// The flags of the members that have any: all of them end at once where an older
    /// channel stands.
    pub(super) ranks: BTreeMap<HostId, MemberFlags>,
    /// The links behind which members are, and how many.
    pub(super) links: Vec<(LinkId, u32)>,
    pub(super) settings: Settings,
    pub(super) founded: Founding,
    /// How many shifts of all times it has followed.
    pub(super) shifts: u32,
    /// The last loss of a member with a server: the channel may live on elsewhere.
    pub(super) loss: Option<Loss>,
}

impl Channel {
    /// Its name as it is to be shown.
    #[must_use]
    pub fn name(&self) -> &str {
        let shown = &self.settings.fields[usize::from(ChannelField::NAME.0)];
        match &*shown.value {
            name if name.eq_ignore_ascii_case(&self.name) => name,
            _ => self.founded_as.as_deref().unwrap_or(&self.name),
        }
    }

    /// Its name for users of IRC: the one that it was renamed to, if that can be told from the
    /// names of other channels. In frames it has its first name for ever.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.alias.as_deref().unwrap_or_else(|| self.name())
    }

    /// The longer one of its names: what is said in it is to fit into a line with either.
    #[must_use]
    pub fn longer_name(&self) -> &str {
        let (first, shown) = (self.name(), self.shown_name());
        if shown.len() > first.len() {
            shown
        } else {
            first
        }
    }

    /// Whether a name, in any case, is its first one, and users of IRC know it under another.
    #[must_use]
    pub fn is_former_name(&self, name: &str) -> bool {
        let alias = self.alias.as_deref();
        let is_other = alias.is_some_and(|alias| !alias.eq_ignore_ascii_case(&self.name));
        is_other && name.eq_ignore_ascii_case(&self.name)
    }

    /// The name that it was renamed to, and why.
    pub(super) fn claim(&self) -> Option<(&str, &str)> {
        let claim = self.settings.value(ChannelField::RENAMED_TO);
        let (name, why) = split_rename(claim);
        (!name.is_empty()).then_some((name, why))
    }

    /// Its topic; empty for none.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.settings.value(ChannelField::TOPIC)
    }

    /// Its key; empty for none.
    #[must_use]
    pub fn key(&self) -> &str {
        self.settings.key()
    }

    /// Its modes that have no value of their own: letters of IRC, sorted.
    #[must_use]
    pub fn modes(&self) -> &str {
        self.settings.modes()
    }

    /// The value of a setting, or its default if it was never set; empty for none.
    #[must_use]
    pub fn value(&self, field: ChannelField) -> &str {
        self.settings.value(field)
    }

    /// When it was founded.
    #[must_use]
    pub fn founded(&self) -> Founding {
        self.founded
    }

    /// The most members that may be in it, if there is a limit.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.settings.limit()
    }

    /// The masks of its bans.
    pub fn bans(&self) -> impl Iterator<Item = &str> {
        self.settings.bans()
    }

    /// The masks in one of its lists: the bans, or the exceptions from bans or invitations.
    pub fn masks(&self, list: ChannelField) -> impl Iterator<Item = &str> {
        self.settings.masks(list)
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its members, in the order of ids.
    pub fn members(&self) -> impl Iterator<Item = (HostId, MemberFlags)> {
        self.members.iter().map(|id| (*id, self.flags_of(*id)))
    }

    /// Its members that come after a host in the order of ids: for a visit with pauses.
    pub fn members_after(
        &self,
        after: Option<HostId>,
    ) -> impl Iterator<Item = (HostId, MemberFlags)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let members = self.members.range((start, Bound::Unbounded));
        members.map(|id| (*id, self.flags_of(*id)))
    }

    /// The number of members.
    #[must_use]
    pub fn members_len(&self) -> usize {
        self.members.len()
    }

    /// The flags of a member.
    #[must_use]
    pub fn member(&self, host: HostId) -> Option<MemberFlags> {
        let is_member = self.members.contains(&host);
        is_member.then(|| self.flags_of(host))
    }

    /// Its members that have flags and come after a host in the order of ids.
    pub(crate) fn ranks_after(
        &self,
        after: Option<HostId>,
    ) -> impl Iterator<Item = (HostId, MemberFlags)> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ranks = self.ranks.range((start, Bound::Unbounded));
        ranks.map(|(id, flags)| (*id, *flags))
    }

    fn flags_of(&self, member: HostId) -> MemberFlags {
        self.ranks.get(&member).copied().unwrap_or_default()
    }

    /// Enters a member, or its new flags. The former ones, if it was in.
    pub(super) fn enter(&mut self, host: HostId, flags: MemberFlags) -> Option<MemberFlags> {
        let was_in = !self.members.insert(host);
        let before = match flags {
            MemberFlags::NONE => self.ranks.remove(&host),
            _ => self.ranks.insert(host, flags),
        };
        was_in.then(|| before.unwrap_or_default())
    }

    /// Takes a member out. Whether it was in.
    pub(super) fn leave(&mut self, host: HostId) -> bool {
        self.ranks.remove(&host);
        self.members.remove(&host)
    }

    /// The links behind which members are.
    pub(crate) fn links(&self) -> impl Iterator<Item = LinkId> {
        self.links.iter().map(|(link, _)| *link)
    }

    /// How many such links there are.
    pub(crate) fn links_len(&self) -> usize {
        self.links.len()
    }

    pub(super) fn count_in(&mut self, link: LinkId) {
        match self.links.iter_mut().find(|(found, _)| *found == link) {
            Some((_, count)) => *count += 1,
            None => self.links.push((link, 1)),
        }
    }

    pub(super) fn count_out(&mut self, link: LinkId) {
        let Some(place) = self.links.iter().position(|(found, _)| *found == link) else {
            return;
        };
        self.links[place].1 -= 1;
        if self.links[place].1 == 0 {
            self.links.remove(place);
        }
    }
}
