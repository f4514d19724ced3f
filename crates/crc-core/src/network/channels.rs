//! The channels of the network: their members and settings.
//!
//! Every server knows all of them. A membership is announced by the member's own server
//! alone, so it reaches every server in order. Several servers may change a setting at
//! once: of two values the one with the higher version replaces the other one, at every server.
//!
//! A channel has an age: the time when it was founded. Two parts of a split network may
//! have founded a channel of one name each. Where they meet, the older one stands, and
//! the ranks and settings of the younger one are void.
//!
//! A channel exists while it has a member. Its settings are remembered for a while
//! longer: a host may have entered it at another server whose announcement has not
//! arrived, or members may be behind a lost server, and there the channel has never
//! ended. This module knows no frames, no protocols and no policy.

mod channel;
mod renames;
mod settings;

use core::ops::Bound;
use core::time::Duration;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crc_machine::{LinkId, Timestamp};
use crc_wire::{ChannelField, HostId, MemberFlags};

pub use channel::Channel;
pub(crate) use renames::{Renamed, split_rename};
pub use settings::{Founding, Setting, Settings};
pub(crate) use settings::{MODES_UNSET, place_of, shift_version};

/// How long the settings of a channel without members are remembered: longer than an
/// announcement takes through a network that works.
pub(super) const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// How long after the last lost server is back its channels may still be on their way:
/// they come behind all hosts.
const LOSSES_LAST: Duration = Duration::from_secs(30);

/// How many channels without members are remembered, and how many bytes their
/// names and settings may have.
const REMEMBERED_MAX: usize = 10_000;
const REMEMBERED_BYTES_MAX: usize = 16 << 20;

/// A channel without members.
#[derive(Debug)]
struct Remembered {
    settings: Settings,
    founded: Founding,
    /// How many shifts of all times it has followed.
    shifts: u32,
    /// A member was lost with a server, so that the channel may live on elsewhere.
    loss: Option<LossRound>,
    /// When it is forgotten.
    until: Timestamp,
}

/// A round of losses: it ends when all servers that were lost are back, and nothing that was
/// lost in it lives on elsewhere any longer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LossRound(u32);

/// A loss of members of a channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss {
    at: Timestamp,
    round: LossRound,
}

/// A shift of all times that is under way.
#[derive(Debug)]
struct Shift {
    by_ms: i64,
    /// The last name that was visited, and whether that was among the channels without
    /// members, which come behind the others.
    last: Option<Box<str>>,
    is_behind_channels: bool,
}

/// What stands for a name: a channel, or one that may live on elsewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) founded: Founding,
    /// The number of members; 0 for a channel that has none here.
    pub(crate) members_len: usize,
}

/// How the age of a channel that a neighbour states compares with what stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// It is the same, or nothing stands.
    Same,
    /// The neighbour's channel is older.
    Older,
    /// The neighbour's channel is younger: its ranks and settings mean nothing.
    Younger,
}

/// The ranks and settings of a channel that turned out to be the younger one.
#[derive(Debug)]
pub(crate) struct Voided {
    pub(crate) flags: BTreeMap<HostId, MemberFlags>,
    pub(crate) settings: Settings,
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
    /// The member is new, and so is the channel; another one of this name had ended here.
    /// If this one was founded before that, its settings may be unknown here.
    Other,
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
    /// Channels without members.
    remembered: BTreeMap<Box<str>, Remembered>,
    /// When each of them is forgotten.
    forgotten_at: VecDeque<(Timestamp, Box<str>)>,
    /// How many bytes are remembered.
    remembered_bytes: usize,
    /// When no channel lives on elsewhere any longer: all servers that were lost are back.
    losses_end_at: Option<Timestamp>,
    /// The round of losses that has not ended.
    loss_round: LossRound,
    /// How many shifts of all times have begun; and the one that is under way.
    shifts: u32,
    shift: Option<Shift>,
    renames: renames::Renames,
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

    /// The channels whose names, in lower case, come after this one: for a visit with
    /// pauses.
    pub fn after(&self, name: Option<&str>) -> impl Iterator<Item = &Channel> {
        let start = name.map_or(Bound::Unbounded, Bound::Excluded);
        let channels = self.channels.range::<str, _>((start, Bound::Unbounded));
        channels.map(|(_, channel)| channel)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// How many bytes their names and settings have.
    pub(crate) fn bytes(&self) -> usize {
        let channels = self.channels.iter();
        let bytes = channels.map(|(name, it)| name.len() + it.settings.bytes());
        bytes.sum()
    }

    /// The same of those without members, which are remembered.
    pub(crate) const fn remembered_bytes(&self) -> usize {
        self.remembered_bytes
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

    /// What stands for a name: the channel; or one that has no members here and may
    /// live on elsewhere, because some were lost with a server.
    pub(crate) fn standing(&self, name: &str, now: Timestamp) -> Option<Standing<'_>> {
        let folded = fold(name);
        if let Some(channel) = self.channels.get(&*folded) {
            return Some(Standing {
                settings: &channel.settings,
                founded: channel.founded,
                members_len: channel.members.len(),
            });
        }
        let remembered = self.remembered.get(&*folded)?;
        let lost = self.is_lost(&folded) && self.losses_end_at.is_none_or(|at| now < at);
        (lost && remembered.until > now).then_some(Standing {
            settings: &remembered.settings,
            founded: remembered.founded,
            members_len: 0,
        })
    }

    /// The founder has set the channel: how it is spelled is a setting now.
    pub(crate) fn end_founding(&mut self, name: &str) {
        if let Some(channel) = self.channels.get_mut(&*fold(name)) {
            channel.founded_as = None;
        }
    }

    /// How an age that a neighbour states compares with what stands.
    pub(crate) fn compare_age(&self, name: &str, founded: Founding, now: Timestamp) -> Age {
        match self.standing(name, now) {
            Some(known) if known.founded.is_same(founded) => Age::Same,
            Some(known) if founded < known.founded => Age::Older,
            Some(_) => Age::Younger,
            None => Age::Same,
        }
    }

    /// The age of the channel of this name that has ended last and is remembered.
    pub(crate) fn last_age(&self, name: &str) -> Option<Founding> {
        let ended = self.remembered.get(&*fold(name))?;
        Some(ended.founded)
    }

    /// A new channel's age: later than that of a channel of this name that has ended.
    pub(crate) fn new_age(&self, name: &str, tag: u32, now_ms: u64) -> Founding {
        let ended = self.last_age(name);
        let after = ended.map_or(0, |ended| ended.ms.saturating_add(1));
        Founding {
            ms: now_ms.max(after),
            tag,
        }
    }

    /// Begins to shift all ages and versions.
    pub(crate) fn begin_shift(&mut self, by_ms: i64) {
        debug_assert!(self.shift.is_none(), "one shift after the other");
        self.shifts = self.shifts.wrapping_add(1);
        self.shift = Some(Shift {
            by_ms,
            last: None,
            is_behind_channels: false,
        });
    }

    /// Shifts those of the next channel. Whether there was one.
    pub(crate) fn shift_next(&mut self) -> bool {
        let Some(shift) = &mut self.shift else {
            return false;
        };
        let start = shift.last.as_deref();
        let start = start.map_or(Bound::Unbounded, Bound::Excluded);
        let range = (start, Bound::Unbounded);
        // A channel that ends meanwhile is found again behind the others.
        let next = match shift.is_behind_channels {
            false => self.channels.range_mut::<str, _>(range).next().map(|it| {
                let channel = it.1;
                let times = (&mut channel.founded, &mut channel.settings);
                (it.0, times, &mut channel.shifts)
            }),
            true => self.remembered.range_mut::<str, _>(range).next().map(|it| {
                let ended = it.1;
                let times = (&mut ended.founded, &mut ended.settings);
                (it.0, times, &mut ended.shifts)
            }),
        };
        match next {
            Some((name, (founded, settings), shifts)) => {
                if *shifts != self.shifts {
                    *shifts = self.shifts;
                    founded.ms = founded.ms.saturating_add_signed(shift.by_ms);
                    settings.shift_times(shift.by_ms);
                }
                shift.last = Some(name.clone());
                true
            }
            None if !shift.is_behind_channels => {
                shift.last = None;
                shift.is_behind_channels = true;
                true
            }
            None => {
                self.shift = None;
                false
            }
        }
    }

    /// Takes an earlier time for the founding of a channel. Whether it is earlier.
    pub(crate) fn lower_age(&mut self, name: &str, founded: Founding) -> bool {
        let channel = self.channels.get_mut(&*fold(name));
        let known = channel.map(|channel| &mut channel.founded);
        let Some(known) = known.filter(|known| known.is_same(founded) && founded < **known) else {
            return false;
        };
        *known = founded;
        true
    }

    /// An older channel of this name exists: what stands here takes its age, and loses
    /// its ranks and settings, which are returned.
    pub(crate) fn adopt_age(&mut self, name: &str, founded: Founding) -> Option<Voided> {
        let folded = fold(name);
        let Some(channel) = self.channels.get_mut(&*folded) else {
            // Without a member of the older one, it may be the younger one that lives on.
            if !self.is_lost(&folded) {
                self.recall(&folded);
            }
            return None;
        };
        channel.founded = founded;
        let settings = core::mem::take(&mut channel.settings);
        let flags = core::mem::take(&mut channel.ranks);
        self.note_name(&folded);
        Some(Voided { flags, settings })
    }

    /// Enters a member that is behind `link`, or its new flags. A channel that does not
    /// exist here is `founded` at that time, unless an older one may live on elsewhere.
    pub(crate) fn enter(
        &mut self,
        name: &str,
        host: HostId,
        flags: MemberFlags,
        founded: Founding,
        link: LinkId,
        now: Timestamp,
    ) -> Entered {
        let folded = fold(name);
        if let Some(channel) = self.channels.get_mut(&*folded) {
            if let Some(before) = channel.enter(host, flags) {
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
        self.forget_losses(now);
        // Lost members of a younger one take this age as soon as they are in reach.
        let lost = self.is_lost(&folded);
        let ended = self.recall(&folded);
        let entered = match &ended {
            None => Entered::First,
            Some(ended) if lost && ended.founded < founded => Entered::Again,
            Some(ended) if ended.founded.is_same(founded) => Entered::Again,
            Some(_) => Entered::Other,
        };
        let before = ended.filter(|_| entered == Entered::Again);
        let before = before.unwrap_or_else(|| Remembered {
            settings: Settings::default(),
            founded,
            shifts: self.shifts,
            loss: None,
            until: now,
        });
        let mut channel = Channel {
            name: (*folded).into(),
            founded_as: (entered != Entered::Again && *folded != *name).then(|| name.into()),
            alias: None,
            members: BTreeSet::new(),
            ranks: BTreeMap::new(),
            links: vec![(link, 1)],
            settings: before.settings,
            founded: before.founded,
            shifts: before.shifts,
            loss: lost.then_some(Loss {
                at: now,
                round: self.loss_round,
            }),
        };
        channel.enter(host, flags);
        let folded: Box<str> = folded.into();
        self.of_host.entry(host).or_default().push(folded.clone());
        self.channels.insert(folded.clone(), channel);
        self.on_begun(&folded);
        entered
    }

    /// Takes a member out that is behind `link`. Whether it was in.
    pub(crate) fn leave(&mut self, name: &str, host: HostId, link: LinkId, now: Timestamp) -> bool {
        let folded = fold(name);
        let Some(channel) = self.channels.get_mut(&*folded) else {
            return false;
        };
        if !channel.leave(host) {
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

    /// Takes a host out of all its channels. `lost`: it went with a server, and may
    /// still be there in a part of the network that is out of reach.
    pub(crate) fn leave_all(&mut self, host: HostId, link: LinkId, lost: bool, now: Timestamp) {
        self.forget_losses(now);
        if lost {
            self.losses_end_at = None;
        }
        for name in self.of_host.remove(&host).unwrap_or_default() {
            let Some(channel) = self.channels.get_mut(&name) else {
                continue;
            };
            channel.leave(host);
            channel.count_out(link);
            if lost {
                channel.loss = Some(Loss {
                    at: now,
                    round: self.loss_round,
                });
            }
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
        founded: Founding,
        now: Timestamp,
    ) -> Applied {
        let folded = fold(name);
        if let Some(channel) = self.channels.get_mut(&*folded) {
            let applied = channel.settings.apply(field, setting);
            if field == ChannelField::RENAMED_TO && applied == Applied::Newer {
                self.on_renamed(&folded);
            }
            return applied;
        }
        if self.is_lost(&folded) && self.last_age(name).is_some_and(|age| !age.is_same(founded)) {
            // It may live on elsewhere. This is about another one, of which no member is known.
            return Applied::Known;
        }
        let known = self.recall(&folded);
        let mut ended = known
            .filter(|known| known.founded.is_same(founded))
            .unwrap_or_else(|| Remembered {
                settings: Settings::default(),
                founded,
                shifts: self.shifts,
                loss: None,
                until: now + REMEMBERED_FOR,
            });
        let applied = ended.settings.apply(field, setting);
        ended.until = now + REMEMBERED_FOR;
        self.remember(&folded, ended, now);
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
            self.forget_alias(&channel);
            self.note_name(folded);
            let until = now + REMEMBERED_FOR;
            let recently = |loss: &Loss| now < loss.at + REMEMBERED_FOR;
            let ended = Remembered {
                settings: channel.settings,
                founded: channel.founded,
                shifts: channel.shifts,
                loss: channel.loss.filter(recently).map(|loss| loss.round),
                until,
            };
            self.remember(folded, ended, now);
        }
    }

    /// Every server that was lost is back, or is known to be gone for good. Once their
    /// channels are here, none lives on elsewhere.
    pub(crate) fn end_losses(&mut self, now: Timestamp) {
        self.losses_end_at = Some(now + LOSSES_LAST);
    }

    /// Forgets which channels may live on elsewhere, if none does any longer.
    fn forget_losses(&mut self, now: Timestamp) {
        if self.losses_end_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        self.loss_round = LossRound(self.loss_round.0.wrapping_add(1));
    }

    /// Whether members of a channel without members here were lost with a server.
    fn is_lost(&self, folded: &str) -> bool {
        let ended = self.remembered.get(folded);
        ended.is_some_and(|ended| ended.loss == Some(self.loss_round))
    }

    /// Takes out a channel without members.
    fn recall(&mut self, folded: &str) -> Option<Remembered> {
        let ended = self.remembered.remove(folded)?;
        self.remembered_bytes -= ended.settings.bytes() + folded.len();
        Some(ended)
    }

    fn remember(&mut self, folded: &str, ended: Remembered, now: Timestamp) {
        self.forget_old(now);
        let bytes = ended.settings.bytes() + folded.len();
        if bytes > REMEMBERED_BYTES_MAX {
            return;
        }
        self.forgotten_at.push_back((ended.until, folded.into()));
        self.remembered_bytes += bytes;
        self.remembered.insert(folded.into(), ended);
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
            // It may have been there again meanwhile, and have ended again.
            let stands = self.remembered.get(&name);
            if stands.is_some_and(|ended| ended.until == until) {
                self.recall(&name);
            }
        }
    }

    /// Checks the invariants that hold between two events; `link_of` returns the first link
    /// of a host.
    pub(crate) fn check(&self, link_of: impl Fn(HostId) -> Option<LinkId>) {
        self.check_names();
        let mut memberships = 0;
        for (folded, channel) in &self.channels {
            assert_eq!(*folded, channel.name);
            assert!(!channel.members.is_empty(), "{folded} has ended");
            let mut links = BTreeMap::new();
            for host in channel.ranks.keys() {
                assert!(
                    channel.members.contains(host),
                    "{host} has a rank in {folded}"
                );
            }
            for host in &channel.members {
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
