//! Channels that were renamed: which of them users of IRC know under which name.
//!
//! A channel keeps its first name in frames, and what it was renamed to is a setting. So it
//! is one channel whatever parts of the network call it, and merges as any other. Users of
//! IRC are shown the new name while that is unambiguous, by a rule that gives the same at all servers:
//! no channel has it as its first name, and of several that were renamed to it the one counts whose first
//! name comes first. Where that changes, they are told.
//!
//! Names are compared in lower case.

use std::collections::{BTreeMap, BTreeSet};

use crc_wire::{ChannelField, HostId};

use super::{Channel, Channels, fold};

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

    fn unsettle_claimants(&mut self, name: &str) {
        for claimant in self.claims.get(name).into_iter().flatten() {
            self.unsettled.entry(claimant.clone()).or_default();
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
        // Those that were renamed to its name.
        renames.unsettle_claimants(folded);
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
            renames.unsettle_claimants(&before);
            if let Some(claimants) = renames.claims.get_mut(&before) {
                claimants.remove(folded);
                if claimants.is_empty() {
                    renames.claims.remove(&before);
                }
            }
        }
        if let Some(claim) = claim {
            renames.unsettle_claimants(&claim);
            let claimants = renames.claims.entry(claim).or_default();
            claimants.insert(folded.into());
        }
    }

    /// A channel has begun, with the settings of one before it: nobody knows it under any name.
    pub(super) fn on_begun(&mut self, folded: &str) {
        self.note_name(folded);
        let alias = self.alias_of(folded).map(Box::<str>::from);
        if let (Some(alias), Some(channel)) = (alias, self.channels.get_mut(folded)) {
            self.renames
                .by_alias
                .insert(fold(&alias).into(), folded.into());
            channel.alias = Some(alias);
        }
    }

    /// A channel was renamed.
    pub(super) fn on_renamed(&mut self, folded: &str) {
        self.note_name(folded);
        self.renames.unsettled.insert(folded.into(), true);
    }

    /// A channel has ended: nobody knows it under any name.
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

    /// Gives users of IRC the names that count now. Returns those that have changed.
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
        renamed
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
