//! Channels that were renamed: which of them users of IRC know under which name.
//!
//! A channel keeps its first name in frames, and what it was renamed to is a setting. So it
//! is one channel whatever parts of the network call it, and merges as any other. Users of
//! IRC are shown the new name while that is unambiguous, by a rule that gives the same at all servers:
//! no channel has it as its first name, and of several that were renamed to it the one counts whose first
//! name comes first. Where that changes, they are told.
//!
//! Names are compared in lower case.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crc_wire::{ChannelField, HostId};

use super::{Channel, Channels, fold};

/// What a channel was renamed to, and why, as the setting has it.
pub(crate) fn split_rename(value: &str) -> (&str, &str) {
    value.split_once(' ').unwrap_or((value, ""))
}

/// The names that channels were renamed to.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// The channels that were renamed to a name, by their first names.
    claims: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
    /// What each of them was renamed to.
    claim_of: BTreeMap<Box<str>, Box<str>>,
    /// The channel that users of IRC know under a name.
    by_alias: BTreeMap<Box<str>, Box<str>>,
    /// Channels of which users of IRC may have to be told another name, and whether one was just
    /// renamed.
    unsettled: BTreeMap<Box<str>, bool>,
}

/// Users of IRC know a channel under another name from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renamed {
    /// Its name in frames.
    pub(crate) channel: Box<str>,
    pub(crate) before: Box<str>,
    pub(crate) after: Box<str>,
    /// The host that has renamed it now, if that is known.
    pub(crate) by: Option<HostId>,
    pub(crate) why: Box<str>,
}

/// Changes in an order in which each new name is free. Where channels take each other's names, one of
/// them has its first name meanwhile.
fn in_order(renamed: Vec<Renamed>) -> Vec<Renamed> {
    let mut ordered = Vec::with_capacity(renamed.len());
    let by_name = |renamed: Renamed| (Box::<str>::from(fold(&renamed.before)), renamed);
    let mut rest: BTreeMap<Box<str>, Renamed> = renamed.into_iter().map(by_name).collect();
    while let Some((name, first)) = rest.pop_first() {
        // Each one needs the name that the one behind it has.
        let mut chain = vec![first];
        while let Some(last) = chain.last()
            && let Some(next) = rest.remove(&*fold(&last.after))
        {
            chain.push(next);
        }
        let is_circle = chain.len() > 1 && chain.last().is_some_and(|it| *fold(&it.after) == *name);
        if let Some(first) = chain.first_mut().filter(|_| is_circle) {
            let aside = Renamed {
                after: first.channel.clone(),
                ..first.clone()
            };
            first.before = aside.after.clone();
            ordered.push(aside);
        }
        ordered.extend(chain.into_iter().rev());
    }
    ordered
}

impl Renames {
    /// A channel has no alias any longer.
    fn remove_alias(&mut self, alias: &str, folded: &str) {
        let name = fold(alias);
        if self
            .by_alias
            .get(&*name)
            .is_some_and(|has| **has == *folded)
        {
            self.by_alias.remove(&*name);
        }
    }

    /// Who has a claim to a name may change: of all that claim it only the first can have it.
    fn unsettle_first(&mut self, name: &str) {
        if let Some(first) = self.claims.get(name).and_then(BTreeSet::first) {
            self.unsettled.entry(first.clone()).or_default();
        }
    }
}

impl Channels {
    /// Whether users of IRC know any channel under another name than its first one.
    #[inline]
    pub(crate) fn has_aliases(&self) -> bool {
        !self.renames.by_alias.is_empty()
    }

    /// The channel that users of IRC know under a name, in any case; or the one with that first
    /// name.
    #[must_use]
    pub fn find_shown(&self, name: &str) -> Option<&Channel> {
        let folded = fold(name);
        let first_name = self.renames.by_alias.get(&*folded);
        self.channels.get(first_name.map_or(&*folded, |name| name))
    }

    /// How users of IRC know the channel with this first name.
    #[inline]
    pub(crate) fn shown_name<'a>(&'a self, name: &'a str) -> &'a str {
        match self.has_aliases() {
            true => self.alias_or_name(name),
            false => name,
        }
    }

    #[inline(never)]
    fn alias_or_name<'a>(&'a self, name: &'a str) -> &'a str {
        let channel = self.find(name);
        let alias = channel.and_then(|channel| channel.alias.as_deref());
        alias.unwrap_or(name)
    }

    /// A channel has begun or ended, or it may have been renamed.
    pub(super) fn note_name(&mut self, folded: &str) {
        let channel = self.channels.get(folded);
        let claim = channel.and_then(|channel| channel.claim());
        let claim = claim.map(|(name, _)| Box::<str>::from(fold(name)));
        let renames = &mut self.renames;
        // One that was renamed to its name.
        renames.unsettle_first(folded);
        let before = match &claim {
            Some(name) => renames.claim_of.insert(folded.into(), name.clone()),
            None => renames.claim_of.remove(folded),
        };
        if before.is_none() && claim.is_none() {
            return;
        }
        renames.unsettled.entry(folded.into()).or_default();
        if before == claim {
            return;
        }
        if let Some(before) = before {
            if let Some(claimants) = renames.claims.get_mut(&before) {
                claimants.remove(folded);
                if claimants.is_empty() {
                    renames.claims.remove(&before);
                }
            }
            renames.unsettle_first(&before);
        }
        if let Some(claim) = claim {
            renames.unsettle_first(&claim);
            let claimants = renames.claims.entry(claim).or_default();
            claimants.insert(folded.into());
        }
    }

    /// A channel has begun, with the settings of one before it: no user has been told any name of
    /// it. If users still know another one under its name, they are told first.
    pub(super) fn on_begun(&mut self, folded: &str) {
        self.note_name(folded);
        let alias = self.alias_of(folded).map(Box::<str>::from);
        if let (Some(alias), Some(channel)) = (alias, self.channels.get_mut(folded))
            && let Entry::Vacant(place) = self.renames.by_alias.entry(fold(&alias).into())
        {
            place.insert(folded.into());
            channel.alias = Some(alias);
        }
    }

    /// A channel was renamed.
    pub(super) fn on_renamed(&mut self, folded: &str) {
        self.note_name(folded);
        self.renames.unsettled.insert(folded.into(), true);
    }

    /// A channel has ended: no user knows it under any name.
    pub(super) fn forget_alias(&mut self, channel: &Channel) {
        if let Some(alias) = &channel.alias {
            self.renames.remove_alias(alias, &channel.name);
        }
    }

    /// Whether there may be channels of which users of IRC are to be told another name.
    #[inline]
    pub(crate) fn has_unsettled_names(&self) -> bool {
        !self.renames.unsettled.is_empty()
    }

    /// Gives users of IRC the names that count now. Returns those that have changed, in an order
    /// in which no two channels have one name at a time.
    pub(crate) fn settle_names(&mut self) -> Vec<Renamed> {
        let unsettled = core::mem::take(&mut self.renames.unsettled);
        let mut renamed = Vec::new();
        for (folded, is_renamed) in unsettled {
            let alias = self.alias_of(&folded).map(Box::from);
            let Some(channel) = self.channels.get_mut(&folded) else {
                continue;
            };
            if channel.alias == alias {
                continue;
            }
            let before = channel.shown_name().into();
            if let Some(former) = core::mem::replace(&mut channel.alias, alias) {
                self.renames.remove_alias(&former, &folded);
            }
            let claim = channel.claim().filter(|_| channel.alias.is_some());
            let setting = channel.settings.find(ChannelField::RENAMED_TO);
            renamed.push(Renamed {
                channel: channel.name().into(),
                before,
                after: channel.shown_name().into(),
                by: setting.filter(|_| is_renamed).and_then(|it| it.source),
                why: claim.map_or("", |(_, why)| why).into(),
            });
        }
        // A name may have gone from one channel to another.
        for Renamed { channel, after, .. } in &renamed {
            let folded = fold(channel);
            if self
                .channels
                .get(&*folded)
                .is_some_and(|it| it.alias.is_some())
            {
                let alias = fold(after).into();
                self.renames.by_alias.insert(alias, folded.into());
            }
        }
        in_order(renamed)
    }

    /// The name that users of IRC should know a channel under, if it is not its first one.
    fn alias_of(&self, folded: &str) -> Option<&str> {
        let (claim, _) = self.channels.get(folded)?.claim()?;
        let name = fold(claim);
        let is_own = *name == *folded;
        let first = || self.renames.claims.get(&*name)?.first();
        let is_free = || !self.channels.contains_key(&*name);
        let counts = is_own || is_free() && first().is_some_and(|first| **first == *folded);
        counts.then_some(claim)
    }

    /// Checks the invariants that hold between two events.
    pub(super) fn check_names(&self) {
        assert!(self.renames.unsettled.is_empty());
        let mut claims = BTreeMap::new();
        for (folded, channel) in &self.channels {
            if let Some((claim, _)) = channel.claim() {
                claims.insert(folded.clone(), fold(claim).into());
            }
        }
        assert_eq!(claims, self.renames.claim_of);
        let claimed = self.renames.claims.iter();
        let claimed = claimed.flat_map(|(claim, all)| all.iter().map(move |name| (name, claim)));
        assert_eq!(claimed.collect::<BTreeMap<_, _>>(), claims.iter().collect());
        let mut aliases = BTreeMap::new();
        for (folded, channel) in &self.channels {
            assert_eq!(channel.alias.as_deref(), self.alias_of(folded), "{folded}");
            if let Some(alias) = &channel.alias {
                let before = aliases.insert(fold(alias).into(), folded.clone());
                assert_eq!(before, None, "{alias} is one channel");
            }
        }
        assert_eq!(aliases, self.renames.by_alias);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_channels_have_one_name_at_a_time() {
        let renamed = |(channel, before, after): &(&str, &str, &str)| Renamed {
            channel: (*channel).into(),
            before: (*before).into(),
            after: (*after).into(),
            by: None,
            why: "".into(),
        };
        for changes in [
            &[("#a", "#a", "#b")][..],
            &[("#a", "#Lagoon", "#LAGOON")],
            &[("#cave", "#cave", "#Lagoon"), ("#reef", "#lagoon", "#reef")],
            &[("#a", "#x", "#y"), ("#b", "#y", "#z"), ("#c", "#z", "#w")],
            &[("#c", "#z", "#w"), ("#a", "#x", "#y"), ("#b", "#y", "#z")],
            &[("#a", "#x", "#y"), ("#b", "#Y", "#x")],
            &[
                ("#a", "#x", "#y"),
                ("#b", "#y", "#z"),
                ("#c", "#z", "#x"),
                ("#d", "#1", "#2"),
            ],
        ] {
            let mut names: BTreeMap<&str, String> = BTreeMap::new();
            for (channel, before, _) in changes {
                names.insert(channel, before.to_ascii_lowercase());
            }
            let told = in_order(changes.iter().map(renamed).collect());
            assert!(told.len() <= changes.len() + 1, "{told:?}");
            for Renamed {
                channel,
                before,
                after,
                ..
            } in told
            {
                let known = names.get_mut(&*channel).unwrap();
                assert_eq!(*known, before.to_ascii_lowercase());
                *known = after.to_ascii_lowercase();
                let all: BTreeSet<_> = names.values().collect();
                assert_eq!(all.len(), names.len(), "{names:?}");
            }
            for (channel, _, after) in changes {
                assert_eq!(names[channel], after.to_ascii_lowercase());
            }
        }
    }
}
